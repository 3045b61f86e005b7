"""Places in this process for what costs it much: as many at work as there are, a few in line, and no more.

What they save is memory, or threads of the web server, of which some must be left to answer everybody else.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore, Lock

from dashboard.lib.errors import DashboardError


class BusyError(DashboardError):
    """Every place is taken, and the line is full or did not move in time; nothing was done."""

    code = "busy"
    status = 503

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Places:
    """`in_line` counts those at work too; who waits longer than `seconds` is sent away with the `refusal`.

    Of all in line at most `of_one` come from the same one: nobody keeps out everybody else.
    """

    def __init__(
        self,
        count: int,
        refusal: str,
        *,
        in_line: int = sys.maxsize,
        of_one: int = sys.maxsize,
        seconds: float = 0,
        retry_after: int = 1,
    ) -> None:
        self.refusal = refusal
        self.in_line = in_line
        self.of_one = of_one
        self.seconds = seconds
        self.retry_after = retry_after
        self._line = BoundedSemaphore(in_line)
        self._at_work = BoundedSemaphore(count)
        self._shares: Counter[int] = Counter()
        self._lock = Lock()

    @contextmanager
    def take(self, one: int = 0) -> Iterator[None]:
        """For whoever `one` stands for. Raises BusyError."""
        with self._share_of(one), self._held(self._line, 0), self._held(self._at_work, self.seconds):
            yield

    @contextmanager
    def _share_of(self, one: int) -> Iterator[None]:
        with self._lock:
            if self._shares[one] >= self.of_one:
                raise self._busy()
            self._shares[one] += 1
        try:
            yield
        finally:
            with self._lock:
                self._shares[one] -= 1
                if not self._shares[one]:
                    del self._shares[one]

    @contextmanager
    def _held(self, places: BoundedSemaphore, seconds: float) -> Iterator[None]:
        if not places.acquire(timeout=seconds):
            raise self._busy()
        try:
            yield
        finally:
            places.release()

    def _busy(self) -> BusyError:
        return BusyError(self.refusal, retry_after=self.retry_after)
