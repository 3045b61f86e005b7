"""JSON as BFL's wire has it: compact, nulls kept, keys in the order in which they come."""

import json
from collections.abc import Mapping
from typing import Any

from django.http import HttpResponse


def to_json(body: Any, encoder: type[json.JSONEncoder] | None = None) -> str:
    return json.dumps(body, cls=encoder, separators=(",", ":"))


def answer_json(body: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> HttpResponse:
    return HttpResponse(to_json(body), status=status, headers=headers, content_type="application/json")
