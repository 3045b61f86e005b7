"""The only writer of the activity log."""

from collections.abc import Iterable

from dashboard.organizations import actors
from dashboard.organizations.actors import Actor
from dashboard.organizations.events import Action
from dashboard.organizations.models import AuditEvent, Organization

ACTOR_CHARS = SUBJECT_CHARS = 254
BATCH = 500


def record(
    organization: Organization,
    action: Action,
    subject: str = "",
    *,
    actor: Actor | None = None,
    details: dict[str, str | int] | None = None,
) -> AuditEvent:
    """Adds a line; call it in the transaction of what it tells. Neither secrets nor prompts belong into it.

    The actor is whoever sent the current request, unless another is given.
    """
    event = _build(organization, action, subject, actor or actors.current(), details or {})
    event.save(force_insert=True)
    return event


def record_for_each(
    organizations: Iterable[Organization],
    action: Action,
    subject: str = "",
    *,
    actor: Actor,
    details: dict[str, str | int] | None = None,
) -> None:
    """The same line in the log of each, in few statements."""
    events = [_build(organization, action, subject, actor, details or {}) for organization in organizations]
    AuditEvent.objects.bulk_create(events, batch_size=BATCH)


def record_of_each(organization: Organization, action: Action, subjects: Iterable[str], *, actor: Actor) -> None:
    """A line of each subject in one log, in few statements."""
    events = [_build(organization, action, subject, actor, {}) for subject in subjects]
    AuditEvent.objects.bulk_create(events, batch_size=BATCH)


def _build(
    organization: Organization, action: Action, subject: str, who: Actor, details: dict[str, str | int]
) -> AuditEvent:
    return AuditEvent(
        organization=organization,
        action=action,
        actor=who.name[:ACTOR_CHARS],
        user=who.user,
        api_key=who.api_key,
        subject=subject[:SUBJECT_CHARS],
        details=details,
        ip=who.ip,
    )
