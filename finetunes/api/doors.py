"""From a `finetune_id` in a call to the finetune: as its reader, as its owner, and as the answer to both."""

from dashboard.lib.errors import ForbiddenError, NotFoundError
from dashboard.organizations.models import Organization
from finetunes import access
from finetunes.converters import SLASH, TILDE
from finetunes.models import Finetune
from finetunes.queries import listing
from finetunes.queries.listing import Row


def get_shown(caller: Organization, finetune_id: str) -> Finetune:
    """One that the caller may see. In a URL `{owner_org_id}~{name}` is one segment. Raises NotFoundError."""
    return access.resolve_finetune(caller, finetune_id.replace(TILDE, SLASH))


def get_own(caller: Organization, finetune_id: str) -> Finetune:
    """One of the caller's own. Raises ForbiddenError for one that it only sees, NotFoundError for every other."""
    finetune = get_shown(caller, finetune_id)
    if finetune.organization_id != caller.pk:
        raise ForbiddenError(f"{finetune} belongs to {finetune.organization.name}, and its owner alone may do this.")
    return finetune


def read_row(caller: Organization, finetune: Finetune) -> Row:
    """It as the catalog shows it to the caller now. Raises NotFoundError where it went meanwhile."""
    row = listing.read_row(caller, finetune.pk)
    if row is None:
        raise NotFoundError(access.NOT_FOUND)
    return row
