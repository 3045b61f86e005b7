"""The history as one organization reads it: filters, keyset pages, and what a filter can be set to."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, TextChoices

from dashboard.lib.keyset import Column, cursor_behind, moment, read_keys, text
from dashboard.lib.periods import end_of, start_of
from dashboard.organizations.models import ApiKey, Organization, User
from playground.models import FAILED_STATES, OPEN_STATES, Generation, GenerationQuerySet, State
from playground.queries import RECENT

PAGE_SIZE = 48
MOST_CHOICES = 200
# What a card shows, and no more: inputs hold the prompt.
SHOWN = (
    "id", "finetune_id_sent", "finetune_version", "endpoint_name", "inputs", "width", "height", "state", "details",
    "seed", "image", "thumbnail", "created_at", "is_starred", "organization_id",
    "user__email", "api_key__name", "api_key__prefix",
)  # fmt: skip


def _id(value: str) -> UUID:
    return UUID(text(value))


ORDER = (Column("created_at", moment, descending=True), Column("id", _id, descending=True))


class Standing(TextChoices):
    """How far a generation is, in the words of the filter."""

    READY = "ready", "Ready"
    RUNNING = "running", "Running"
    FAILED = "failed", "Failed"


STATES: dict[Standing, list[State]] = {
    Standing.READY: [State.READY],
    Standing.RUNNING: OPEN_STATES,
    Standing.FAILED: FAILED_STATES,
}


@dataclass(frozen=True)
class Filters:
    """Which generations are asked for; what is left empty leaves all in."""

    person: int | None = None
    key: int | None = None
    finetune: str = ""
    endpoint: str = ""
    state: Standing | None = None
    starred: bool = False
    since: date | None = None
    until: date | None = None
    search: str = ""

    @property
    def narrows(self) -> bool:
        """Whether it leaves out some of those whom it is about."""
        return replace(self, person=None, key=None) != Filters()


@dataclass(frozen=True)
class Page:
    """`newer` and `older` are the cursors of the pages beside this one; None where there is none."""

    rows: list[Generation]
    newer: str | None
    older: str | None


@dataclass(frozen=True)
class Choices:
    """What the filters can be set to here: those who made something, and the finetunes that it was made with."""

    people: list[tuple[int, str]]
    keys: list[tuple[int, str]]
    finetunes: list[str]


def read_page(organization: Organization, wanted: Filters, cursor: str | None, *, size: int = PAGE_SIZE) -> Page:
    """One page, newest first, from a cursor on. Two statements, or three near an end."""
    keys = read_keys(find(organization, wanted), ORDER, cursor, size=size)
    rows = _shown(organization).in_bulk([key[-1] for key in keys.rows])
    found = [rows[key[-1]] for key in keys.rows if key[-1] in rows]
    return Page(found, keys.previous, keys.next)


def earlier_cursor(organization: Organization, user: User, results: Sequence[Generation]) -> str | None:
    """Where this person's images begin that are older than the newest, which stand among the Playground's results.

    None where there is none. What still runs is no image yet and is a result, whatever its age.
    """
    if len(results) < RECENT:
        return None
    oldest = results[RECENT - 1]
    own = find(organization, Filters(person=user.pk, state=Standing.READY))
    return cursor_behind(own, ORDER, (oldest.created_at, oldest.pk))


def find(organization: Organization, wanted: Filters) -> GenerationQuerySet:
    """What the filters leave, in no order."""
    return Generation.objects.of_caller(organization).filter(_condition(wanted)).order_by()


def find_chosen(organization: Organization, ids: Sequence[UUID]) -> list[Generation]:
    """Those of `ids` that are the organization's, newest first."""
    return list(_shown(organization).filter(pk__in=ids).order_by("-created_at", "-id"))


def is_empty(organization: Organization) -> bool:
    """Whether nothing was ever made here, or nothing was kept."""
    return not Generation.objects.of_caller(organization).exists()


def read_choices(organization: Organization) -> Choices:
    """Three statements; the one for the finetunes reads an index of all generations (8 ms at 20,000)."""
    made = Generation.objects.of_caller(organization).order_by()
    people = User.objects.filter(Exists(made.filter(user=OuterRef("pk")))).order_by("email")
    keys = ApiKey.objects.filter(organization=organization).order_by("name", "pk")[:MOST_CHOICES]
    finetunes = made.exclude(finetune_id_sent="").values_list("finetune_id_sent", flat=True)
    return Choices(
        people=list(people.values_list("pk", "email")[:MOST_CHOICES]),
        keys=[(key.pk, str(key)) for key in keys],
        finetunes=list(finetunes.distinct().order_by("finetune_id_sent")[:MOST_CHOICES]),
    )


def _condition(wanted: Filters) -> Q:
    conditions: dict[str, object] = {
        "user": wanted.person,
        "api_key": wanted.key,
        "finetune_id_sent": wanted.finetune,
        "endpoint_name": wanted.endpoint,
        "state__in": STATES[wanted.state] if wanted.state else None,
        "is_starred": wanted.starred,
        "created_at__gte": start_of(wanted.since) if wanted.since else None,
        "created_at__lte": end_of(wanted.until) if wanted.until else None,
        "inputs__prompt__icontains": wanted.search,
    }
    return Q(**{name: value for name, value in conditions.items() if value})


def _shown(organization: Organization) -> GenerationQuerySet:
    generations = Generation.objects.of_caller(organization).select_related("user", "api_key")
    return generations.only(*SHOWN)
