"""Commands on versions: replace the checkpoint of a finetune, make an earlier one current again."""

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from dashboard.bfl.endpoints import BaseModel
from dashboard.lib.errors import InvalidInputError, NotFoundError
from dashboard.organizations import actors, audit
from dashboard.organizations.events import Action
from dashboard.organizations.models import ApiKey, User
from finetunes import queries
from finetunes.models import UPSTREAM_ALONE, Checkpoint, Finetune, Upload, Version
from finetunes.services.publishing import publish


def add_version(
    finetune: Finetune,
    upload: Upload,
    *,
    strip_private: bool = False,
    created_by: User | None = None,
    api_key: ApiKey | None = None,
) -> Version:
    """Publishes the upload as the next version, which becomes current; the ones before it are kept.

    Raises what `publishing.publish` raises, and InvalidInputError for the very file of a version that this finetune
    has: that one can be made current. Call it outside of a transaction.
    """

    def attach(checkpoint: Checkpoint) -> Version:
        live = Finetune.objects.owned_by(finetune.organization)
        current = live.select_for_update().filter(pk=finetune.pk).first()
        if current is None:
            raise NotFoundError(f"{finetune.name} was deleted meanwhile. Add the upload as a new finetune.")
        check_fits(checkpoint, current.base_model)
        _check_new(current, checkpoint)
        version = append(current, checkpoint, created_by=created_by, api_key=api_key)
        actor = actors.on_behalf_of(user=created_by, api_key=api_key)
        details: dict[str, str | int] = {"version": version.label}
        audit.record(finetune.organization, Action.FINETUNE_REPLACED, finetune.name, actor=actor, details=details)
        return version

    return publish(finetune.organization, upload, finetune.base_model, attach, strip_private=strip_private)


def append(finetune: Finetune, checkpoint: Checkpoint, *, created_by: User | None, api_key: ApiKey | None) -> Version:
    """The next version, made current. Call it in a transaction that holds the finetune's row."""
    last = finetune.versions.aggregate(last=Max("number"))["last"] or 0
    version = Version.objects.create(
        finetune=finetune, number=last + 1, checkpoint=checkpoint, created_by=created_by, api_key=api_key
    )
    finetune.current_version = version
    finetune.save(update_fields=["current_version", "updated_at"])
    return version


@transaction.atomic
def make_current(version: Version) -> bool:
    """Serves this version from now on. Whether this call did it.

    Raises InvalidInputError where the base model was corrected since to one that this checkpoint is not made for.
    """
    base_model = version.finetune.base_model
    check_fits(version.checkpoint, base_model)
    live = Finetune.objects.owned_by(version.finetune.organization)
    finetunes = live.filter(pk=version.finetune_id, base_model=base_model)
    others = finetunes.exclude(current_version=version)
    if others.update(current_version=version, updated_at=timezone.now()) != 1:
        return False
    finetune = version.finetune
    audit.record(finetune.organization, Action.FINETUNE_VERSION_USED, finetune.name, details={"version": version.label})
    return True


def check_fits(checkpoint: Checkpoint, base_model: str) -> None:
    """Raises InvalidInputError where what was found in the file contradicts the base model."""
    check_takes_checkpoint(base_model)
    fitting = checkpoint.base_models
    if fitting and base_model not in fitting:
        raise InvalidInputError(
            f"The checkpoint is made for {' or '.join(each.label for each in fitting)}, "
            f"not for {BaseModel(base_model).label}.",
            field="base_model",
        )


def check_takes_checkpoint(base_model: str) -> None:
    """Raises InvalidInputError for a base model whose finetunes lie upstream alone."""
    if not BaseModel(base_model).takes_checkpoint:
        raise InvalidInputError(UPSTREAM_ALONE, field="base_model")


def _check_new(finetune: Finetune, checkpoint: Checkpoint) -> None:
    same = queries.find_version_of(finetune, checkpoint)
    if same is None:
        return
    if same.pk == finetune.current_version_id:
        raise InvalidInputError(f"{same.label} has this very file and is current.", field="upload")
    raise InvalidInputError(f"{same.label} has this very file; make it current instead.", field="upload")
