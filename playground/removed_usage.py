"""What generations came to before they are removed, added up by day: usage tells it ever after."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date
from itertools import groupby

from django.db import connection

from playground.models import FAILED_STATES, Generation, RemovedUsage, State

FIELDS = [field for field in RemovedUsage._meta.concrete_fields if not field.primary_key]
# In one statement on either database, which Django's own upsert is not: of two that make a row at once the second adds
# to what the first made.
ADD = """
    INSERT INTO playground_removedusage AS kept ({columns}) VALUES {rows}
    ON CONFLICT (organization_id, day, finetune_id_sent, endpoint_name,
                 COALESCE(finetune_id, 0), COALESCE(user_id, 0), COALESCE(api_key_id, 0))
    DO UPDATE SET ready = kept.ready + excluded.ready, failed = kept.failed + excluded.failed,
                  cost = kept.cost + excluded.cost,
                  last_at = CASE WHEN excluded.last_at > kept.last_at THEN excluded.last_at ELSE kept.last_at END
"""


@dataclass(frozen=True, order=True)
class _Group:
    """Zero stands for none, so that groups have an order."""

    organization: int
    day: date
    finetune_id_sent: str
    endpoint_name: str
    finetune: int
    user: int
    api_key: int


def keep(generations: Iterable[Generation]) -> None:
    """Call it in the transaction that deletes these rows, and holds them: else two might count the same one.

    One statement for all; its rows come in one order, so that two that wait for each other do not come about.
    """
    groups = groupby(sorted(generations, key=_group_of), key=_group_of)
    rows = [_sum_up(group, list(members)) for group, members in groups]
    if not rows:
        return
    columns, row_places = ", ".join(str(field.column) for field in FIELDS), ", ".join(["%s"] * len(FIELDS))
    values = [field.get_db_prep_save(getattr(row, field.attname), connection) for row in rows for field in FIELDS]
    with connection.cursor() as cursor:
        cursor.execute(ADD.format(columns=columns, rows=", ".join([f"({row_places})"] * len(rows))), values)


def _group_of(generation: Generation) -> _Group:
    return _Group(
        generation.organization_id,
        generation.created_at.astimezone(UTC).date(),
        generation.finetune_id_sent,
        generation.endpoint_name,
        generation.finetune_id or 0,
        generation.user_id or 0,
        generation.api_key_id or 0,
    )


def _sum_up(group: _Group, members: Sequence[Generation]) -> RemovedUsage:
    """Only what is ready cost anything."""
    ready = [each for each in members if each.state == State.READY]
    return RemovedUsage(
        organization_id=group.organization,
        day=group.day,
        finetune_id_sent=group.finetune_id_sent,
        endpoint_name=group.endpoint_name,
        finetune_id=group.finetune or None,
        user_id=group.user or None,
        api_key_id=group.api_key or None,
        ready=len(ready),
        failed=sum(each.state in FAILED_STATES for each in members),
        cost=sum(each.cost for each in ready),
        last_at=max(each.created_at for each in members),
    )
