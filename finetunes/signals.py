"""What the apps above may need to know of a finetune, and to answer: that it is to be deleted or renamed."""

from dataclasses import dataclass
from datetime import datetime

from django.dispatch import Signal

# Sent with `finetune`; each receiver answers with Calls. Nothing is changed yet.
consequences_asked = Signal()
# What counts as in use.
USED_DAYS = 30


@dataclass(frozen=True)
class CallingKey:
    """An API key of the owner that called it; `name` as the log shows it."""

    name: str
    last_used_at: datetime


@dataclass(frozen=True)
class Calls:
    """Who calls a finetune: live keys of the last `USED_DAYS` days, and what is still queued or running.

    `keys` are the first of the owner's; of the keys of others only their number is told, and no name.
    """

    keys: tuple[CallingKey, ...] = ()
    key_count: int = 0
    foreign_key_count: int = 0
    unfinished: int = 0
    foreign_unfinished: int = 0
