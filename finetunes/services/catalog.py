"""Commands on the catalog: add and delete a finetune, make it official."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from dashboard.bfl.endpoints import BY_SERVING, is_served
from dashboard.lib.errors import InvalidInputError
from dashboard.organizations import actors, audit
from dashboard.organizations.events import Action
from dashboard.organizations.locks import lock_live
from dashboard.organizations.models import ApiKey, Organization, User
from finetunes import queries, workflow
from finetunes.models import Checkpoint, Finetune, FinetuneQuerySet, Upload, Version
from finetunes.samples import files
from finetunes.services import grants, versions
from finetunes.services.publishing import publish


def check_new(owner: Organization, *, name: str, base_model: str, precision: str, trigger_phrase: str) -> None:
    """Raises InvalidInputError, whose field is the argument that it is about. No file is looked at."""
    _check_fields(_build(owner, name, base_model, precision, trigger_phrase))
    check_served(base_model, precision)
    versions.check_takes_checkpoint(base_model)
    check_name_free(owner, name)


def add_finetune(
    owner: Organization,
    upload: Upload,
    *,
    name: str,
    base_model: str,
    precision: str,
    trigger_phrase: str,
    strip_private: bool = False,
    created_by: User | None = None,
    api_key: ApiKey | None = None,
) -> Finetune:
    """Publishes the upload as the first version of a finetune and lists it under `name`.

    Raises InvalidInputError, whose field is the argument that it is about, and what `publishing.publish` raises;
    the upload is kept then, to be tried again, unless its file can never be used. Call it outside of a transaction.
    """
    check_new(owner, name=name, base_model=base_model, precision=precision, trigger_phrase=trigger_phrase)

    def attach(checkpoint: Checkpoint) -> Version:
        # Once more: a rename may have taken or left the name while the file was stored.
        lock_live(owner)
        check_name_free(owner, name)
        finetune = _build(owner, name, base_model, precision, trigger_phrase)
        finetune.created_by = created_by
        finetune.save(force_insert=True)
        version = versions.append(finetune, checkpoint, created_by=created_by, api_key=api_key)
        actor = actors.on_behalf_of(user=created_by, api_key=api_key)
        audit.record(owner, Action.FINETUNE_ADDED, name, actor=actor, details={"base_model": finetune.base_model})
        return version

    return publish(owner, upload, base_model, attach, strip_private=strip_private).finetune


def delete_finetune(finetune: Finetune, *, among: FinetuneQuerySet | None = None) -> bool:
    """Ends the finetune, its versions and its grants for good; files that no version needs follow on commit.

    Whether this call did it: another deletion may have come first, or the finetune is no more `among` those asked for.
    """
    candidates = Finetune.objects.all() if among is None else among
    with transaction.atomic():
        row = candidates.select_for_update().filter(pk=finetune.pk).first()
        if row is None:
            return False
        # The lock lets no version join any more, and no grant.
        checkpoints = list(row.versions.values_list("checkpoint", flat=True).distinct().order_by())
        images = files.names_of(row)
        if row.deleted_at is None:
            grants.record_lost(row)
        action = Action.FINETUNE_REMOVED if row.deleted_at else Action.FINETUNE_DELETED
        audit.record(row.organization, action, row.name)
        row.delete()
        # Robust: with the storage away the finetune is gone all the same, and the sweeper removes the files.
        transaction.on_commit(lambda: workflow.discard_unreferenced(checkpoints), robust=True)
        transaction.on_commit(lambda: files.remove(images), robust=True)
    return True


@transaction.atomic
def publish_official(finetune: Finetune) -> bool:
    """Shows the finetune to every organization. Whether this call did it."""
    lock_live(finetune.organization)
    return _set_official(finetune, True, Action.FINETUNE_MADE_OFFICIAL)


def withdraw_official(finetune: Finetune) -> bool:
    """Leaves it to its owner and its grants again. Whether this call did it."""
    return _set_official(finetune, False, Action.FINETUNE_WITHDRAWN)


def check_served(base_model: str, precision: str) -> None:
    """Raises InvalidInputError for a pair that no endpoint serves; the sentence names the one that does."""
    if is_served(base_model, precision):
        return
    served = [(model, each) for model, each in BY_SERVING if model and each]
    models = ", ".join(model.label for model, each in served if each == precision)
    choices = " or ".join(each.label for model, each in served if model == base_model)
    raise InvalidInputError(
        f"{precision.upper()} is served for {models} alone. Choose {choices} for this base model.",
        field="precision",
    )


def check_name_free(owner: Organization, name: str, *, besides: Finetune | None = None) -> None:
    """Also for the names that its finetunes had: who still sends one must not get another finetune for it."""
    found = queries.find_named(owner, name)
    if found is None or found == besides:
        return
    raise InvalidInputError(_taken(found, name), field="name")


def _taken(found: Finetune, name: str) -> str:
    if found.deleted_at:
        return f"A finetune named {name} is in the trash, and keeps its name there. Restore it, or choose another name."
    if found.name != name:
        return f"{name} was the name of {found.name}, and stays reserved for it. Choose another name."
    return f"There is a finetune named {name} already. Choose another name; it becomes the finetune_id."


def _build(owner: Organization, name: str, base_model: str, precision: str, trigger_phrase: str) -> Finetune:
    return Finetune(
        organization=owner,
        name=name,
        base_model=base_model,
        precision=precision,
        trigger_phrase=trigger_phrase.strip(),
    )


def _check_fields(finetune: Finetune) -> None:
    try:
        finetune.clean_fields(exclude={"current_version"})
    except ValidationError as error:
        field, messages = next(iter(error.message_dict.items()))
        raise InvalidInputError(messages[0], field=field) from None


@transaction.atomic
def _set_official(finetune: Finetune, official: bool, action: Action) -> bool:
    found = Finetune.objects.owned_by(finetune.organization) if official else Finetune.objects.all()
    rows = found.filter(pk=finetune.pk, is_official=not official)
    if rows.update(is_official=official, updated_at=timezone.now()) != 1:
        return False
    audit.record(finetune.organization, action, finetune.name)
    return True
