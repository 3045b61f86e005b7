"""Reads of the catalog, each from one organization's view."""

from dataclasses import dataclass

from django.db.models import Count, Q, TextChoices

from dashboard.organizations.models import Organization
from finetunes.models import Finetune, FinetuneQuerySet

PAGE_SIZE = 50


class Tab(TextChoices):
    ALL = "all", "All"
    OWNED = "owned", "Owned"
    SHARED = "shared", "Shared"


@dataclass(frozen=True)
class TabCount:
    tab: Tab
    count: int


def list_finetunes(viewer: Organization, tab: Tab) -> FinetuneQuerySet:
    """The finetunes of one tab by name, each with its owner; a queryset, for the paginator."""
    finetunes = Finetune.objects.visible_to(viewer)
    if tab is Tab.OWNED:
        finetunes = finetunes.owned_by(viewer)
    elif tab is Tab.SHARED:
        finetunes = finetunes.shared_with(viewer)
    return finetunes.select_related("organization")


def count_tabs(viewer: Organization) -> list[TabCount]:
    """How many each tab holds, in one query."""
    owned = Count("pk", filter=Q(organization=viewer))
    counts = Finetune.objects.visible_to(viewer).aggregate(all=Count("pk"), owned=owned)
    shared = counts["all"] - counts["owned"]
    return [
        TabCount(Tab.ALL, counts["all"]),
        TabCount(Tab.OWNED, counts["owned"]),
        TabCount(Tab.SHARED, shared),
    ]


def has_name(owner: Organization, name: str) -> bool:
    return Finetune.objects.owned_by(owner).filter(name=name).exists()
