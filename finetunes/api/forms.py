"""A finetune as a form (multipart/form-data) brings it; nothing of it is read before its sender is known."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.core.files.base import File
from django.http import QueryDict, UnreadablePostError
from ninja.errors import ValidationError
from pydantic import ValidationError as SchemaError

from dashboard.lib.errors import DashboardError
from dashboard.organizations.access import ApiRequest
from finetunes.api.schemas import NewFinetune
from finetunes.services import uploads
from finetunes.services.posting import OF_NEW
from finetunes.uploads.receivers import receiving
from finetunes.uploads.tus import read_content_length

FORM = "multipart/form-data"
FILE = "checkpoint"
LISTS = ("tags", "example_prompts")
# What a form may hold beside its file.
OTHER_BYTES = 2**20
MISSING = {"loc": ("body", "form", FILE), "msg": "Field required", "type": "missing"}


def _body() -> dict[str, Any]:
    schema = NewFinetune.model_json_schema(ref_template="#/components/schemas/{model}")
    schema.pop("$defs", None)
    schema["properties"][FILE] = {"type": "string", "format": "binary", "description": "A .safetensors file."}
    schema["required"] = [*schema["required"], FILE]
    return {"required": True, "content": {FORM: {"schema": schema}}}


# For the document of the API: ninja reads no such form by itself.
BODY = _body()


class NotAFormError(DashboardError):
    code = "unsupported_media_type"
    status = 415


class BrokenFormError(DashboardError):
    code = "broken_off"

    def __init__(self) -> None:
        super().__init__("The connection broke inside of the form. Send it again, or use /v1/uploads.")


@dataclass(frozen=True)
class Form:
    file: "File[Any]"
    fields: dict[str, Any]

    def parts(self) -> Iterator[bytes]:
        """What makes two forms the same, wherever their boundaries fall."""
        yield json.dumps([self.file.name, self.fields], sort_keys=True, default=str).encode()
        yield from self.file.chunks()


def read_form(request: ApiRequest) -> Form:
    """The file lies on the disk, never in memory, and is gone with the request.

    Raises ValidationError and BrokenFormError; and before the file is read NotAFormError, LengthRequiredError,
    BusyError and what `uploads.check_room` raises for the announced size.
    """
    if request.content_type != FORM:
        raise NotAFormError(f"Send a form ({FORM}) whose field {FILE} is the file, or use /v1/uploads.")
    owner = request.auth.organization
    uploads.check_room(owner, max(1, read_content_length(request.headers) - OTHER_BYTES))
    with receiving(owner.pk):
        return _read(request)


def _read(request: ApiRequest) -> Form:
    try:
        data, file = request.POST, request.FILES.get(FILE)
    except UnreadablePostError:
        raise BrokenFormError from None
    fields, errors = _judge(data)
    if file is None:
        errors.append(MISSING)
    if errors or file is None:
        raise ValidationError(errors)
    return Form(file, fields)


def _judge(data: QueryDict) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """An empty field is one that was left out."""
    sent: dict[str, Any] = {key: value for key, value in data.items() if value}
    sent |= {key: [each for each in data.getlist(key) if each] for key in LISTS if key in data}
    try:
        new = NewFinetune.model_validate(sent)
    except SchemaError as error:
        return {}, [{**each, "loc": ("body", "form", *each["loc"])} for each in error.errors()]
    return new.sent() | {field: getattr(new, field) for field in OF_NEW}, []
