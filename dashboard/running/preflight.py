"""What must hold before `up` serves; each check that fails says in one line what to do."""

import errno
import fcntl
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
from django.conf import settings
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.db import Error as DatabaseError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from dashboard.env import keep_secret_key

CONNECT_SECONDS = 1
STYLESHEET = Path("static", "vendor", "tabler.min.css")
LOCK_FILE = "up.lock"
# What Django leaves of an upload that a killed server was taking.
UNFINISHED_UPLOADS = "tmp*.upload*"


class StartError(Exception):
    """`up` cannot start; the text is meant for the person who typed it."""


def check_assets() -> None:
    if not (settings.ROOT / STYLESHEET).is_file():
        raise StartError(
            f"{STYLESHEET} is missing. Install the front-end assets: uv sync --reinstall-package finetunes-dashboard"
        )


def prepare_folders() -> None:
    """Makes the data folder and what stands in it, and shows that it can be written."""
    try:
        files = [] if settings.ENV.S3_BUCKET else [Path(settings.MEDIA_ROOT)]
        for folder in (settings.DATA_DIR, *files, settings.UPLOADS_DIR):
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        keep_secret_key(settings.ENV, settings.SECRET_KEY)
    except OSError as error:
        raise StartError(
            f"Cannot write to the data folder {settings.DATA_DIR}: {error.strerror}. "
            "Choose another with --data-dir or DATA_DIR."
        ) from None
    # On the first start the settings were read before the folder was there.
    settings.FILE_UPLOAD_TEMP_DIR = settings.UPLOADS_DIR


@contextmanager
def data_dir_lock() -> Iterator[None]:
    """Held while `up` runs: two of them on one data folder would share neither their broker nor their claims."""
    with (settings.DATA_DIR / LOCK_FILE).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StartError(
                f"Another `manage.py up` runs on the data folder {settings.DATA_DIR}. "
                "Stop it, or choose another folder with --data-dir or DATA_DIR."
            ) from None
        for leftover in settings.UPLOADS_DIR.glob(UNFINISHED_UPLOADS):
            leftover.unlink()
        yield


def check_ports(*, sandbox: bool) -> None:
    port = settings.ENV.PORT
    _check_port(listen_address(), port, "--port or PORT")
    if sandbox:
        if port == settings.SANDBOX_PORT:
            raise StartError(
                f"The sandbox cannot have port {port} too. Choose one with --sandbox-port or SANDBOX_PORT."
            )
        _check_port("127.0.0.1", settings.SANDBOX_PORT, "--sandbox-port or SANDBOX_PORT")


def listen_address() -> str:
    """HOST as an IP address: the web server takes no names."""
    try:
        found = socket.getaddrinfo(settings.ENV.HOST, settings.ENV.PORT, type=socket.SOCK_STREAM)
    except OSError as error:
        raise StartError(
            f"HOST {settings.ENV.HOST} names no address: {error.strerror}. Choose another with --host or HOST."
        ) from None
    return str(found[0][4][0])


def prepare_database() -> None:
    """Reaches the database, and migrates it where anything is to do."""
    try:
        connection.ensure_connection()
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            call_command("migrate", verbosity=0, interactive=False)
    except DatabaseError as error:
        raise StartError(f"Cannot use the database ({_place()}): {_first_line(error)}") from None


def check_broker() -> None:
    if settings.CELERY_EMBEDDED:
        return
    try:
        with redis.Redis.from_url(settings.CELERY_BROKER_URL, socket_connect_timeout=2) as client:
            client.ping()
    except (redis.RedisError, ValueError) as error:
        raise StartError(f"Cannot reach the broker (REDIS_URL): {_first_line(error)}") from None


def check_storage() -> None:
    """Reaches the bucket, if files go to one, and shows that it can be written."""
    if fault := settings.ENV.storage_fault:
        raise StartError(fault)
    if settings.ENV.S3_BUCKET and (fault := default_storage.find_fault()):  # type: ignore[attr-defined]  # a bucket's
        raise StartError(_first_line(fault))


def _check_port(host: str, port: int, option: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as caller, socket.socket(family) as probe:
        # The web server shares its port, so that a bind succeeds where another one of its kind listens already;
        # and a bind that does not share fails for a minute after a stop, on connections that are long closed.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise _port_refused(error.errno or 0, host, port, option) from None
        caller.settimeout(CONNECT_SECONDS)
        if caller.connect_ex((host, port)) == 0:
            raise _port_refused(errno.EADDRINUSE, host, port, option)


def _port_refused(number: int, host: str, port: int, option: str) -> StartError:
    if number == errno.EADDRNOTAVAIL:
        return StartError(f"This machine has no address {host}. Choose another with --host or HOST.")
    if number == errno.EADDRINUSE:
        return StartError(f"Port {port} is taken. Choose another with {option}.")
    return StartError(f"Cannot listen on {host} port {port}: {os.strerror(number)}. Choose another with {option}.")


def _place() -> str:
    return "DATABASE_URL" if settings.ENV.DATABASE_URL else str(settings.DATABASES["default"]["NAME"])


def _first_line(error: Exception | str) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
