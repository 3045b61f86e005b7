"""Commands on the upstream's names: use one, look one up, bring finetunes of the account into the catalog."""

import logging
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from django.db import transaction

from dashboard.bfl.endpoints import BaseModel, Precision
from dashboard.bfl.errors import UpstreamError
from dashboard.lib.errors import DashboardError, InvalidInputError, NotFoundError
from dashboard.organizations import actors, audit
from dashboard.organizations.events import Action
from dashboard.organizations.locks import lock_live
from dashboard.organizations.models import Organization, User
from finetunes import queries, upstream
from finetunes.models import NAME_MAX, Finetune
from finetunes.services import catalog

log = logging.getLogger(__name__)

UPSTREAM_NAME_MAX = 100
# What any server takes as an id, a path of its own included.
UPSTREAM_NAME = re.compile(r"[A-Za-z0-9._/:@+-]+")
UNUSABLE = "Use letters, digits and . _ / : @ + - alone, as the upstream shows the name."
TAKEN = "Another organization of this server uses this upstream name. Choose another one, or ask the operator."
NOT_ALLOWED = "The operator of this server has not opened the upstream's account to {owner}, whose finetune this is."
NOT_OURS = "{name} stands upstream for a finetune of another organization. Its owner must give its upstream name."
NO_IMPORT = "There is no account to import finetunes from."
GONE = "This name is not free any more: it was taken, or is gone upstream."
TWICE = "Two rows have this name. Choose another one for one of them."
AWAY = "The upstream does not answer. Try again in a while."
REFUSED = "The upstream refuses this server's key. Tell the operator of this server."
IMPORTED_AT_ONCE = 20
SUFFIXES = ["", *(f"-{number}" for number in range(2, 10))]
# What BFL told of a finetune that it had trained itself, which all were of FLUX.1.
TRAINING_KEYS = {"finetune_type", "finetune_comment", "iterations"}
BASE_MODEL_KEYS = ("base_model", "finetune_base_model", "model")
TRIGGER_KEYS = ("trigger_phrase", "trigger_word", "trigger")
ASKED_AT_ONCE = 8


class UpstreamAwayError(DashboardError):
    """The upstream could not be asked."""

    code = "upstream_away"
    status = 503


class UpstreamNameError(DashboardError):
    """What the finetune is called upstream is another organization's there."""

    code = "upstream_name_taken"
    status = 409


@dataclass(frozen=True)
class Import:
    """A finetune of the upstream's account, as it will stand in the catalog."""

    upstream_name: str
    name: str
    base_model: str = ""
    precision: str = Precision.FP8.value
    trigger_phrase: str = ""


class InvalidRowsError(InvalidInputError):
    """`errors` holds, by row, a sentence for each field that is wrong."""

    def __init__(self, errors: Mapping[int, Mapping[str, str]]) -> None:
        super().__init__("Some rows need your attention.")
        self.errors = errors


def check_callable(finetune: Finetune) -> None:
    """Whether its name upstream is its owner's, so that nobody generates with a stranger's finetune.

    Raises UpstreamNameError. One query; none with the sandbox.
    """
    if not upstream.is_real():
        return
    if not upstream.may_use(finetune.organization):
        raise UpstreamNameError(NOT_ALLOWED.format(owner=finetune.organization.name), field="finetune_id")
    if not upstream.belongs_to(upstream.upstream_id_of(finetune), finetune.organization):
        raise UpstreamNameError(NOT_OURS.format(name=finetune.name), field="finetune_id")


@transaction.atomic
def set_upstream_name(finetune: Finetune, upstream_name: str) -> bool:
    """Empty, where it has the finetune's own. Whether anything changed. Raises InvalidInputError for another's."""
    upstream_name = upstream_name.strip()
    if upstream_name and not UPSTREAM_NAME.fullmatch(upstream_name):
        raise InvalidInputError(UNUSABLE, field="upstream_name")
    live = Finetune.objects.owned_by(finetune.organization)
    current = live.select_for_update(no_key=True).filter(pk=finetune.pk).first()
    if current is None:
        raise NotFoundError(f"{finetune.name} was deleted meanwhile.")
    if not upstream.belongs_to(upstream_name or current.name, finetune.organization):
        raise InvalidInputError(TAKEN, field="upstream_name")
    finetune.upstream_name = upstream_name
    if current.upstream_name == upstream_name:
        return False
    current.upstream_name = upstream_name
    current.save(update_fields=["upstream_name", "updated_at"])
    audit.record(current.organization, Action.FINETUNE_EDITED, current.name, details={"changed": "upstream name"})
    return True


def is_found(finetune: Finetune) -> bool:
    """Whether the account has it under its name. Raises UpstreamAwayError."""
    return upstream.upstream_id_of(finetune) in list_account(anew=True)


def list_account(*, anew: bool = False) -> list[str]:
    """The names in the upstream's account. Raises UpstreamAwayError."""
    try:
        return upstream.ask_finetunes(anew=anew)
    except UpstreamError as error:
        log.warning("upstream: %s", error)
        raise UpstreamAwayError(REFUSED if error.status in (401, 403) else AWAY) from None


# --- Import ------------------------------------------------------------------------------------------------


def check_import(owner: Organization) -> None:
    """Raises NotFoundError where there is nothing that this organization could import from."""
    if not upstream.may_use(owner):
        raise NotFoundError(NO_IMPORT)


def list_importable(*, anew: bool = False) -> list[str]:
    """What no finetune on this server answers for, by name. Raises UpstreamAwayError."""
    listed = [name for name in list_account(anew=anew) if _is_usable(name)]
    claimed = upstream.claimed()
    return sorted(name for name in listed if name not in claimed)


def propose(owner: Organization, upstream_names: Sequence[str]) -> list[Import]:
    """How they could stand in the catalog: under free names, and with what the upstream tells of them."""
    with ThreadPoolExecutor(ASKED_AT_ONCE) as pool:
        details = list(pool.map(_ask_details, upstream_names))
    bases = [clean_name(each) for each in upstream_names]
    taken = queries.find_names(owner, [_numbered(base, suffix) for base in bases for suffix in SUFFIXES])
    found = []
    for upstream_name, base, told in zip(upstream_names, bases, details, strict=True):
        free = (_numbered(base, suffix) for suffix in SUFFIXES)
        name = next((each for each in free if each not in taken), base)
        taken.add(name)
        found.append(_describe(Import(upstream_name, name), told))
    return found


def import_finetunes(owner: Organization, rows: Sequence[Import], *, created_by: User | None) -> list[Finetune]:
    """Adds them without a checkpoint, all or none. Raises InvalidRowsError, UpstreamAwayError."""
    check_import(owner)
    offered = set(list_account())
    _refuse({at: {"upstream_name": GONE} for at, row in enumerate(rows) if row.upstream_name not in offered})
    with transaction.atomic():
        # Names of finetunes are taken and left under this lock alone.
        lock_live(owner)
        _refuse(_find_errors(owner, rows))
        finetunes = Finetune.objects.bulk_create([_build(owner, row, created_by) for row in rows])
        actor = actors.on_behalf_of(user=created_by)
        for row in rows:
            details: dict[str, str | int] = {"upstream_name": row.upstream_name}
            audit.record(owner, Action.FINETUNE_IMPORTED, row.name, actor=actor, details=details)
    return finetunes


def clean_name(upstream_name: str) -> str:
    """As much of it as a finetune may be called."""
    last = upstream_name.rstrip("/").rpartition("/")[2].lower()
    return re.sub(r"[^a-z0-9_-]+", "-", last).strip("-")[:NAME_MAX] or "finetune"


def _find_errors(owner: Organization, rows: Sequence[Import]) -> dict[int, dict[str, str]]:
    names = [row.name for row in rows]
    taken, claimed = queries.find_names(owner, names), upstream.claimed()
    errors: dict[int, dict[str, str]] = {}
    for at, row in enumerate(rows):
        wrong = _find_faults(row)
        # One finetune stands for it: a second row of the same one would be taken for another.
        before = [each.upstream_name for each in rows[:at]]
        if row.upstream_name in claimed or row.upstream_name in before or not _is_usable(row.upstream_name):
            wrong["upstream_name"] = GONE
        if row.name in taken:
            wrong["name"] = f"The name {row.name} is taken. Choose another one; it becomes the finetune_id."
        elif row.name in names[:at]:
            wrong["name"] = TWICE
        if wrong:
            errors[at] = wrong
    return errors


def _find_faults(row: Import) -> dict[str, str]:
    try:
        catalog.check_served(row.base_model, row.precision)
    except InvalidInputError as error:
        return {error.field or "base_model": error.message}
    return {}


def _refuse(errors: Mapping[int, Mapping[str, str]]) -> None:
    if errors:
        raise InvalidRowsError(errors)


def _build(owner: Organization, row: Import, created_by: User | None) -> Finetune:
    return Finetune(
        organization=owner,
        name=row.name,
        base_model=row.base_model,
        precision=row.precision,
        trigger_phrase=row.trigger_phrase.strip(),
        upstream_name=row.upstream_name,
        created_by=created_by,
    )


def _is_usable(upstream_name: str) -> bool:
    return len(upstream_name) <= UPSTREAM_NAME_MAX and bool(UPSTREAM_NAME.fullmatch(upstream_name))


def _numbered(base: str, suffix: str) -> str:
    return base[: NAME_MAX - len(suffix)] + suffix


def _ask_details(upstream_name: str) -> dict[str, Any]:
    """A form that is filled in a little is worth no more than that: nothing, where the upstream will not tell."""
    try:
        return upstream.client().finetune_details(upstream_name)
    except UpstreamError as error:
        log.info("upstream: %s", error)
        return {}


def _describe(row: Import, told: Mapping[str, Any]) -> Import:
    """With those of the details that are understood."""
    named = next((told[key] for key in BASE_MODEL_KEYS if told.get(key) in list(BaseModel)), "")
    base_model = named or (BaseModel.FLUX_1_PRO.value if TRAINING_KEYS & set(told) else "")
    precision = str(told.get("precision") or "").lower()
    is_bf16 = base_model == BaseModel.KLEIN_9B_KV and precision == Precision.BF16
    trigger = next((told[key] for key in TRIGGER_KEYS if isinstance(told.get(key), str)), "")
    return replace(
        row,
        base_model=base_model,
        precision=Precision.BF16.value if is_bf16 else Precision.FP8.value,
        # Half of a surrogate pair, which JSON can hold, stands on no page.
        trigger_phrase=trigger.encode(errors="ignore").decode().strip()[:200],
    )
