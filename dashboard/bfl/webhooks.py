"""What a webhook carries. BFL's sources show three kinds of body and two headers; section 4 of the reference has them.

The body that is sent unless the operator chooses otherwise holds the keys of all of them, with the statuses of
`get_result`; both headers go with it. `error` is one of two codes: a task that was moderated tells
`content_policy_violation`, and every other end without an image `internal_error`.
"""

import json
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from dashboard.bfl.schemas import Result, Status
from dashboard.bfl.signatures import sign_body

MODERATED = (Status.REQUEST_MODERATED, Status.CONTENT_MODERATED)
AGENT = "Finetunes-Dashboard-Webhook"


class WebhookStyle(StrEnum):
    SUPERSET = "superset"
    TASK = "task"


def body_of(result: Result, *, message: str, ended_at: datetime, style: WebhookStyle) -> bytes:
    """Compact JSON; `message` says for people why there is no image."""
    content = _task(result, message) if style is WebhookStyle.TASK else _superset(result, message, ended_at)
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()


def headers_of(body: bytes, secret: str) -> dict[str, str]:
    """With a secret, it and a signature of the body, for receivers of either kind."""
    headers = {"Content-Type": "application/json", "User-Agent": AGENT, "Accept-Encoding": "identity"}
    if secret:
        headers |= {"X-Webhook-Secret": secret, "X-BFL-Signature": sign_body(secret, body)}
    return headers


def _superset(result: Result, message: str, ended_at: datetime) -> dict[str, Any]:
    fields = result.model_dump()
    timestamp = ended_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    content = {"id": fields.pop("id"), "task_id": result.id, **fields, "timestamp": timestamp}
    return content if result.status == Status.READY else {**content, "error": _code(result), "message": message}


def _task(result: Result, message: str) -> dict[str, Any]:
    if result.status == Status.READY:
        return {"task_id": result.id, "status": "SUCCESS", "result": result.result}
    return {"task_id": result.id, "status": "FAILED", "result": None, "error": message}


def _code(result: Result) -> str:
    return "content_policy_violation" if result.status in MODERATED else "internal_error"
