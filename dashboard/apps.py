"""The root app: it holds the management commands and makes the Celery app the default of the process."""

import importlib

from django.apps import AppConfig


class DashboardConfig(AppConfig):
    name = "dashboard"

    def ready(self) -> None:
        importlib.import_module("dashboard.celery")
        importlib.import_module("dashboard.checks")
