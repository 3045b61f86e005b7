"""Commands that people and programs give on generations."""
