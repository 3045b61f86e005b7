"""The app of organizations and people."""

from django.apps import AppConfig


class OrganizationsConfig(AppConfig):
    name = "dashboard.organizations"
    verbose_name = "Organizations and people"
