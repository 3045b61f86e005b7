"""Commands on several finetunes at once: into the trash, and out of it again; in as many statements as for one."""

from collections.abc import Callable, Iterable, Sequence

from django.db import transaction
from django.utils import timezone

from dashboard.organizations import actors, audit
from dashboard.organizations.events import Action
from dashboard.organizations.locks import lock_live
from dashboard.organizations.models import Organization, User
from finetunes.models import Finetune, FinetuneQuerySet, Grant
from finetunes.services import grants


@transaction.atomic
def discard_all(owner: Organization, finetunes: Iterable[Finetune], *, by: User) -> list[Finetune]:
    """Those that this call put into the trash; all of them or, where one fails, none."""
    lock_live(owner)
    now = timezone.now()
    going = _hold(Finetune.objects.owned_by(owner), [finetune.pk for finetune in finetunes])
    _all(going).update(deleted_at=now, deleted_by=by, updated_at=now)
    _record(owner, going, Action.FINETUNE_DELETED, by, grants.record_lost)
    return going


@transaction.atomic
def restore_all(owner: Organization, pks: Iterable[int], *, by: User) -> int:
    """How many of them this person had put into the trash of this organization and this call took out again."""
    lock_live(owner)
    lying = Finetune.objects.kept_by(owner).in_trash().filter(deleted_by=by)
    returning = _hold(lying, list(pks))
    _all(returning).update(deleted_at=None, deleted_by=None, updated_at=timezone.now())
    _record(owner, returning, Action.FINETUNE_RESTORED, by, grants.record_received)
    return len(returning)


def _hold(among: FinetuneQuerySet, pks: Sequence[int]) -> list[Finetune]:
    """Until the transaction ends; in the one order in which whoever tags several holds them."""
    rows = among.filter(pk__in=pks).select_related("organization").order_by("pk")
    return list(rows.select_for_update(no_key=True, of=("self",)))


def _all(held: Sequence[Finetune]) -> FinetuneQuerySet:
    return Finetune.objects.filter(pk__in=[finetune.pk for finetune in held])


def _record(
    owner: Organization, moved: Sequence[Finetune], action: Action, by: User, tell: Callable[[Finetune], None]
) -> None:
    """For the owner's log, and for those of recipients, which few of several have."""
    granted = set(Grant.objects.live(timezone.now()).filter(finetune__in=moved).values_list("finetune", flat=True))
    for finetune in moved:
        if finetune.pk in granted:
            tell(finetune)
    names = [finetune.name for finetune in moved]
    audit.record_of_each(owner, action, names, actor=actors.on_behalf_of(user=by))
