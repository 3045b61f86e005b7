"""Changes what a finetune says of itself: any of its editable fields, each judged before one of them is saved."""

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation

from django.db import transaction

from dashboard.bfl.endpoints import BaseModel, Precision
from dashboard.lib.errors import InvalidInputError, NotFoundError
from dashboard.organizations import audit
from dashboard.organizations.events import Action
from finetunes.models import BASE_MODEL_CHOICES, STRENGTHS, Finetune
from finetunes.services import catalog, versions

TRIGGER_MAX = 200
DESCRIPTION_MAX = 10_000
LICENSE_MAX = 300
PROMPTS_MAX = 10
PROMPT_MAX = 2_000
DECIMALS = 2
# What may be edited, as the activity log words it.
EDITABLE = {
    "base_model": "base model",
    "precision": "precision",
    "trigger_phrase": "trigger phrase",
    "description": "description",
    "recommended_strength": "recommended strength",
    "example_prompts": "example prompts",
    "license_note": "license note",
}


@transaction.atomic
def edit_finetune(finetune: Finetune, changes: Mapping[str, object]) -> bool:
    """Saves those fields, on the row and on `finetune`. Whether anything changed.

    Raises InvalidInputError, whose field is the one that it is about, and then saves nothing; NotFoundError for a
    finetune that was deleted meanwhile.
    """
    wanted = {field: _clean(field, value) for field, value in changes.items()}
    current = _lock(finetune)
    wanted = _tell_license(current, wanted)
    _check_serving(current, wanted)
    changed = [field for field in EDITABLE if field in wanted and wanted[field] != getattr(current, field)]
    for field, value in wanted.items():
        setattr(current, field, value)
        setattr(finetune, field, value)
    if not changed:
        return False
    current.save(update_fields=[*changed, "updated_at"])
    details: dict[str, str | int] = {"changed": ", ".join(EDITABLE[field] for field in changed)}
    audit.record(current.organization, Action.FINETUNE_EDITED, current.name, details=details)
    return True


def _lock(finetune: Finetune) -> Finetune:
    live = Finetune.objects.owned_by(finetune.organization)
    # No key of it changes: callers who refer to the row are not held up.
    current = live.select_for_update(no_key=True).filter(pk=finetune.pk).first()
    if current is None:
        raise NotFoundError(f"{finetune.name} was deleted meanwhile.")
    return current


def _check_serving(current: Finetune, wanted: Mapping[str, object]) -> None:
    base_model = str(wanted.get("base_model", current.base_model))
    precision = str(wanted.get("precision", current.precision))
    if base_model != current.base_model and current.checkpoint:
        versions.check_fits(current.checkpoint, base_model)
    catalog.check_served(base_model, precision)


def _tell_license(current: Finetune, wanted: dict[str, object]) -> dict[str, object]:
    """A note that only repeats the licence of the base model is none, and follows it."""
    base_model = BaseModel(str(wanted.get("base_model", current.base_model)))
    if wanted.get("license_note") == base_model.license:
        return {**wanted, "license_note": ""}
    return wanted


# --- What each field takes ---------------------------------------------------------------------------------------


def _clean(field: str, value: object) -> object:
    if field not in CLEANERS:
        raise InvalidInputError(f"Nothing named {field[:40]} can be edited here.", field=field)
    return CLEANERS[field](field, value)


def _base_model(field: str, value: object) -> str:
    if value not in list(BaseModel):
        raise InvalidInputError(f"Choose one of {', '.join(key for key, _ in BASE_MODEL_CHOICES)}.", field=field)
    return str(value)


def _precision(field: str, value: object) -> str:
    if value not in list(Precision):
        raise InvalidInputError("Choose fp8 or bf16.", field=field)
    return str(value)


def _line(limit: int) -> Callable[[str, object], str]:
    """One line of text: whatever space is in it counts as one."""
    return lambda field, value: " ".join(_text(field, value, limit).split())


def _description(field: str, value: object) -> str:
    return _text(field, value, DESCRIPTION_MAX)


def _text(field: str, value: object, limit: int) -> str:
    if not isinstance(value, str):
        raise InvalidInputError(f"Send the {EDITABLE[field]} as text.", field=field)
    text = value.replace("\r\n", "\n").strip()
    if "\0" in text or text != text.encode(errors="ignore").decode():
        raise InvalidInputError("This text holds characters that cannot be stored. Type it anew.", field=field)
    if len(text) > limit:
        raise InvalidInputError(f"Use at most {limit:,} characters; this is {len(text):,}.", field=field)
    return text


def _strength(field: str, value: object) -> Decimal | None:
    if value is None or value == "":
        return None
    low, high = STRENGTHS
    try:
        strength = Decimal(str(value).strip()) if not isinstance(value, bool) else Decimal("NaN")
    except InvalidOperation:
        strength = Decimal("NaN")
    if not (strength.is_finite() and low <= strength <= high):
        raise InvalidInputError(f"Enter a number from {low} to {high}, such as 0.85; or nothing, for 1.", field=field)
    rounded = round(strength, DECIMALS)
    if rounded != strength:
        raise InvalidInputError(f"Use two decimals at most, such as {rounded}.", field=field)
    return rounded


def _prompts(field: str, value: object) -> list[str]:
    if not isinstance(value, list | tuple):
        raise InvalidInputError("Send the example prompts as a list of texts.", field=field)
    prompts = [text for text in (_text(field, prompt, PROMPT_MAX) for prompt in value) if text]
    if len(prompts) > PROMPTS_MAX:
        raise InvalidInputError(f"Keep at most {PROMPTS_MAX} example prompts; these are {len(prompts)}.", field=field)
    return prompts


CLEANERS: dict[str, Callable[[str, object], object]] = {
    "base_model": _base_model,
    "precision": _precision,
    "trigger_phrase": _line(TRIGGER_MAX),
    "description": _description,
    "recommended_strength": _strength,
    "example_prompts": _prompts,
    "license_note": _line(LICENSE_MAX),
}
