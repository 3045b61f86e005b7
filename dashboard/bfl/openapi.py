"""The words of the OpenAPI document: its tags, how a caller is known, every status, and what a refusal looks like."""

from typing import Any

# As BFL's document names them, and ours.
MODELS, UTILITY, CATALOG, UPLOADS, OPENAI = "Models", "Utility", "Catalog", "Uploads", "OpenAI"
TAGS = {
    MODELS: "Each queues one image; ask for it with `get_result`.",
    UTILITY: "What became of an image, what is left to spend, and BFL's calls on finetunes.",
    CATALOG: "The whole catalog beyond BFL's calls: finetunes, their versions, and whom they are shared with.",
    UPLOADS: "Checkpoints by tus 1.0, which goes on where a broken line left off.",
    OPENAI: "The same finetunes and models for programs that speak OpenAI's API.",
}
DESCRIPTION = (
    "The catalog's finetunes and the models beneath them, wire-compatible with the BFL API: a BFL client needs another "
    "base URL and key, and nothing else. Credits are those of the key's organization, whoever owns the finetune.\n\n"
    "A refusal says why in `detail` and, for clients that read that, in `message`. Fields that a call does not know "
    "are ignored. Numbers may also be sent as strings."
)
SECURITY_SCHEMES: dict[str, Any] = {
    "APIKeyHeader": {
        "type": "apiKey",
        "in": "header",
        "name": "x-key",
        "description": "A key from the API Keys page. `Authorization: X-Key …` does as well.",
    },
    "Bearer": {"type": "http", "scheme": "bearer", "description": "The same key, for clients that can send no other."},
}
SECURITY: list[dict[str, list[str]]] = [{name: []} for name in SECURITY_SCHEMES]
REFUSALS = {
    400: "The call cannot be carried out as it was sent; the sentence says what to change.",
    402: "The organization has not enough credits.",
    403: "The key is missing, unknown, expired or revoked; or its scope or the finetune's grant does not allow it.",
    404: "There is nothing of this name that the caller may use; another organization's answers no different.",
    409: "It clashes with what is there by now: another request, or another body under the same Idempotency-Key.",
    411: "The length of the body is not announced.",
    412: "The client speaks another version of tus.",
    413: "The body is larger than this server takes, or the organization's storage is full.",
    415: "The body is of another media type than this call takes.",
    422: "A field is missing or out of bounds; each is named.",
    429: "Too many requests, or too many tasks at once. Try again after `Retry-After` seconds.",
    502: "The upstream did not make the image.",
    503: "This server, or the one behind it, is too busy at the moment.",
    504: "The image was not ready in time; it is being made, and `get_result` will have it.",
    460: "The checksum of the piece is another one. The status is one of tus' own.",
    507: "The disk of this server is full.",
}
WAITING = {429, 503}
RETRY_AFTER = {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 0}}
MESSAGE = {"type": "string", "description": "The same in a sentence, for clients that read only this."}
SCHEMAS: dict[str, Any] = {
    "Refusal": {
        "title": "Refusal",
        "type": "object",
        "properties": {"detail": {"type": "string", "description": "What was wrong."}, "message": MESSAGE},
        "required": ["detail", "message"],
    },
    "HTTPValidationError": {
        "title": "HTTPValidationError",
        "type": "object",
        "properties": {
            "detail": {"type": "array", "items": {"$ref": "#/components/schemas/ValidationError"}, "title": "Detail"},
            "message": MESSAGE,
        },
        "required": ["detail", "message"],
    },
    "ValidationError": {
        "title": "ValidationError",
        "type": "object",
        "properties": {
            "loc": {
                "type": "array",
                "items": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
                "title": "Location",
                "description": "Where it stood: `body` or `query`, then the field.",
            },
            "msg": {"type": "string", "title": "Message"},
            "type": {"type": "string", "title": "Error Type"},
        },
        "required": ["loc", "msg", "type"],
    },
}
INVALID = {
    "detail": [{"loc": ["body", "prompt"], "msg": "Field required", "type": "missing"}],
    "message": "prompt: Field required",
}
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Sent again within 24 hours with the same body, the call is answered as before and done once.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
}


def told(*refusals: int, sent: Any = None, got: Any = None, **more: Any) -> dict[str, Any]:
    """For a call's `openapi_extra`: the refusals it has of its own, and examples of its body and of its answer."""
    extra: dict[str, Any] = {"responses": {status: refusal(status) for status in refusals}, **more}
    if sent is not None:
        extra["requestBody"] = {"content": {"application/json": {"example": sent}}}
    if got is not None:
        extra["responses"][200] = {"content": {"application/json": {"example": got}}}
    return extra


def refusal(status: int) -> dict[str, Any]:
    return {"$ref": f"#/components/responses/Status{status}"}


def response(status: int) -> dict[str, Any]:
    name = "HTTPValidationError" if status == 422 else "Refusal"
    said = INVALID if status == 422 else {"detail": REFUSALS[status], "message": REFUSALS[status]}
    content = {"schema": {"$ref": f"#/components/schemas/{name}"}, "example": said}
    found: dict[str, Any] = {"description": REFUSALS[status], "content": {"application/json": content}}
    return found | ({"headers": {"Retry-After": RETRY_AFTER}} if status in WAITING else {})
