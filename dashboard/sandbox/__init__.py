"""A BFL-compatible server of ours that draws labelled test images; it is no model and needs no database."""
