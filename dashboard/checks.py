"""System checks: settings that contradict each other, and providers that do not import."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.utils.module_loading import import_string


@register()
def check_providers(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    return [error for name, path in settings.PROVIDERS.items() if (error := _import_error(name, path))]


def _import_error(name: str, path: str) -> Error | None:
    try:
        import_string(path)
    except ImportError:
        return Error(f"PROVIDERS[{name!r}] names {path}, which does not import.", id="dashboard.E001")
    return None


@register(Tags.files)
def check_storage(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    return [Error(fault, id="dashboard.E004")] if (fault := settings.ENV.storage_fault) else []


@register(Tags.security, deploy=True)
def check_shared_settings(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Processes that share a database must share the key that signs sessions and URLs, and a broker."""
    env = settings.ENV
    errors: list[CheckMessage] = []
    if env.DATABASE_URL and not env.SECRET_KEY:
        errors.append(Error("DATABASE_URL is set and SECRET_KEY is not.", hint="Set SECRET_KEY.", id="dashboard.E002"))
    if env.DATABASE_URL and not env.REDIS_URL:
        errors.append(
            Error(
                "DATABASE_URL is set and REDIS_URL is not: workers would not hear of new work.",
                id="dashboard.E003",
            )
        )
    return errors
