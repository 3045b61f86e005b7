"""Faults on demand: by a marker in the prompt, or by count for the next submissions."""

import re
import threading
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from dashboard.bfl.schemas import Status

SLOW_SECONDS = 20.0
SLOW_MARKER = re.compile(r"\[slow (\d{1,4}(?:\.\d{1,3})?)\]", re.IGNORECASE)


class Fault(StrEnum):
    """Kinds by their name on the command line; the first of them that is due comes first."""

    DROPPED = "dropped"
    SERVER_ERROR = "500"
    TOO_MANY = "429"
    REQUEST_MODERATED = "request-moderated"
    CONTENT_MODERATED = "content-moderated"
    ERROR = "error"
    SLOW = "slow"


# How a marked job ends, and what `details` says then.
ENDS: dict[Fault, tuple[Status, dict[str, Any]]] = {
    Fault.REQUEST_MODERATED: (Status.REQUEST_MODERATED, {"Moderation Reasons": ["Sandbox"]}),
    Fault.CONTENT_MODERATED: (Status.CONTENT_MODERATED, {"Moderation Reasons": ["Sandbox"]}),
    Fault.ERROR: (Status.ERROR, {"error": "The sandbox was asked to fail."}),
}
MARKERS = {
    "[request moderated]": Fault.REQUEST_MODERATED,
    "[content moderated]": Fault.CONTENT_MODERATED,
    "[error]": Fault.ERROR,
}


@dataclass
class Faults:
    """How many of the next submissions meet each kind. Invalid submissions use none up."""

    dropped: int = 0
    server_error: int = 0
    too_many: int = 0
    request_moderated: int = 0
    content_moderated: int = 0
    error: int = 0
    slow: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False, compare=False)

    def add(self, fault: Fault, count: int) -> None:
        with self._lock:
            self._count(fault, count)

    def take(self) -> Fault | None:
        """The fault of this submission, counted down."""
        with self._lock:
            for fault in Fault:
                if getattr(self, fault.name.lower()) > 0:
                    self._count(fault, -1)
                    return fault
        return None

    def _count(self, fault: Fault, change: int) -> None:
        name = fault.name.lower()
        setattr(self, name, getattr(self, name) + change)


@dataclass(frozen=True)
class Course:
    """How a job will go: where it ends, what `details` says, and its time where that is not the usual one."""

    status: Status = Status.READY
    details: dict[str, Any] | None = None
    seconds: float | None = None


def course_of(prompt: str, fault: Fault | None) -> Course:
    """A fault by count goes before the prompt's markers; `[slow 20]` may stand beside another."""
    slow = SLOW_MARKER.search(prompt)
    seconds = float(slow[1]) if slow else SLOW_SECONDS if fault is Fault.SLOW else None
    end = fault if fault in ENDS else _marked(prompt)
    if end is None:
        return Course(seconds=seconds)
    status, details = ENDS[end]
    return Course(status, details, seconds)


def parse_fault(text: str) -> tuple[Fault, int]:
    """`KIND:COUNT`, or `KIND` for one. Raises ValueError with a sentence for the operator."""
    kind, _, count = text.partition(":")
    if kind not in list(Fault):
        raise ValueError(f"no fault is called {kind!r}: use {', '.join(Fault)}")
    if not (count or "1").isdecimal():
        raise ValueError(f"{count!r} is no count: write {kind}:2 for the next two submissions")
    return Fault(kind), int(count or 1)


def _marked(prompt: str) -> Fault | None:
    lowered = prompt.lower()
    return next((fault for marker, fault in MARKERS.items() if marker in lowered), None)
