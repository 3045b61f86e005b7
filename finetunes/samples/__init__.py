"""What belongs to samples besides their rows: copies of files, and why some were not made."""
