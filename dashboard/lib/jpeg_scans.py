"""JPEGs that have themselves gone over without end: sixty bytes a scan, and each scan touches every pixel."""

import re
from typing import IO

# Cameras and editors write a dozen, the most thorough optimizers a few dozen. Of 20 million pixels each costs 16 ms.
MOST_SCANS = 100
START_OF_SCAN, END_OF_IMAGE = 0xDA, 0xD9
# Those that are followed by their length; within a scan 0xFF stands before a zero or a restart alone.
MARKER = re.compile(rb"\xff([^\x00\x01\xd0-\xd8\xff])")


def has_too_many_scans(file: IO[bytes]) -> bool:
    """Of a JPEG, up to the end of its picture; what lies behind it, a phone's film for one, is not looked at."""
    file.seek(0)
    content, scans, place = file.read(), 0, 0
    while scans <= MOST_SCANS and (found := MARKER.search(content, place)) and found[1][0] != END_OF_IMAGE:
        scans += found[1][0] == START_OF_SCAN
        place = found.end() + int.from_bytes(content[found.end() : found.end() + 2])
    return scans > MOST_SCANS
