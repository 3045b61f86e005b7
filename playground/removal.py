"""Removing generations for good: the files and then the row that says where they lie, a few at a time."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Exists, OuterRef

from dashboard.lib.errors import ForbiddenError, InvalidInputError
from dashboard.organizations.models import Membership
from dashboard.organizations.roles import Permission, may
from finetunes.models import Sample
from playground import removed_usage
from playground.models import OPEN_STATES, Generation, GenerationQuerySet, Grid
from playground.queries.history import find_chosen
from playground.references import stored

BATCH = 50
OF_OTHERS = (
    "This was made by somebody else or by an API key. Whoever made it may delete it, and so may an Administrator: "
    "ask one of them."
)
STILL_RUNS = "This is still being made. Wait until it is ready or has failed, then delete it."


@dataclass(frozen=True)
class Chosen:
    """Generations that somebody wants to delete, by whether that may be."""

    removable: list[Generation]
    under_way: list[Generation]
    of_others: list[Generation]

    def __bool__(self) -> bool:
        return bool(self.removable or self.under_way or self.of_others)


def sort_chosen(member: Membership, ids: Sequence[UUID]) -> Chosen:
    """People delete what they made, Administrators everything; what is under way ends first."""
    chosen = find_chosen(member.organization, ids)
    own = [generation for generation in chosen if _may_remove(member, generation)]
    waited_for = _waited_for(own)
    return Chosen(
        removable=[each for each in own if not each.is_open and each.pk not in waited_for],
        under_way=[each for each in own if each.is_open or each.pk in waited_for],
        of_others=[each for each in chosen if not _may_remove(member, each)],
    )


def delete(member: Membership, ids: Sequence[UUID]) -> list[UUID]:
    """The ids of those that went; one that went before, or that another removes meanwhile, is not among them.

    Raises ForbiddenError where one is not the member's to delete, InvalidInputError where it is still under way.
    Neither removes anything.
    """
    chosen = sort_chosen(member, ids)
    if chosen.of_others:
        raise ForbiddenError(OF_OTHERS)
    if chosen.under_way:
        raise InvalidInputError(STILL_RUNS)
    wanted = [generation.pk for generation in chosen.removable]
    gone: list[UUID] = []
    for start in range(0, len(wanted), BATCH):
        gone += remove_batch(Generation.objects.filter(pk__in=wanted[start : start + BATCH]))
    return gone


@transaction.atomic
def remove_batch(generations: GenerationQuerySet) -> list[UUID]:
    """Removes the first few of these that have ended; what they came to stays in the usage.

    The rows are held meanwhile, so that none is starred without its files. Whoever dies in between leaves rows, which
    are found again; a file that is gone is no obstacle.
    """
    waiting = Sample.objects.filter(generation_id=OuterRef("pk"), image="")
    ended = generations.exclude(state__in=OPEN_STATES).filter(~Exists(waiting)).order_by("pk")
    grids = dict(ended.values_list("pk", "grid_id")[:BATCH])
    _hold_grids(grids.values())
    batch = list(ended.filter(pk__in=grids).select_for_update(skip_locked=True, of=("self",)))
    for generation in batch:
        remove_files(generation)
    ids = [generation.pk for generation in batch]
    Generation.objects.filter(pk__in=ids).delete()
    removed_usage.keep(batch)
    drop_empty_grids({generation.grid_id for generation in batch})
    return ids


def drop_empty_grids(among: Iterable[UUID | None]) -> None:
    """A grid goes with the last of its cells: it holds their prompt."""
    Grid.objects.filter(pk__in=[grid_id for grid_id in among if grid_id], cells=None).delete()


def _hold_grids(among: Iterable[UUID | None]) -> None:
    """Before their cells, as whoever deletes a finetune: so that none gets a new cell while it goes with its last."""
    if ids := {grid_id for grid_id in among if grid_id}:
        list(Grid.objects.select_for_update().filter(pk__in=ids).order_by("pk").values_list("pk"))


def remove_files(generation: Generation) -> None:
    stored.remove(generation.references)
    for name in (str(generation.image), str(generation.thumbnail)):
        if name:
            default_storage.delete(name)


def _may_remove(member: Membership, generation: Generation) -> bool:
    return generation.user_id == member.user_id or may(member.role, Permission.MANAGE_MEMBERS)


def _waited_for(generations: Iterable[Generation]) -> set[UUID]:
    """Those whose image is about to be copied for a sample."""
    ids = [generation.pk for generation in generations]
    return set(Sample.objects.filter(generation_id__in=ids, image="").values_list("generation_id", flat=True))
