"""Commands on the trash: put a finetune into it, take it out again, end what lies there for good."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from dashboard.organizations import actors, audit
from dashboard.organizations.events import Action
from dashboard.organizations.locks import lock_live
from dashboard.organizations.models import User
from finetunes.models import Finetune
from finetunes.queries.trash import ended_before
from finetunes.services import catalog, grants


@transaction.atomic
def discard(finetune: Finetune, *, by: User | None) -> bool:
    """From its next request on nobody finds the finetune. Whether this call did it.

    Its name stays taken, its files and its grants are kept for the day it is restored, and what is queued finishes.
    """
    lock_live(finetune.organization)
    now = timezone.now()
    rows = Finetune.objects.owned_by(finetune.organization).filter(pk=finetune.pk)
    if rows.update(deleted_at=now, deleted_by=by, updated_at=now) != 1:
        return False
    grants.record_lost(finetune)
    actor = actors.on_behalf_of(user=by)
    audit.record(finetune.organization, Action.FINETUNE_DELETED, finetune.name, actor=actor)
    return True


@transaction.atomic
def restore(finetune: Finetune) -> bool:
    """Back in the catalog as it was, grants included. Whether this call did it."""
    lock_live(finetune.organization)
    rows = Finetune.objects.in_trash().filter(pk=finetune.pk)
    if rows.update(deleted_at=None, deleted_by=None, updated_at=timezone.now()) != 1:
        return False
    grants.record_received(finetune)
    audit.record(finetune.organization, Action.FINETUNE_RESTORED, finetune.name)
    return True


def remove(finetune: Finetune) -> bool:
    """Ends for good what lies in the trash; False for what was restored or removed meanwhile."""
    return catalog.delete_finetune(finetune, among=Finetune.objects.in_trash())


def remove_expired(finetune: Finetune, now: datetime) -> bool:
    """The same, where its days are over."""
    expired = Finetune.objects.in_trash().filter(deleted_at__lte=ended_before(now))
    return catalog.delete_finetune(finetune, among=expired)
