"""Places in this process for what costs it much: as many at work as there are, a few in line, and no more.

What they save is memory, or threads of the web server, of which some must be left to answer everybody else.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

from dashboard.lib.errors import DashboardError


class BusyError(DashboardError):
    """Every place is taken, and the line is full or did not move in time; nothing was done."""

    code = "busy"
    status = 503

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Places:
    """`in_line` counts those at work too; who waits longer than `seconds` is sent away with the `refusal`."""

    def __init__(
        self, count: int, refusal: str, *, in_line: int = sys.maxsize, seconds: float = 0, retry_after: int = 1
    ) -> None:
        self.refusal = refusal
        self.in_line = in_line
        self.seconds = seconds
        self.retry_after = retry_after
        self._line = BoundedSemaphore(in_line)
        self._at_work = BoundedSemaphore(count)

    @contextmanager
    def take(self) -> Iterator[None]:
        """Raises BusyError."""
        with self._held(self._line, 0), self._held(self._at_work, self.seconds):
            yield

    @contextmanager
    def _held(self, places: BoundedSemaphore, seconds: float) -> Iterator[None]:
        if not places.acquire(timeout=seconds):
            raise BusyError(self.refusal, retry_after=self.retry_after)
        try:
            yield
        finally:
            places.release()
