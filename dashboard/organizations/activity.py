"""Reads of the activity log: an organization's lines by filter, each as a person reads it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Q, TextChoices

from dashboard.lib.csv_download import Cell
from dashboard.lib.keyset import Page, read_page, walk
from dashboard.lib.periods import end_of, start_of
from dashboard.organizations.actors import OPERATOR
from dashboard.organizations.events import Action, Kind, actions_of
from dashboard.organizations.models import ApiKey, AuditEvent, AuditEventQuerySet, Membership, Organization
from dashboard.organizations.roles import Role, Scope

MOST_NAMES = 100
COLUMNS = ("time", "actor", "actor kind", "action", "subject", "details", "ip")
ABROAD = {Action.GRANT_RECEIVED, Action.GRANT_LOST}
# Stored in words of the code; the code's own names come out as people know them.
WORDS: dict[str, str] = {**dict(Role.choices), **dict(Scope.choices)}


class ActorKind(TextChoices):
    PERSON = "person", "Person"
    KEY = "key", "API key"
    OPERATOR = "operator", "Operator of this server"
    ORGANIZATION = "organization", "Organization"
    SERVER = "server", "Server"

    @property
    def icon(self) -> str:
        return ICONS[self]


ICONS = {
    ActorKind.PERSON: "user",
    ActorKind.KEY: "key",
    ActorKind.OPERATOR: "shield-check",
    ActorKind.ORGANIZATION: "building-office-2",
    ActorKind.SERVER: "server",
}


@dataclass(frozen=True)
class Filter:
    """Which lines are asked for; what is left empty leaves all in."""

    who: str = ""
    kind: Kind | None = None
    since: date | None = None
    until: date | None = None

    def __bool__(self) -> bool:
        return bool(self.who or self.kind or self.since or self.until)


@dataclass(frozen=True)
class Line:
    """An event, with what stands after its subject and what else is known of it."""

    event: AuditEvent
    actor_kind: ActorKind
    after: str
    facts: tuple[tuple[str, str], ...]

    @property
    def created_at(self) -> datetime:
        return self.event.created_at

    @property
    def facts_text(self) -> str:
        return "; ".join(f"{label}: {value}" for label, value in self.facts)


@dataclass(frozen=True)
class LinePage:
    lines: list[Line]
    page: Page[AuditEvent]


def read_lines(
    organization: Organization, wanted: Filter, *, before: int | None = None, after: int | None = None
) -> LinePage:
    page = read_page(find_events(organization, wanted), before=before, after=after)
    return LinePage([line_of(event) for event in page.rows], page)


def find_events(organization: Organization, wanted: Filter) -> AuditEventQuerySet:
    events = AuditEvent.objects.of(organization)
    if wanted.who:
        # By the name as it was then, and by the person as they are called now.
        events = events.filter(Q(actor__icontains=wanted.who) | Q(user__email__iexact=wanted.who))
    if wanted.kind:
        events = events.filter(action__in=actions_of(wanted.kind))
    if wanted.since:
        events = events.filter(created_at__gte=start_of(wanted.since))
    if wanted.until:
        events = events.filter(created_at__lte=end_of(wanted.until))
    return events


def known_names(organization: Organization) -> list[str]:
    """Who may occur in the log, for the filter to suggest: members, and keys also where they are revoked."""
    members = Membership.objects.filter(organization=organization).order_by("user__email")
    keys = ApiKey.objects.filter(organization=organization).order_by("name", "pk")[:MOST_NAMES]
    emails = members.values_list("user__email", flat=True)[:MOST_NAMES]
    return [*emails, *(str(key) for key in keys), OPERATOR]


def line_of(event: AuditEvent) -> Line:
    details = {key: str(value) for key, value in event.details.items()}
    after = f"with {details.pop('recipient')}" if "recipient" in details else ""
    return Line(event, _kind_of_actor(event), after, tuple(_facts(details)))


def csv_rows(organization: Organization, wanted: Filter) -> Iterator[tuple[Cell, ...]]:
    for event in walk(find_events(organization, wanted)):
        line = line_of(event)
        details = "; ".join(part for part in (line.after, line.facts_text) if part)
        kind = line.actor_kind.label
        yield (event.created_at.isoformat(), event.actor, kind, event.action, event.subject, details, event.ip or "")


def _kind_of_actor(event: AuditEvent) -> ActorKind:
    """People and keys that are gone leave their names: an address holds an @, a key's name ends in brackets."""
    if event.user_id:
        return ActorKind.PERSON
    if event.api_key_id:
        return ActorKind.KEY
    if event.action in ABROAD or _is_told(event):
        return ActorKind.ORGANIZATION
    if event.actor == OPERATOR:
        return ActorKind.OPERATOR
    if event.actor.endswith("…)"):
        return ActorKind.KEY
    return ActorKind.PERSON if "@" in event.actor else ActorKind.SERVER


def _is_told(event: AuditEvent) -> bool:
    """A change of limits stands in both logs; the owner's names the recipient."""
    return event.action == Action.GRANT_CHANGED and "recipient" not in event.details


def _facts(details: dict[str, str]) -> Iterator[tuple[str, str]]:
    """What changed comes first, as one fact."""
    if "from" in details and "to" in details:
        yield "Changed", f"{_worded(details.pop('from'))} → {_worded(details.pop('to'))}"
    for key, value in details.items():
        yield key.replace("_", " ").capitalize(), _worded(value)


def _worded(value: str) -> str:
    return WORDS.get(value, value)
