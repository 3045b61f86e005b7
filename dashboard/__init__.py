"""The project: its composition root, and the rooms beneath the two domain apps."""
