"""Uploads of programs: what they say at their start is checked before a byte moves, and published at the end."""

from collections.abc import Mapping
from typing import Any

from dashboard.bfl.endpoints import BaseModel, Precision
from dashboard.lib.errors import InvalidInputError
from dashboard.organizations.models import Organization
from finetunes import access
from finetunes.models import Upload, Version
from finetunes.services import catalog, versions
from finetunes.uploads.errors import UploadGoneError

REQUIRED = {
    "name": "what the finetune will be called; or version_of, the name of a finetune of yours that it replaces",
    "base_model": "what the LoRA was trained for, such as flux-2-klein-4b",
}
OPTIONAL = ("precision", "trigger_phrase", "strip_metadata", "version_of")
TRUE, FALSE = {"1", "true", "yes"}, {"", "0", "false", "no"}


def check_fields(owner: Organization, metadata: Mapping[str, str], *, complete: bool) -> dict[str, Any]:
    """What is asked for, out of Upload-Metadata; keys of others are left out.

    Raises InvalidInputError, whose field is the key, and NotFoundError for a `version_of` that is not there. Where it
    need not be `complete`, what is there is checked all the same.
    """
    fields: dict[str, Any] = {key: metadata[key] for key in (*REQUIRED, *OPTIONAL) if key in metadata}
    fields["strip_metadata"] = _read_flag(metadata.get("strip_metadata", ""))
    if fields.get("version_of"):
        return fields | {"base_model": access.get_finetune(owner, fields["version_of"]).base_model}
    _check_base_model(fields.get("base_model", ""))
    missing = [key for key in REQUIRED if not fields.get(key)]
    if missing and complete:
        raise InvalidInputError(f"Upload-Metadata lacks {missing[0]}: {REQUIRED[missing[0]]}.", field=missing[0])
    if not missing:
        catalog.check_new(owner, **_of_finetune(fields))
    return fields


def is_complete(fields: Mapping[str, Any]) -> bool:
    """Whether `publish` knows what to make of the upload."""
    return bool(fields.get("version_of")) or all(fields.get(key) for key in REQUIRED)


def publish(upload: Upload) -> Version:
    """The upload as it asked to be. Raises what `catalog.add_finetune` and `versions.add_version` raise.

    Of two requests at once the later one gets UploadGoneError, wherever it comes upon the other.
    """
    fields, owner = upload.fields, upload.organization
    said: dict[str, Any] = {
        "strip_private": fields.get("strip_metadata", False),
        "created_by": upload.user,
        "api_key": upload.api_key,
    }
    if name := fields.get("version_of"):
        # A rename while the file came must not cost the file: nothing could be said of it anew.
        return versions.add_version(access.get_once_named(owner, name), upload, **said)
    try:
        finetune = catalog.add_finetune(owner, upload, **_of_finetune(fields), **said)
    except InvalidInputError:
        # Another request may have published this very upload just before, and its name is the one that is taken.
        if not Upload.objects.of(owner).open().filter(pk=upload.pk).exists():
            raise UploadGoneError from None
        raise
    assert finetune.current_version is not None  # made in one transaction with it
    return finetune.current_version


def _check_base_model(base_model: str) -> None:
    if not base_model:
        return
    if base_model not in list(BaseModel):
        trained = [each for each in BaseModel if each.takes_checkpoint]
        raise InvalidInputError(f"base_model is one of {', '.join(trained)}.", field="base_model")
    versions.check_takes_checkpoint(base_model)


def _of_finetune(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": fields["name"],
        "base_model": fields["base_model"],
        "precision": fields.get("precision") or Precision.FP8.value,
        "trigger_phrase": fields.get("trigger_phrase", ""),
    }


def _read_flag(value: str) -> bool:
    if value.lower() not in TRUE | FALSE:
        raise InvalidInputError("strip_metadata is 1 or 0.", field="strip_metadata")
    return value.lower() in TRUE
