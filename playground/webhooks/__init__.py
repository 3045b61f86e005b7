"""Telling the end of a generation: what was asked for, the body, the tries and the threads that make them."""
