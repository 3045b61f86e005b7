"""Commands that put labels on finetunes: an organization's tags, a person's favourites."""

import re
import unicodedata
from collections.abc import Iterable, Sequence

from django.db import transaction

from dashboard.lib.errors import InvalidInputError
from dashboard.organizations.locks import lock_live
from dashboard.organizations.models import Organization, User
from finetunes.models import TAG_MAX, Favourite, Finetune, Tag
from finetunes.queries.listing import list_tags

MOST_ON_A_FINETUNE = 20
MOST_IN_AN_ORGANIZATION = 200
FIELD = "tags"
ALLOWED = re.compile(r"[\w -]+")


def clean_tag(name: str) -> str:
    """As it is stored: in lowercase, with single spaces. Raises InvalidInputError(field="tags")."""
    cleaned = " ".join(unicodedata.normalize("NFC", name).lower().split())
    if not cleaned:
        raise InvalidInputError("Write a tag first.", field=FIELD)
    if len(cleaned) > TAG_MAX:
        raise InvalidInputError(f"A tag has at most {TAG_MAX} characters; this one has {len(cleaned)}.", field=FIELD)
    if not ALLOWED.fullmatch(cleaned):
        raise InvalidInputError("Use only letters, digits, spaces, hyphens and underscores in a tag.", field=FIELD)
    return cleaned


@transaction.atomic
def set_tags(organization: Organization, finetune: Finetune, names: Sequence[str]) -> None:
    """Gives the finetune these tags of the organization and no others. Raises InvalidInputError(field="tags")."""
    wanted = dict.fromkeys(clean_tag(name) for name in names if name.strip())
    if len(wanted) > MOST_ON_A_FINETUNE:
        raise InvalidInputError(
            f"A finetune has at most {MOST_ON_A_FINETUNE} tags; these are {len(wanted)}.", field=FIELD
        )
    # One change of an organization's tags at a time: nobody makes the tag that is made here, or the one too many.
    lock_live(organization)
    for locked in _lock([finetune]):
        tags = _find_or_make(organization, wanted)
        others = locked.tags.filter(organization=organization).exclude(name__in=wanted)
        locked.tags.remove(*others)
        locked.tags.add(*tags)
    _drop_unused(organization)


@transaction.atomic
def add_tag(organization: Organization, finetunes: Iterable[Finetune], name: str) -> int:
    """How many did not have it. Raises InvalidInputError(field="tags"), and then none has it."""
    wanted = clean_tag(name)
    lock_live(organization)
    locked = _lock(finetunes)
    tagged = _tagged(organization, locked, wanted)
    lacking = [finetune for finetune in locked if finetune.pk not in tagged]
    if not lacking:
        return 0
    _check_room(organization, lacking)
    (tag,) = _find_or_make(organization, [wanted])
    tag.finetunes.add(*lacking)
    return len(lacking)


@transaction.atomic
def remove_tag(organization: Organization, finetunes: Iterable[Finetune], name: str) -> int:
    """How many had it. Raises InvalidInputError(field="tags") for what can be no tag."""
    wanted = clean_tag(name)
    lock_live(organization)
    tagged = _tagged(organization, list(finetunes), wanted)
    for tag in Tag.objects.filter(organization=organization, name=wanted):
        tag.finetunes.remove(*tagged)
    _drop_unused(organization)
    return len(tagged)


def star(user: User, finetune: Finetune) -> bool:
    """Whether this call did it."""
    return Favourite.objects.get_or_create(user=user, finetune=finetune)[1]


def unstar(user: User, finetune: Finetune) -> bool:
    """Whether this call did it."""
    return Favourite.objects.filter(user=user, finetune=finetune).delete()[0] == 1


def _lock(finetunes: Iterable[Finetune]) -> list[Finetune]:
    """Those that are still there, and stay until the transaction ends."""
    pks = [finetune.pk for finetune in finetunes]
    return list(Finetune.objects.select_for_update(no_key=True).filter(pk__in=pks).order_by("pk"))


def _tagged(organization: Organization, finetunes: Sequence[Finetune], name: str) -> set[int]:
    tags = Tag.objects.filter(organization=organization, name=name, finetunes__in=finetunes)
    return set(tags.values_list("finetunes", flat=True))


def _check_room(organization: Organization, finetunes: Sequence[Finetune]) -> None:
    held: dict[int, int] = {}
    tags = Tag.objects.filter(organization=organization, finetunes__in=finetunes)
    for pk in tags.values_list("finetunes", flat=True):
        held[pk] = held.get(pk, 0) + 1
    full = [finetune.name for finetune in finetunes if held.get(finetune.pk, 0) >= MOST_ON_A_FINETUNE]
    if full:
        raise InvalidInputError(
            f"{full[0]} has {MOST_ON_A_FINETUNE} tags already, which is the most. Take one off first.", field=FIELD
        )


def _find_or_make(organization: Organization, names: Iterable[str]) -> list[Tag]:
    """Behind the organization's lock."""
    _drop_unused(organization)
    wanted = list(names)
    known = list(Tag.objects.filter(organization=organization, name__in=wanted))
    made = [Tag(organization=organization, name=name) for name in wanted if name not in {tag.name for tag in known}]
    # Those that it sees: one on what is no longer shared with it could be taken off by nobody.
    if made and len(list_tags(organization)) + len(made) > MOST_IN_AN_ORGANIZATION:
        raise InvalidInputError(
            f"{organization.name} has {MOST_IN_AN_ORGANIZATION} tags, which is the most. Use one of them.", field=FIELD
        )
    return known + Tag.objects.bulk_create(made)


def _drop_unused(organization: Organization) -> None:
    Tag.objects.filter(organization=organization, finetunes=None).delete()
