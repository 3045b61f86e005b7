"""Reference images: where they lie, how a form names them, how they come in."""
