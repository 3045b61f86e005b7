"""Checkpoints as files: reading their headers, keeping them, writing small ones; no models and no database here."""
