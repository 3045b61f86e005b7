"""Checkpoints on their way in: the words of tus, the staged files and their digests; no models here."""
