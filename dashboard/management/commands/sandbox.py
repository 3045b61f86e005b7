"""`manage.py sandbox`: the BFL-compatible test server in the foreground."""

import signal
from argparse import ArgumentTypeError
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from dashboard.env import SettingsError
from dashboard.sandbox.faults import Fault, Faults, parse_fault
from dashboard.sandbox.server import Sandbox


class Command(BaseCommand):
    help = "Runs a BFL-compatible server that draws labelled test images, offline and without a database."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=settings.SANDBOX_PORT, help="0 takes a free one")
        parser.add_argument("--public-url", help="what polling and sample URLs begin with, if not host and port")
        parser.add_argument("--seconds", type=float, default=1.5, help="time that an image takes")
        parser.add_argument("--jitter", type=float, default=0.3, help="share of that time, either way")
        parser.add_argument("--finetune", nargs="+", action="extend", default=[], metavar="NAME")
        parser.add_argument("--only-known", action="store_true", help="answer 404 for any other finetune")
        parser.add_argument(
            "--fault",
            type=_fault,
            action="append",
            default=[],
            metavar="KIND:COUNT",
            help=f"what the next COUNT submissions meet: {', '.join(Fault)}",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        sandbox = _listen(options)
        signal.signal(signal.SIGTERM, _interrupt)
        self.stdout.write(f"Sandbox at {sandbox.url} (Ctrl-C ends it)")
        self.stdout.flush()
        try:
            sandbox.serve_forever()
        except KeyboardInterrupt:
            self.stdout.write("Sandbox ended.")
        finally:
            sandbox.stop()


def _listen(options: dict[str, Any]) -> Sandbox:
    faults = Faults()
    for fault, count in options["fault"]:
        faults.add(fault, count)
    try:
        return Sandbox(
            options["host"],
            options["port"],
            public_url=options["public_url"],
            seconds=options["seconds"],
            jitter=options["jitter"],
            finetunes=options["finetune"],
            only_known=options["only_known"],
            faults=faults,
        )
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or "no such port"
        raise SettingsError(f"Cannot listen on {options['host']}:{options['port']}: {reason}.") from None


def _fault(text: str) -> tuple[Fault, int]:
    try:
        return parse_fault(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


def _interrupt(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
