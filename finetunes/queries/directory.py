"""What programs read of the catalog: every id that a caller may send, and whether a grant is there."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Case, Value, When

from dashboard.organizations.models import Organization
from finetunes.models import Finetune, Grant

MAX_IDS = 10_000


@dataclass(frozen=True)
class CallableFinetune:
    """What a caller may send as `finetune_id`, and whose it is since when."""

    finetune_id: str
    owner_org_id: str
    created_at: datetime


def list_ids(caller: Organization) -> list[str]:
    """The ids of `list_callable`."""
    return [each.finetune_id for each in list_callable(caller)]


def list_callable(caller: Organization) -> list[CallableFinetune]:
    """Own names by name, then `{owner_org_id}/{name}` of shared and official ones; the first 10,000, in one query."""
    own_first = Case(When(organization=caller, then=Value(0)), default=Value(1))
    visible = Finetune.objects.visible_to(caller).order_by(own_first, "organization__org_id", "name")
    rows = visible.values_list("organization__org_id", "name", "created_at")[:MAX_IDS]
    return [
        CallableFinetune(name if org_id == caller.org_id else f"{org_id}/{name}", org_id, created_at)
        for org_id, name, created_at in rows
    ]


def find_grant(finetune: Finetune, recipient: Organization) -> Grant | None:
    """Live or expired."""
    grants = Grant.objects.select_related("organization", "finetune__organization")
    return grants.filter(finetune=finetune, organization=recipient).first()
