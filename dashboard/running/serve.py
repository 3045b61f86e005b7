"""From a command to a running server, and to its end."""

import signal
from functools import partial
from json import JSONDecodeError

from django.conf import settings
from django.db import connections
from granian import Granian
from granian.constants import Interfaces

from dashboard import demo
from dashboard.lib.errors import DashboardError
from dashboard.running import preflight
from dashboard.running.banner import banner
from dashboard.running.process import load

WEB_THREADS = 16
# For requests that are being answered; the whole stop takes less than five seconds.
STOP_SECONDS = 3


def run(*, with_demo: bool) -> None:
    """Returns when a signal has ended everything. Raises StartError, and SystemExit when the server broke."""
    preflight.check_assets()
    preflight.prepare_folders()
    with preflight.data_dir_lock():
        preflight.check_ports(sandbox=not settings.ENV.BFL_API_URL)
        preflight.check_broker()
        preflight.check_storage()
        preflight.prepare_database()
        found = prepare_demo(create=with_demo)
        connections.close_all()  # none of them may be shared with the process that serves
        _serve(banner(found))


def prepare_demo(*, create: bool) -> demo.Demo | None:
    """The demo that this data folder has, or now gets if its database is empty."""
    sandbox_url = None if settings.ENV.BFL_API_URL else settings.ENV.sandbox_url
    place = (settings.DATA_DIR, settings.BASE_URL, sandbox_url)
    try:
        return demo.resume_demo(*place) or (demo.create_demo(*place) if create else None)
    except JSONDecodeError:
        raise preflight.StartError(
            f"{settings.DATA_DIR / demo.FILE_NAME} is damaged. Mend it, or delete it and with it the demo's passwords."
        ) from None
    except DashboardError as error:  # a full disk, a limit below the demo's files
        raise preflight.StartError(f"Cannot add the demo's finetunes. {error.message}") from None


def _serve(text: str) -> None:
    address, port = preflight.listen_address(), settings.ENV.PORT
    server = Granian(
        settings.WSGI_APPLICATION,
        address=address,
        port=port,
        interface=Interfaces.WSGI,
        workers=1,
        blocking_threads=WEB_THREADS,
        workers_kill_timeout=STOP_SECONDS,
        log_enabled=False,
    )
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # nohup asked to stay
        server.on_startup(partial(signal.signal, signal.SIGHUP, server.signal_handler_interrupt))
    try:
        server.serve(target_loader=partial(load, text, address, port), wrap_loader=False)
    except SystemExit:
        if not server.interrupt_signal:  # else it was asked to end, and how its process did so is no matter
            raise
