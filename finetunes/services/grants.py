"""Commands on grants: give one, end one."""

from dashboard.lib.errors import InvalidInputError
from dashboard.organizations.models import Organization, User
from dashboard.organizations.queries import find_organization
from finetunes.models import Finetune, Grant

OWN_GRANT = "That is the owner's own ID; an organization always has its own finetunes. Enter the recipient's."


def grant(finetune: Finetune, org_id: str, *, granted_by: User | None) -> Grant:
    """Leave for the organization with this ID; the grant that it has already, if it has one."""
    recipient = find_organization(org_id.strip().lower())
    if recipient is None:
        raise InvalidInputError(
            "No organization has this ID. Ask a member of the recipient for it and enter it as it is written.",
            field="org_id",
        )
    check_recipient(finetune, recipient)
    made, _ = Grant.objects.get_or_create(
        finetune=finetune, organization=recipient, defaults={"granted_by": granted_by}
    )
    return made


def revoke(grant: Grant) -> bool:
    """Whether this call ended it; a grant ends once."""
    return Grant.objects.filter(pk=grant.pk).delete()[0] == 1


def check_recipient(finetune: Finetune, recipient: Organization) -> None:
    if recipient.pk == finetune.organization_id:
        raise InvalidInputError(OWN_GRANT, field="org_id")
