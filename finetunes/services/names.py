"""The command that renames a finetune: its finetune_id changes, and the old one is never another's."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Case, F, Value, When
from django.utils import timezone

from dashboard.lib.errors import InvalidInputError
from dashboard.organizations import audit
from dashboard.organizations.events import Action
from dashboard.organizations.locks import lock_live
from dashboard.organizations.models import Organization
from finetunes import upstream
from finetunes.models import NAME, NAME_MAX, Finetune, FormerName
from finetunes.services import catalog, grants


@transaction.atomic
def rename_finetune(finetune: Finetune, name: str) -> bool:
    """From the next request on it answers to `name` alone. Whether this call did it.

    Raises InvalidInputError at `name` for one that cannot be, or that another finetune has or had.
    """
    old, owner = finetune.name, finetune.organization
    _check(name, old)
    # Whoever adds or renames holds the owner: the look and the change are one.
    lock_live(owner)
    catalog.check_name_free(owner, name, besides=finetune)
    rows = Finetune.objects.owned_by(owner).filter(pk=finetune.pk, name=old)
    if rows.update(name=name, upstream_name=_upstream_name(owner, old), updated_at=timezone.now()) != 1:
        return False
    FormerName.objects.filter(organization=owner, name=name).delete()
    FormerName.objects.create(organization=owner, name=old, finetune=finetune)
    audit.record(owner, Action.FINETUNE_RENAMED, name, details={"from": old, "to": name})
    finetune.name = name
    grants.record_received(finetune)
    return True


def _check(name: str, old: str) -> None:
    if name == old:
        raise InvalidInputError("This is its name already. Type the new one.", field="name")
    if len(name) > NAME_MAX:
        raise InvalidInputError(f"A name has {NAME_MAX} characters at most.", field="name")
    try:
        NAME(name)
    except ValidationError as error:
        raise InvalidInputError(error.messages[0], field="name") from None


def _upstream_name(owner: Organization, old: str) -> F | Case:
    """Upstream knows it by the name that it has there, which no rename here changes. The sandbox takes any.

    One that is another organization's there is not said now either: what is said comes before what is alike.
    """
    if not upstream.is_real() or not upstream.belongs_to(old, owner):
        return F("upstream_name")
    return Case(When(upstream_name="", then=Value(old)), default=F("upstream_name"))
