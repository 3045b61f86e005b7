"""Commands on grants: give one, end one."""

from django.db import transaction

from dashboard.lib.errors import InvalidInputError
from dashboard.organizations import actors, audit
from dashboard.organizations.actors import Actor
from dashboard.organizations.events import Action
from dashboard.organizations.locks import lock_live
from dashboard.organizations.models import Organization, User
from dashboard.organizations.queries import find_organization
from finetunes.models import Finetune, Grant

NO_RECIPIENT = "No organization has this ID. Ask a member of the recipient for it and enter it as it is written."
OWN_GRANT = "That is the owner's own ID; an organization always has its own finetunes. Enter the recipient's."


def find_recipient(finetune: Finetune, org_id: str) -> Organization:
    """The organization with this very ID. Raises InvalidInputError for none, and for the owner's own."""
    recipient = find_organization(org_id.strip().lower())
    if recipient is None:
        raise InvalidInputError(NO_RECIPIENT, field="org_id")
    check_recipient(finetune, recipient)
    return recipient


def grant(finetune: Finetune, org_id: str, *, granted_by: User | None) -> Grant:
    """Leave for the organization with this ID; the grant that it has already, if it has one."""
    recipient = find_recipient(finetune, org_id)
    with transaction.atomic():
        # Neither is deleted meanwhile: an organization goes when nobody holds anything of it.
        lock_live(finetune.organization, recipient)
        made, is_new = Grant.objects.get_or_create(
            finetune=finetune, organization=recipient, defaults={"granted_by": granted_by}
        )
        if is_new:
            actor = actors.on_behalf_of(user=granted_by)
            _record(made, Action.GRANT_GIVEN, Action.GRANT_RECEIVED, actor)
    return made


@transaction.atomic
def revoke(grant: Grant) -> bool:
    """Whether this call ended it; a grant ends once."""
    if Grant.objects.filter(pk=grant.pk).delete()[0] != 1:
        return False
    _record(grant, Action.GRANT_REVOKED, Action.GRANT_LOST, actors.current())
    return True


def record_lost(finetune: Finetune) -> None:
    """For the logs of those whose grants end with the finetune; call it before it is deleted."""
    recipients = Organization.objects.live().filter(grants__finetune=finetune)
    actor = actors.of_organization(finetune.organization)
    audit.record_for_each(recipients, Action.GRANT_LOST, str(finetune), actor=actor)


def _record(grant: Grant, action: Action, theirs: Action, actor: Actor) -> None:
    """In both logs; the recipient reads which organization it was, and not which person."""
    finetune, owner, recipient = grant.finetune, grant.finetune.organization, grant.organization
    audit.record(owner, action, finetune.name, actor=actor, details={"recipient": str(recipient)})
    audit.record(recipient, theirs, str(finetune), actor=actors.of_organization(owner))


def check_recipient(finetune: Finetune, recipient: Organization) -> None:
    if recipient.pk == finetune.organization_id:
        raise InvalidInputError(OWN_GRANT, field="org_id")
