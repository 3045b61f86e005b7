"""`manage.py demo`: demo data for an empty database that `up` does not run on."""

from typing import Any

from django.core.management.base import BaseCommand

from dashboard.running.banner import describe
from dashboard.running.preflight import StartError, prepare_folders
from dashboard.running.serve import prepare_demo


class Command(BaseCommand):
    help = "Makes demo organizations, people, keys and finetunes in an empty, migrated database."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            prepare_folders()
            demo = prepare_demo(create=True)
            if demo is None:
                raise StartError("The database holds people or organizations already; demo data is for an empty one.")
        except StartError as error:
            self.stderr.write(str(error))
            raise SystemExit(2) from None
        self.stdout.write("\n".join(describe(demo)))
