"""What programs read of the catalog: every id that a caller may send, and whether a grant is there."""

from django.db.models import Case, Value, When

from dashboard.organizations.models import Organization
from finetunes.models import Finetune, Grant

MAX_IDS = 10_000


def list_ids(caller: Organization) -> list[str]:
    """Own names by name, then `{owner_org_id}/{name}` of shared and official ones; the first 10,000, in one query."""
    own_first = Case(When(organization=caller, then=Value(0)), default=Value(1))
    visible = Finetune.objects.visible_to(caller).order_by(own_first, "organization__org_id", "name")
    rows = visible.values_list("organization__org_id", "name")[:MAX_IDS]
    return [name if org_id == caller.org_id else f"{org_id}/{name}" for org_id, name in rows]


def find_grant(finetune: Finetune, recipient: Organization) -> Grant | None:
    """Live or expired."""
    grants = Grant.objects.select_related("organization", "finetune__organization")
    return grants.filter(finetune=finetune, organization=recipient).first()
