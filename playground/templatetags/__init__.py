"""Template tags of the Playground."""
