"""The same moment for several threads, each with a database connection of its own."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

from django.db import connection

from dashboard.lib.errors import DashboardError

Answer = TypeVar("Answer")


def at_once(*calls: Callable[[], Answer]) -> list[Answer | DashboardError]:
    """What each returned, or how it was refused; any other exception is raised."""
    start = Barrier(len(calls))

    def run(call: Callable[[], Answer]) -> Answer | DashboardError:
        start.wait(timeout=30)
        try:
            return call()
        except DashboardError as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(run, calls))
