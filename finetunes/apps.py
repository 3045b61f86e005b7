"""The app of the catalog."""

import importlib

from django.apps import AppConfig


class FinetunesConfig(AppConfig):
    name = "finetunes"
    verbose_name = "Catalog"

    def ready(self) -> None:
        importlib.import_module("finetunes.receivers")
