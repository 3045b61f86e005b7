"""Error bodies of the wire: how ours are written and how an upstream's are read."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

NOT_AUTHENTICATED = "Not authenticated - Invalid Authentication"
NOT_FOUND = "Not Found"
BAD_REQUEST = "Bad Request"
TOO_LARGE = "The request is too large"
SERVER_ERROR = "Internal Server Error"
SEND_A_KEY = "Not authenticated: send a valid API key in the header x-key, or as Authorization: Bearer."


class UpstreamError(Exception):
    """A call to a BFL-compatible server failed. `permanent` says whether trying again is of no use.

    `detail` is what the server said, for the operator's log; it is not meant for callers. `retry_after` are the
    seconds for which the server asked to be left alone.
    """

    def __init__(
        self, detail: str, *, status: int | None = None, permanent: bool, retry_after: float | None = None
    ) -> None:
        super().__init__(f"{status or 'no answer'}: {detail}")
        self.detail = detail
        self.status = status
        self.permanent = permanent
        self.retry_after = retry_after


def error_body(detail: str, message: str = "") -> dict[str, Any]:
    """`detail` as BFL writes it; `message` beside it, because some clients read only that, and says more if it can."""
    return {"detail": detail, "message": message or detail}


def validation_body(errors: Iterable[Mapping[str, Any]], *prefix: str | int) -> dict[str, Any]:
    """The 422 body in FastAPI's form, from pydantic's errors; `prefix` says where the fields stood ("body")."""
    detail = [{"loc": [*prefix, *e["loc"]], "msg": e["msg"], "type": e["type"]} for e in errors]
    return {"detail": detail, "message": _summary(detail)}


def _summary(detail: Sequence[Mapping[str, Any]]) -> str:
    return "; ".join(f"{'.'.join(str(part) for part in e['loc'][1:]) or e['loc'][0]}: {e['msg']}" for e in detail)


def read_detail(body: Any) -> str:
    """The text of an upstream's error body, whichever of the known shapes it has."""
    if not isinstance(body, dict):
        return "no readable error body"
    detail = body.get("detail") or body.get("message") or body.get("error")
    if isinstance(detail, list):
        detail = _summary([e for e in detail if _is_validation_error(e)])
    return str(detail) if detail else "no readable error body"


def _is_validation_error(error: Any) -> bool:
    return isinstance(error, dict) and isinstance(error.get("loc"), list) and bool(error["loc"]) and "msg" in error
