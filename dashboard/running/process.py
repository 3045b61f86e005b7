"""The process that serves: the web application, and beside it in threads the worker, its beat and the sandbox."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from http.client import HTTPConnection, HTTPException
from multiprocessing import util
from types import FrameType

from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.db import connections

from dashboard.running.peers import watch_peers
from dashboard.running.worker import EmbeddedWorker
from dashboard.sandbox.server import Sandbox

# Sets Django up, also where this process was not forked but spawned; whatever reads models is imported after it.
from dashboard.wsgi import application
from playground.workflow import reclaim

LOGIN_PATH = "/account/login/"
PARENT_SECONDS = 0.5
ANSWER_SECONDS = 10
RETRY_SECONDS = 0.05
# Also when the address of the server is "every address".
LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def load(banner: str, address: str, port: int) -> WSGIHandler:
    """Starts what runs beside the web server. granian calls it in the process that is about to serve."""
    for number in (signal.SIGINT, signal.SIGTERM):  # until granian puts its own handlers in their place
        signal.signal(number, _leave)
    _in_background(_follow_parent)
    companions = ExitStack()
    util.Finalize(None, companions.close, exitpriority=10)  # runs when granian has stopped serving
    _start(companions)
    _in_background(_announce, banner, address, port)
    return application


def _start(companions: ExitStack) -> None:
    if not settings.ENV.BFL_API_URL:
        sandbox = Sandbox("127.0.0.1", settings.SANDBOX_PORT)
        sandbox.start()
        companions.callback(sandbox.stop)
    if settings.CELERY_EMBEDDED:
        reclaim()  # the broker died with the last process, and every claim with it
        connections.close_all()
    worker = EmbeddedWorker()
    worker.start()
    companions.callback(_stop, worker)


def _stop(worker: EmbeddedWorker) -> None:
    if not worker.stop():
        # A task waits for the network. Its claim is in the database, and the next start takes it up again.
        os._exit(0)


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


def _follow_parent() -> None:
    """Ends this process when `up` was killed: it would hold the port and the data folder."""
    parent = multiprocessing.parent_process()
    while parent is not None and os.getppid() == parent.pid:
        time.sleep(PARENT_SECONDS)
    os._exit(1)


def _announce(banner: str, address: str, port: int) -> None:
    """Asks for a page until one is answered, which also loads what the first visitor would wait for."""
    while not _answers(LOOPBACK.get(address, address), port):
        time.sleep(RETRY_SECONDS)
    watch_peers(port)
    print(banner, flush=True)


def _answers(address: str, port: int) -> bool:
    client = HTTPConnection(address, port, timeout=ANSWER_SECONDS)
    try:
        client.request("GET", LOGIN_PATH, headers={"Host": "localhost", "Connection": "close"})
        client.getresponse().read()
    except (OSError, HTTPException):
        return False
    finally:
        client.close()
    return True


def _in_background(target: Callable[..., None], *args: object) -> None:
    threading.Thread(target=target, args=args, daemon=True).start()
