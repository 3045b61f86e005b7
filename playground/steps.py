"""The steps that the workflow takes with generations: which, when, and with which of them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Kind(StrEnum):
    SUBMIT = "submit"
    POLL = "poll"
    FINISH = "finish"


@dataclass(frozen=True)
class Step:
    """What to do next, and when; a poll is for all that is due and has no id."""

    kind: Kind
    at: datetime
    generation_id: UUID | None = None
