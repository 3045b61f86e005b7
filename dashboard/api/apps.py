"""The app of the API's behaviour; it has no models."""

from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "dashboard.api"
    verbose_name = "API"
