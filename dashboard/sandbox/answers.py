"""Answers on the wire: their form in bytes, and the refusals that a request may meet."""

import json
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

from dashboard.bfl.errors import error_body


@dataclass(frozen=True)
class Request:
    """One HTTP request, its body read. Header names are in lower case."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes = b""

    @property
    def has_key(self) -> bool:
        """Any key will do; `Authorization: X-Key <key>` counts as the header does."""
        scheme, _, key = self.headers.get("authorization", "").partition(" ")
        return bool(self.headers.get("x-key", "").strip() or (scheme.lower() == "x-key" and key.strip()))


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)


class Refusal(Exception):
    """Ends the handling of a request with an answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


class Dropped(Exception):
    """Ends the handling of a request without an answer: the connection is closed."""


def split_target(target: str) -> tuple[str, dict[str, str]]:
    """Path and query of a request line; the first of a repeated name counts, as one client repeats `id`."""
    path, _, query = target.partition("?")
    values = parse_qs(query, keep_blank_values=True)
    return path, {name: given[0] for name, given in values.items()}


def answer_json(body: Any, status: int = HTTPStatus.OK, **headers: str) -> Answer:
    """Compact, as the wire has it."""
    text = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, text.encode(errors="replace"), headers=named)


def refuse(status: int, detail: str, **headers: str) -> Refusal:
    return Refusal(answer_json(error_body(detail), status, **headers))
