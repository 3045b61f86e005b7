"""The root app, with the management commands, and Django's admin under our site."""

import importlib

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class DashboardConfig(AppConfig):
    name = "dashboard"

    def ready(self) -> None:
        """Makes the Celery app the default of the process, and registers the system checks."""
        importlib.import_module("dashboard.celery")
        importlib.import_module("dashboard.checks")


class OperatorAdminConfig(AdminConfig):
    default_site = "dashboard.admin_site.OperatorAdminSite"
