"""What a page tells of a chosen checkpoint: what it is, what is wrong with it, and what the form may take from it."""

import json
import re
from dataclasses import dataclass, field
from pathlib import PurePath

from dashboard.bfl.endpoints import BaseModel
from dashboard.lib.errors import InvalidInputError
from dashboard.organizations.models import Organization
from finetunes import queries
from finetunes.checkpoints.inspection import Confidence, Family, Inspection
from finetunes.checkpoints.verdict import check_base_model, check_usable
from finetunes.models import NAME_MAX, Finetune

# What trainers append to a name: the number of a step or an epoch.
STEP = re.compile(r"[-_](?:step|epoch|e)?[-_]?\d{4,}$")
NOT_IN_A_NAME = re.compile(r"[^a-z0-9_-]+")
MAX_SAME_NAMES = 100


@dataclass(frozen=True)
class Finding:
    """`refusal` says why the file cannot be used; `errors` what does not go with it, by field of the form.

    `fills_fields` where the form has fields besides the file, such as that of the trigger phrase.
    """

    inspection: Inspection | None = None
    refusal: str = ""
    errors: dict[str, str] = field(default_factory=dict)
    name: str = ""
    fills_fields: bool = True

    @property
    def verdict(self) -> str:
        if self.refusal:
            return "refused"
        return "closer" if self._asks or self.errors or self.doubts else "found"

    @property
    def is_ambiguous(self) -> bool:
        return self._asks and not self.refusal

    @property
    def ask(self) -> str:
        """What an ambiguous file leaves to the person."""
        if self.fills_fields:
            return "Choose the base model that it was trained for."
        return "Add it only if it was trained for the base model of this finetune."

    @property
    def title(self) -> str:
        if self.refusal or self.inspection is None:
            return "This file cannot be used"
        kind, label = self.inspection.kind.label, self.inspection.family_label
        if self.is_ambiguous:
            return f"{kind} for {label}"
        if self.inspection.confidence is Confidence.LIKELY:
            return f"{kind}, most likely for {label}"
        return f"{kind} for {label}"

    @property
    def text(self) -> str:
        """The one sentence beneath the title."""
        if self.refusal or self.inspection is None:
            return self.refusal
        return self.inspection.coverage

    @property
    def doubts(self) -> tuple[str, ...]:
        return self.inspection.warnings if self.inspection and not self.refusal else ()

    @property
    def base_models(self) -> tuple[BaseModel, ...]:
        """What it may be served on; empty when the file leaves that open."""
        return self.inspection.base_models if self.inspection and not self.refusal else ()

    @property
    def base_model_labels(self) -> str:
        *most, last = (base_model.label for base_model in self.base_models)
        return f"{', '.join(most)} or {last}" if most else last

    @property
    def suggestions(self) -> dict[str, str]:
        """What the form may fill in where nobody has chosen or typed anything."""
        if self.inspection is None or self.refusal:
            return {}
        return {
            "name": self.name,
            "base_model": self.inspection.suggested_base_model or "",
            "trigger_phrase": self.inspection.suggested_trigger_phrase,
        }

    @property
    def spoken(self) -> str:
        """All that the panel tells at once, for who hears it."""
        asks = (*self.inspection.evidence, self.ask) if self.inspection and self.is_ambiguous else ()
        return " ".join([f"{self.title}.", self.text, *asks, *self.errors.values(), *self.doubts])

    @property
    def as_json(self) -> str:
        """What the script of the form reads."""
        return json.dumps(
            {
                "verdict": self.verdict,
                "spoken": self.spoken,
                "suggestions": self.suggestions,
                "base_models": self.base_models,
                "errors": self.errors,
                "has_private": bool(self.inspection and self.inspection.private and not self.refusal),
            }
        )

    @property
    def _asks(self) -> bool:
        return self.inspection is not None and self.inspection.family is Family.AMBIGUOUS


def judge(
    inspection: Inspection, *, name: str = "", base_model: str = "", version_of: Finetune | None = None
) -> Finding:
    """A base model that was chosen in the form can be chosen anew; that of a finetune, whose next version it is to
    be, cannot."""
    try:
        check_usable(inspection)
    except InvalidInputError as error:
        return Finding(inspection, refusal=error.message)
    if version_of and version_of.base_model not in inspection.base_models:
        return Finding(inspection, refusal=_misfit(inspection, version_of))
    try:
        if base_model and version_of is None:
            check_base_model(inspection, base_model)
    except InvalidInputError as error:
        return Finding(inspection, errors={"base_model": error.message}, name=name)
    return Finding(inspection, name=name, fills_fields=version_of is None)


def _misfit(inspection: Inspection, finetune: Finetune) -> str:
    return (
        f"{finetune.name} is a finetune of {finetune.get_base_model_display()}, and this is a "
        f"{inspection.kind.label} for {inspection.family_label}. Add it as a finetune of its own."
    )


def propose_name(owner: Organization, file_name: str) -> str:
    """A free name made of the file's; empty where nothing of it can be in a name."""
    stem = NOT_IN_A_NAME.sub("-", PurePath(file_name).stem.lower()).strip("-_")
    name = (STEP.sub("", stem) or stem)[: NAME_MAX - len(f"-{MAX_SAME_NAMES}")].strip("-_")
    if not name:
        return ""
    names = [name, *(f"{name}-{number}" for number in range(2, MAX_SAME_NAMES))]
    taken = queries.find_names(owner, names)
    return next((each for each in names if each not in taken), "")
