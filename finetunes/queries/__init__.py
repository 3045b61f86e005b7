"""Reads of the catalog, each from one organization's view."""

from collections.abc import Collection
from dataclasses import dataclass

from django.conf import settings
from django.db.models import Case, Count, Q, QuerySet, Sum, TextChoices, When
from django.utils import timezone

from dashboard.organizations.models import Organization
from finetunes.models import (
    Checkpoint,
    Finetune,
    FinetuneQuerySet,
    FormerName,
    Grant,
    Sample,
    Upload,
    Version,
    VersionQuerySet,
)

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
    return finetunes.select_related("organization", "current_version__checkpoint")


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


def find_example(viewer: Organization) -> Finetune | None:
    """One that the viewer may call: its own first, then what others share; those with a checkpoint alone."""
    callable_ones = list_finetunes(viewer, Tab.ALL).filter(current_version__isnull=False)
    return callable_ones.order_by(Case(When(organization=viewer, then=0), default=1), "name", "pk").first()


def find_named(owner: Organization, name: str) -> Finetune | None:
    """Whose name it is: of a finetune in the catalog, of one in the trash, or of one that had it before."""
    names = Q(name=name) | Q(former_names__name=name)
    return Finetune.objects.kept_by(owner).filter(names).first()


def find_names(owner: Organization, names: Collection[str]) -> set[str]:
    """Those of `names` that are taken."""
    kept = Finetune.objects.kept_by(owner).filter(name__in=names).order_by().values_list("name")
    former = FormerName.objects.filter(organization=owner, name__in=names).values_list("name")
    return {name for (name,) in kept.union(former)}


# --- Checkpoints and versions ------------------------------------------------------------------------------


def find_checkpoint(owner: Organization, sha256: str) -> Checkpoint | None:
    """The stored file with this digest, if this very organization keeps one."""
    return Checkpoint.objects.kept_by(owner).filter(sha256=sha256).first()


def find_same_weights(owner: Organization, weights_sha256: str) -> Finetune | None:
    """A finetune of this organization with a version of these weights, whatever its metadata; the oldest one."""
    same = Checkpoint.objects.kept_by(owner).filter(weights_sha256=weights_sha256).exclude(weights_sha256="")
    return Finetune.objects.owned_by(owner).filter(versions__checkpoint__in=same).order_by("pk").first()


def list_versions(finetune: Finetune) -> VersionQuerySet:
    """The versions, newest first, each with its checkpoint and who made it."""
    return Version.objects.of(finetune).select_related("checkpoint", "created_by", "api_key")


def list_grants(finetune: Finetune) -> QuerySet[Grant]:
    """Whom it is shared with, by name, and who shared it."""
    return finetune.grants.select_related("organization", "granted_by").order_by("organization__name", "pk")


def find_version_of(finetune: Finetune, checkpoint: Checkpoint) -> Version | None:
    return Version.objects.of(finetune).filter(checkpoint=checkpoint).first()


def list_samples(finetune: Finetune, *, also_unmade: bool) -> list[Sample]:
    """The oldest first. What is being made has no image yet, and only the owner awaits it."""
    samples = Sample.objects.filter(finetune=finetune)
    return list(samples if also_unmade else samples.exclude(image=""))


# --- Storage -----------------------------------------------------------------------------------------------


def storage_used(owner: Organization) -> int:
    """Bytes of the organization's checkpoints, each counted once, and what its open uploads announce.

    In one statement: an upload that is published between two would be counted in neither.
    """
    stored = Checkpoint.objects.kept_by(owner).values("organization").annotate(total=Sum("bytes"))
    coming = Upload.objects.of(owner).live(timezone.now()).values("organization").annotate(total=Sum("length"))
    return sum(int(total) for (total,) in stored.values_list("total").union(coming.values_list("total"), all=True))


def storage_left(owner: Organization) -> int:
    """Bytes that an upload may still announce; 0 also for who is over a quota that was lowered."""
    quota = owner.storage_quota_bytes
    return max(0, (settings.STORAGE_QUOTA_BYTES if quota is None else quota) - storage_used(owner))
