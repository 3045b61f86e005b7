"""The app of credits."""

from django.apps import AppConfig


class BillingConfig(AppConfig):
    name = "dashboard.billing"
    verbose_name = "Billing"
