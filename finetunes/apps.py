"""The app of the catalog."""

from django.apps import AppConfig


class FinetunesConfig(AppConfig):
    name = "finetunes"
    verbose_name = "Catalog"
