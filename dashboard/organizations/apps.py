"""The app of organizations and people."""

import importlib

from django.apps import AppConfig


class OrganizationsConfig(AppConfig):
    name = "dashboard.organizations"
    verbose_name = "Organizations and people"

    def ready(self) -> None:
        importlib.import_module("dashboard.organizations.receivers")
