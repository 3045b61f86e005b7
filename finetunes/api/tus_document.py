"""What the document of the API says of uploads: tus lives in headers, which ninja does not read."""

from typing import Any

from dashboard.bfl.openapi import refusal
from finetunes.uploads.tus import CONTENT_TYPE, VERSION

MOST = 10**18 - 1
NUMBER = {"type": "integer", "minimum": 0, "maximum": MOST}
EXPIRES = {"schema": {"type": "string"}, "description": "When it is dropped unless it goes on."}
PUBLISHED = {
    "X-Finetune-Id": {"schema": {"type": "string"}, "description": "What it was published as."},
    "X-Finetune-Version": {"schema": {"type": "string"}, "description": "The number of its version."},
}
METADATA = (
    "Keys and values in base64, separated by commas: `name` and `base_model`, or `version_of`; `precision`, "
    "`trigger_phrase`, `strip_metadata`, `filename`."
)
STATE = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "format": "uuid"},
        "status": {"type": "string", "enum": ["receiving", "received", "published"]},
        "offset": {"type": "integer"},
        "length": {"type": "integer"},
        "expires_at": {"type": "string", "format": "date-time"},
        "file_name": {"type": "string"},
        "finetune_id": {"type": "string"},
        "version": {"type": "integer"},
    },
    "required": ["id", "status", "offset", "length", "expires_at", "file_name"],
}

# These name one thing at a time, like the refusals of other statuses; a bad Idempotency-Key is refused as elsewhere.
REFUSED = {
    "description": "A header or the file itself cannot be used; `field` says where.",
    "content": {
        "application/json": {
            "schema": {
                "anyOf": [{"$ref": f"#/components/schemas/{name}"} for name in ("Refusal", "HTTPValidationError")]
            }
        }
    },
}


def _sent(name: str, schema: dict[str, Any], description: str, *, required: bool = True) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": required, "schema": schema, "description": description}


def _offset(*others: dict[str, Any]) -> dict[str, Any]:
    headers = {
        "Upload-Offset": {"schema": NUMBER, "description": "How many bytes have come."},
        "Upload-Expires": EXPIRES,
    }
    for other in others:
        headers |= other
    return headers


def _told(status: int, refusals: tuple[int, ...], *parameters: dict[str, Any], **answer: Any) -> dict[str, Any]:
    responses: dict[int, Any] = {each: REFUSED if each == 422 else refusal(each) for each in refusals}
    return {"parameters": list(parameters), "responses": {**responses, status: answer}}


SPOKEN = _sent("Tus-Resumable", {"type": "string", "enum": [VERSION]}, "The version of tus.")
STARTED = _told(
    201,
    (400, 404, 412, 413, 422, 507),
    SPOKEN,
    _sent("Upload-Length", {**NUMBER, "minimum": 1}, "The bytes of the file."),
    _sent("Upload-Metadata", {"type": "string"}, METADATA),
    description="Started.",
    headers={
        "Location": {"schema": {"type": "string"}, "description": "Where its pieces go."},
        "Upload-Expires": EXPIRES,
    },
)
SHOWN = _told(200, (404,), description="Where it stands.", content={"application/json": {"schema": STATE}})
HEADED = _told(
    200,
    (404, 412),
    SPOKEN,
    description="Where it stands, in headers.",
    headers=_offset({"Upload-Length": {"schema": NUMBER, "description": "The bytes of the file."}}, PUBLISHED),
)
TAKEN = _told(
    204,
    (400, 404, 409, 411, 412, 413, 415, 422, 460, 503, 507),
    SPOKEN,
    _sent("Upload-Offset", NUMBER, "How many bytes have come, which is where this piece begins."),
    _sent("Upload-Checksum", {"type": "string"}, "Its algorithm, a space, its digest in base64.", required=False),
    description="Taken; published, if it was the last one.",
    headers=_offset(PUBLISHED),
) | {"requestBody": {"required": True, "content": {CONTENT_TYPE: {"schema": {"type": "string", "format": "binary"}}}}}
CANCELLED = _told(204, (404, 412), SPOKEN, description="Cancelled; its bytes are gone.")
