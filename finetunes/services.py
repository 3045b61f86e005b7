"""Commands on the catalog: add and delete a finetune, grant it and revoke, make it official."""

from functools import partial
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.base import File
from django.db import IntegrityError, transaction
from django.template.defaultfilters import filesizeformat
from django.utils import timezone

from dashboard.bfl.endpoints import FINETUNED_ENDPOINTS, is_served
from dashboard.lib.errors import InvalidInputError
from dashboard.organizations.models import Organization, User
from dashboard.organizations.queries import find_organization
from finetunes import queries
from finetunes.checkpoints import store
from finetunes.checkpoints.errors import CheckpointError
from finetunes.checkpoints.header import read_header
from finetunes.models import Finetune, Grant

CHECKPOINT_FIELDS = {"checkpoint", "checkpoint_bytes", "checkpoint_sha256"}
OWN_GRANT = "That is the owner's own ID; an organization always has its own finetunes. Enter the recipient's."


def add_finetune(
    owner: Organization,
    *,
    name: str,
    base_model: str,
    precision: str,
    trigger_phrase: str,
    checkpoint: "File[Any]",
    created_by: User | None,
) -> Finetune:
    """Checks the checkpoint, keeps it and lists it under `name`.

    Raises InvalidInputError, whose field is the argument that it is about; then nothing is kept. Call it outside
    of a transaction: gigabytes would be copied inside it, and a later rollback would leave the file behind.
    """
    finetune = Finetune(
        organization=owner,
        name=name,
        base_model=base_model,
        precision=precision,
        trigger_phrase=trigger_phrase.strip(),
        created_by=created_by,
    )
    _check_fields(finetune)
    check_served(base_model, precision)
    check_name_free(owner, name)
    _check_checkpoint(checkpoint)
    with store.kept(checkpoint, checkpoint.size, owner.org_id) as stored:
        finetune.checkpoint.name = stored.name
        finetune.checkpoint_bytes = stored.size
        finetune.checkpoint_sha256 = stored.sha256
        return _insert(finetune)


def delete_finetune(finetune: Finetune) -> None:
    """Ends the finetune and its grants; its checkpoint follows once that is committed."""
    checkpoint = str(finetune.checkpoint.name)
    with transaction.atomic():
        finetune.delete()
        transaction.on_commit(partial(store.discard, checkpoint))


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


def publish_official(finetune: Finetune) -> bool:
    """Shows the finetune to every organization. Whether this call did it."""
    return _set_official(finetune, True)


def withdraw_official(finetune: Finetune) -> bool:
    """Leaves it to its owner and its grants again. Whether this call did it."""
    return _set_official(finetune, False)


def check_served(base_model: str, precision: str) -> None:
    """Raises InvalidInputError for a pair that no endpoint serves; the sentence names the one that does."""
    if is_served(base_model, precision):
        return
    served = [endpoint for endpoint in FINETUNED_ENDPOINTS if endpoint.base_model and endpoint.precision]
    models = ", ".join(e.base_model.label for e in served if e.base_model and e.precision == precision)
    choices = " or ".join(e.precision.label for e in served if e.precision and e.base_model == base_model)
    raise InvalidInputError(
        f"{precision.upper()} is served for {models} alone. Choose {choices} for this base model.",
        field="precision",
    )


def check_name_free(owner: Organization, name: str) -> None:
    if queries.has_name(owner, name):
        raise InvalidInputError(
            f"There is a finetune named {name} already. Choose another name; it becomes the finetune_id.",
            field="name",
        )


def check_recipient(finetune: Finetune, recipient: Organization) -> None:
    if recipient.pk == finetune.organization_id:
        raise InvalidInputError(OWN_GRANT, field="org_id")


def _check_fields(finetune: Finetune) -> None:
    try:
        finetune.clean_fields(exclude=CHECKPOINT_FIELDS)
    except ValidationError as error:
        field, messages = next(iter(error.message_dict.items()))
        raise InvalidInputError(messages[0], field=field) from None


def _check_checkpoint(checkpoint: "File[Any]") -> None:
    if checkpoint.size > settings.MAX_CHECKPOINT_BYTES:
        raise CheckpointError(
            f"This file has {filesizeformat(checkpoint.size)}; a checkpoint may have "
            f"{filesizeformat(settings.MAX_CHECKPOINT_BYTES)}. Save the LoRA at a lower rank or in BF16."
        )
    read_header(checkpoint, checkpoint.size)


def _insert(finetune: Finetune) -> Finetune:
    try:
        with transaction.atomic(durable=True):
            finetune.save(force_insert=True)
    except IntegrityError:
        # Someone took the name while the file was stored: the unique constraint decides, not the look before.
        check_name_free(finetune.organization, finetune.name)
        raise
    return finetune


def _set_official(finetune: Finetune, official: bool) -> bool:
    rows = Finetune.objects.filter(pk=finetune.pk, is_official=not official)
    return rows.update(is_official=official, updated_at=timezone.now()) == 1
