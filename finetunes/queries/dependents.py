"""The blast radius of a deletion or a rename: who relies on a finetune today."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from dashboard.organizations.models import Organization
from finetunes.models import Finetune
from finetunes.signals import CallingKey, Calls, consequences_asked

SHOWN = 5


@dataclass(frozen=True)
class Dependents:
    """`recipients` and `keys` are the first of them; the counts are all."""

    recipients: tuple[Organization, ...]
    recipient_count: int
    is_official: bool
    keys: tuple[CallingKey, ...]
    key_count: int
    foreign_key_count: int
    unfinished: int
    foreign_unfinished: int

    def __bool__(self) -> bool:
        return self.by_others or bool(self.key_count or self.unfinished)

    @property
    def by_others(self) -> bool:
        """Whether another organization would notice; then the name must be typed."""
        return self.is_official or bool(self.recipient_count or self.foreign_key_count or self.foreign_unfinished)

    @property
    def more_recipients(self) -> int:
        return self.recipient_count - len(self.recipients)

    @property
    def more_keys(self) -> int:
        return self.key_count - len(self.keys)


def dependents_of(finetune: Finetune) -> Dependents:
    asked: Sequence[tuple[Any, Any]] = consequences_asked.send(Finetune, finetune=finetune)
    answers: list[Calls] = [answer for _, answer in asked]
    grants = finetune.grants.live(timezone.now()).filter(organization__deleted_at=None)
    shown = grants.select_related("organization").order_by("organization__name", "pk")[:SHOWN]
    return Dependents(
        recipients=tuple(grant.organization for grant in shown),
        recipient_count=grants.count(),
        is_official=finetune.is_official,
        keys=tuple(key for answer in answers for key in answer.keys[:SHOWN]),
        key_count=sum(answer.key_count for answer in answers),
        foreign_key_count=sum(answer.foreign_key_count for answer in answers),
        unfinished=sum(answer.unfinished for answer in answers),
        foreign_unfinished=sum(answer.foreign_unfinished for answer in answers),
    )
