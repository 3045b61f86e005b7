"""A Celery worker and its beat as threads of this process, for `up` and for tests."""

import logging
import os
import socket
import threading
import warnings
from types import TracebackType
from typing import Any

from celery import signals
from celery.beat import Scheduler, Service
from celery.exceptions import SecurityWarning
from celery.worker import state

from dashboard.celery import app

CONCURRENCY = 8
# How long beat sleeps at most, and with it how late it notices that it should stop.
BEAT_SECONDS = 1
READY_SECONDS = 10.0
STOP_SECONDS = 2.0
SWEEP = app.conf.beat_schedule["sweep"]["task"]


@signals.setup_logging.connect
def keep_logging(**_: Any) -> None:
    """Having a receiver tells Celery that logging is set up already: it keeps Django's, and stays quiet."""


class EmbeddedWorker:
    """Takes tasks from `start` to `stop`, as a process of `celery worker` does, but without its signal handlers."""

    def __init__(self, *, beat: bool = True) -> None:
        self.beat = Service(app, max_interval=BEAT_SECONDS, scheduler_cls=Scheduler) if beat else None
        self.thread = threading.Thread(target=self._work, name="celery-worker", daemon=True)
        self.ready = threading.Event()

    def start(self) -> None:
        """Returns when tasks are taken. Raises TimeoutError."""
        state.should_stop = None
        self._worker = _make_worker()
        logging.getLogger("celery.worker.control").setLevel(logging.ERROR)  # it warns of the order to stop
        signals.worker_ready.connect(self._note_ready)
        self.thread.start()
        if not self.ready.wait(READY_SECONDS):
            raise TimeoutError("The embedded Celery worker did not start; see the log.")
        if self.beat is not None:
            threading.Thread(target=self.beat.start, name="celery-beat", daemon=True).start()
            app.send_task(SWEEP)

    def stop(self) -> bool:
        """Takes no more tasks and lets the running ones end. False when some needed longer than two seconds."""
        if self.beat is not None:
            self.beat.stop()
        state.should_stop = 0  # type: ignore[assignment]  # an exit code, which the stubs do not know
        # It also takes a message, which ends the worker's wait for one; that may last two seconds.
        app.control.broadcast("shutdown", destination=[self._worker.hostname])
        self.thread.join(STOP_SECONDS)
        return not self.thread.is_alive()

    def __enter__(self) -> "EmbeddedWorker":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _note_ready(self, **_: Any) -> None:
        self.ready.set()

    def _work(self) -> None:
        app.set_current()
        self._worker.start()


def _make_worker() -> Any:
    with warnings.catch_warnings():
        # Root in a container is the operator's choice, and no pickle is accepted here.
        warnings.simplefilter("ignore", SecurityWarning)
        return app.Worker(
            hostname=f"embedded-{os.getpid()}@{socket.gethostname()}",
            pool="threads",
            concurrency=CONCURRENCY,
            quiet=True,
            redirect_stdouts=False,
            without_heartbeat=True,
            without_mingle=True,
            without_gossip=True,
        )
