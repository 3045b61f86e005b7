"""The command that makes a finetune of one request: a file and what is said of it, together."""

from collections.abc import Mapping
from typing import Any

from django.core.files.base import File

from dashboard.lib.errors import ForbiddenError
from dashboard.organizations.models import ApiKey
from dashboard.organizations.queries import is_live
from finetunes.models import Finetune
from finetunes.services import catalog, uploads
from finetunes.services.amending import amend

OF_NEW = ("name", "base_model", "precision", "trigger_phrase")
STRIP = "strip_metadata"


def post(api_key: ApiKey, file: "File[Any]", fields: Mapping[str, Any]) -> Finetune:
    """All of it or nothing. Raises what `uploads.receive`, `catalog.add_finetune` and `amend` raise."""
    owner = api_key.organization
    new = {field: fields[field] for field in OF_NEW}
    catalog.check_new(owner, **new)
    if not is_live(api_key):
        raise ForbiddenError("This API key was revoked while the file came.")
    upload = uploads.receive(owner, file)
    try:
        finetune = catalog.add_finetune(owner, upload, **new, strip_private=fields.get(STRIP, False), api_key=api_key)
    except BaseException:
        uploads.cancel(upload)
        raise
    try:
        amend(finetune, {field: value for field, value in fields.items() if field not in (*OF_NEW, STRIP)})
    except BaseException:
        catalog.delete_finetune(finetune)
        raise
    return finetune
