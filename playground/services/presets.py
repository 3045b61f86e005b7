"""Presets: the Playground's form kept under a name, by one person for themselves or for the whole organization."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from uuid import UUID

from django.core.cache import cache
from django.db import transaction
from django.db.models import Value
from django.db.models.functions import Lower
from django.http import QueryDict
from django.utils import timezone

from dashboard.lib.errors import DashboardError, ForbiddenError, InvalidInputError, NotFoundError
from dashboard.organizations.locks import lock_live
from dashboard.organizations.models import Membership, User
from dashboard.organizations.roles import Role
from playground.models import Preset, PresetQuerySet

MOST_OWN, MOST_SHARED = 100, 200
UNDO_SECONDS = 10 * 60
GONE = "This preset was just deleted."
FULL_OWN = "You have {most} presets here, and there is room for no more. Delete one, or save in place of one."
FULL_SHARED = "{organization} has {most} presets, and there is room for no more. Delete one, or save in place of one."
TAKEN = "There is another preset of this name. Choose another name."
OF_ANOTHER = "The preset {name} is not yours to replace: its author and Administrators may. Choose another name."
NOT_YOURS = "Only the author of an organization's preset and its Administrators may change or delete it."
TOO_LATE = "It is too late to bring this preset back. Save it again."


class NameTakenError(DashboardError):
    """A preset of this name is there, and may be replaced by whoever asked."""

    code = "name_taken"
    status = 409

    def __init__(self, preset: Preset) -> None:
        super().__init__(f"There is a preset named {preset.name} already.", field="name")
        self.preset = preset


@dataclass(frozen=True)
class Shelf:
    """The person's own presets or the organization's, each with whether this person may change it."""

    label: str
    presets: list[tuple[Preset, bool]]


@dataclass(frozen=True)
class Deleted:
    """All of a deleted preset that its Undo needs."""

    id: UUID
    organization_id: int
    user_id: int | None
    created_by_id: int | None
    name: str
    values: dict[str, str]


# --- Reading -------------------------------------------------------------------------------------------------------


def shelves_of(membership: Membership) -> list[Shelf]:
    """Names alone: what is in a preset is read when it is used."""
    found = Preset.objects.usable_by(membership.organization, membership.user).defer("values")
    presets = list(found.order_by(Lower("name"), "id")[: MOST_OWN + MOST_SHARED])
    rows = [(preset, may_change(preset, membership)) for preset in presets]
    shelves = [
        Shelf("Mine", [row for row in rows if row[0].user_id is not None]),
        Shelf(membership.organization.name, [row for row in rows if row[0].user_id is None]),
    ]
    return [shelf for shelf in shelves if shelf.presets]


def may_change(preset: Preset, membership: Membership) -> bool:
    """Rename, replace, delete: its author; an organization's also Administrators."""
    if membership.user_id in (preset.user_id, preset.created_by_id):
        return True
    return preset.user_id is None and membership.role == Role.ADMINISTRATOR


def fill_link(preset: Preset, asked: QueryDict) -> QueryDict:
    """The link with the preset's values; what it names itself comes before them."""
    query = asked.copy()
    for name, value in preset.values.items():
        query.setdefault(name, value)
    return query


# --- Commands: each holds the organization, so that looking for a name or for room and the change are one -----------


@transaction.atomic
def save(
    membership: Membership, name: str, values: Mapping[str, str], *, is_shared: bool, replacing: UUID | None = None
) -> Preset:
    """A new one; or `replacing`, if it is the one of this name.

    Raises NameTakenError for another of this name, InvalidInputError at `name` where that one is not the person's to
    replace, InvalidInputError where there is no room.
    """
    lock_live(membership.organization)
    shelf = _shelf(membership, is_shared=is_shared)
    present = _named(shelf, name).first()
    if present is None:
        return _add(membership, name, values, is_shared=is_shared)
    if not may_change(present, membership):
        raise InvalidInputError(OF_ANOTHER.format(name=present.name), field="name")
    if present.pk != replacing:
        raise NameTakenError(present)
    present.name, present.values = name, dict(values)
    present.save(update_fields=["name", "values", "updated_at"])
    return present


@transaction.atomic
def rename(preset: Preset, membership: Membership, name: str) -> None:
    """Raises InvalidInputError at `name` for another's name, ForbiddenError, NotFoundError where it is gone."""
    require_change(preset, membership)
    lock_live(membership.organization)
    shelf = _shelf(membership, is_shared=preset.user_id is None)
    if _named(shelf, name).exclude(pk=preset.pk).exists():
        raise InvalidInputError(TAKEN, field="name")
    if shelf.filter(pk=preset.pk).update(name=name, updated_at=timezone.now()) != 1:
        raise NotFoundError(GONE)
    preset.name = name


@transaction.atomic
def delete(preset: Preset, membership: Membership) -> None:
    """Can be taken back for a while. Raises ForbiddenError, NotFoundError where it is gone."""
    require_change(preset, membership)
    lock_live(membership.organization)
    packed = Deleted(
        preset.pk, preset.organization_id, preset.user_id, preset.created_by_id, preset.name, preset.values
    )
    cache.set(_undo_key(preset.pk), asdict(packed), UNDO_SECONDS)
    if not Preset.objects.filter(pk=preset.pk).delete()[0]:
        raise NotFoundError(GONE)


@transaction.atomic
def restore(membership: Membership, preset_id: UUID) -> Preset:
    """What was deleted here a short while ago. Raises NotFoundError, also for what another may not have deleted;
    InvalidInputError where its name or its place was taken meanwhile.
    """
    lock_live(membership.organization)
    preset = _find_deleted(membership, preset_id)
    is_shared = preset.user_id is None
    if _named(_shelf(membership, is_shared=is_shared), preset.name).exclude(pk=preset.pk).exists():
        raise InvalidInputError(f"There is another preset named {preset.name} by now, so it cannot come back.")
    if not Preset.objects.filter(pk=preset.pk).exists():
        _check_room(membership, is_shared=is_shared)
        preset.save(force_insert=True)
    return preset


def require_change(preset: Preset, membership: Membership) -> None:
    if not may_change(preset, membership):
        raise ForbiddenError(NOT_YOURS)


def _find_deleted(membership: Membership, preset_id: UUID) -> Preset:
    packed = cache.get(_undo_key(preset_id))
    if packed is None or packed["organization_id"] != membership.organization_id:
        raise NotFoundError(TOO_LATE)
    preset = Preset(**packed)
    if not may_change(preset, membership):
        raise NotFoundError(TOO_LATE)
    preset.created_by = User.objects.filter(pk=packed["created_by_id"]).first()
    return preset


def _add(membership: Membership, name: str, values: Mapping[str, str], *, is_shared: bool) -> Preset:
    _check_room(membership, is_shared=is_shared)
    return Preset.objects.create(
        organization=membership.organization,
        user=None if is_shared else membership.user,
        created_by=membership.user,
        name=name,
        values=dict(values),
    )


def _check_room(membership: Membership, *, is_shared: bool) -> None:
    most, sentence = (MOST_SHARED, FULL_SHARED) if is_shared else (MOST_OWN, FULL_OWN)
    if _shelf(membership, is_shared=is_shared).count() >= most:
        raise InvalidInputError(sentence.format(most=most, organization=membership.organization.name))


def _shelf(membership: Membership, *, is_shared: bool) -> PresetQuerySet:
    user = None if is_shared else membership.user
    return Preset.objects.usable_by(membership.organization, membership.user).filter(user=user)


def _named(shelf: PresetQuerySet, name: str) -> PresetQuerySet:
    """As the database compares names, for the constraint does so too."""
    return shelf.annotate(lowered=Lower("name")).filter(lowered=Lower(Value(name)))


def _undo_key(preset_id: UUID) -> str:
    return f"preset-deleted:{preset_id}"
