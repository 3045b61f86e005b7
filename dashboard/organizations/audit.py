"""The only writer of the activity log."""

from dashboard.organizations import actors
from dashboard.organizations.actors import Actor
from dashboard.organizations.events import Action
from dashboard.organizations.models import AuditEvent, Organization

SUBJECT_CHARS = 254


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
    who = actor or actors.current()
    return AuditEvent.objects.create(
        organization=organization,
        action=action,
        actor=who.name,
        user=who.user,
        api_key=who.api_key,
        subject=subject[:SUBJECT_CHARS],
        details=details or {},
        ip=who.ip,
    )
