"""How many pieces one process takes in at once: each holds its thread for as long as its client's line needs."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from dashboard.lib.places import BusyError

# `up` answers with 16 threads: some stay free for pages, and some of these for other organizations.
MAX_PIECES = 10
MAX_PIECES_OF_ONE = 8
BUSY = "This server takes in as many pieces at once as it can. Send this one again in a few seconds."
_pieces: Counter[int] = Counter()
_lock = Lock()


@contextmanager
def receiving(organization_id: int) -> Iterator[None]:
    """Raises BusyError."""
    with _lock:
        if _pieces.total() >= MAX_PIECES or _pieces[organization_id] >= MAX_PIECES_OF_ONE:
            raise BusyError(BUSY, retry_after=5)
        _pieces[organization_id] += 1
    try:
        yield
    finally:
        with _lock:
            _pieces[organization_id] -= 1
            if not _pieces[organization_id]:
                del _pieces[organization_id]
