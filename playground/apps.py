"""The app of generations."""

import importlib

from django.apps import AppConfig


class PlaygroundConfig(AppConfig):
    name = "playground"
    verbose_name = "Playground"

    def ready(self) -> None:
        importlib.import_module("playground.receivers")
