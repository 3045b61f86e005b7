"""Errors of the calls that speak OpenAI's wire: its `error` object, in the same body as our `detail` and `message`."""

import json
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse

from dashboard.bfl.errors import NOT_AUTHENTICATED
from dashboard.lib.compact_json import to_json

INVALID = ("invalid_request_error", "invalid_request")
# `type` and `code` by status.
KINDS = {
    400: ("image_generation_user_error", "moderation_blocked"),  # these calls have no other of it
    402: ("insufficient_quota", "insufficient_quota"),
    403: ("permission_error", "permission_denied"),
    404: ("invalid_request_error", "model_not_found"),
    422: ("invalid_request_error", "invalid_value"),
    429: ("rate_limit_error", "rate_limit_exceeded"),
    502: ("server_error", "generation_failed"),
    503: ("server_error", "overloaded"),
    504: ("server_error", "timeout"),
}
NO_KEY = ("authentication_error", "invalid_api_key")
# Of these another try could only cost once more, and OpenAI's own clients try again unless they are told so.
FINAL = (502, 504)

Run = Callable[..., HttpResponse]


def in_openai_form(run: Run) -> Run:
    """For ninja's `decorate_view`: completes whatever refuses the call, a missing key and a bad body included."""

    @wraps(run)
    def answer(request: HttpRequest, **parts: Any) -> HttpResponse:
        response = run(request, **parts)
        if response.status_code >= 400:
            body = json.loads(response.content)
            response.content = to_json({"error": _error(response.status_code, body), **body})
            if response.status_code in FINAL:
                response["x-should-retry"] = "false"
        return response

    return answer


def _error(status: int, body: dict[str, Any]) -> dict[str, Any]:
    kind, code = KINDS.get(status, INVALID)
    if body["detail"] == NOT_AUTHENTICATED:
        kind, code = NO_KEY
    param = "model" if code == "model_not_found" else _field(body["detail"])
    return {"message": body["message"], "type": kind, "param": param, "code": code}


def _field(detail: Any) -> str | None:
    """The first field that is wrong."""
    is_list = isinstance(detail, list) and detail
    return str(detail[0]["loc"][-1]) if is_list else None
