"""`manage.py up`: everything in one process, from an empty folder."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from dashboard.env import OPTIONS, Env
from dashboard.running.preflight import StartError
from dashboard.running.serve import run


class Command(BaseCommand):
    help = "Runs web server, worker, sandbox and database in one process under one data folder."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        # `manage.py` has taken these into the environment, before the settings were read.
        for option, variable in OPTIONS.items():
            parser.add_argument(option, help=Env.model_fields[variable].description)
        parser.add_argument("--no-demo", action="store_true", help="Make no demo data in an empty database.")

    def handle(self, *args: Any, no_demo: bool, **options: Any) -> None:
        try:
            run(with_demo=not no_demo)
        except StartError as error:
            self.stderr.write(str(error))
            raise SystemExit(2) from None
        except KeyboardInterrupt:  # before the server took the signals over
            return
