"""The doors to a finetune: by `finetune_id` as a caller sends it, by name from its owner's pages."""

import re

from dashboard.lib.errors import NotFoundError
from dashboard.organizations.models import Organization
from finetunes.models import NAME_MAX, Finetune

FINETUNE_ID = re.compile(rf"(?:(?P<org_id>[a-z0-9_-]{{1,32}})/)?(?P<name>[a-z0-9_-]{{1,{NAME_MAX}}})")
NOT_FOUND = "Finetune not found. Send the name of your own finetune, or {owner_org_id}/{name} of one shared with you."


def resolve_finetune(caller: Organization, finetune_id: str) -> Finetune:
    """The finetune that `finetune_id` names for this caller: own, granted or official.

    Raises NotFoundError, alike for what does not exist and for what is not shared with the caller.
    """
    match = FINETUNE_ID.fullmatch(finetune_id)
    if match is None:
        raise NotFoundError(NOT_FOUND, field="finetune_id")
    visible = Finetune.objects.visible_to(caller).select_related("organization")
    owner = match["org_id"] or caller.org_id
    finetune = visible.filter(organization__org_id=owner, name=match["name"]).first()
    if finetune is None:
        raise NotFoundError(NOT_FOUND, field="finetune_id")
    return finetune
