"""Whether a checkpoint can become a finetune, and whether the chosen base model is the one that it was made for."""

from dashboard.bfl.endpoints import BaseModel
from dashboard.lib.errors import InvalidInputError
from finetunes.checkpoints.errors import CheckpointError
from finetunes.checkpoints.families import Family
from finetunes.checkpoints.inspection import Inspection, Kind
from finetunes.checkpoints.klein import GEOMETRIES

SERVED = "finetunes here are for FLUX.2 [klein] 4B and 9B"
UPLOAD_LORA = "Upload the LoRA file that the trainer saved."
TRAIN_AGAIN = "Train it as a plain LoRA and upload that."
NEVER_APPLIED = (Kind.LOHA, Kind.OTHER)


def check_usable(inspection: Inspection) -> None:
    """Raises CheckpointError for what can never become a finetune, whatever base model is chosen."""
    if inspection.kind == Kind.FULL:
        raise CheckpointError(f"{_whole(inspection)} and not a LoRA. {UPLOAD_LORA}")
    if inspection.kind in NEVER_APPLIED and (inspection.base_models or inspection.family_label == Family.OTHER.label):
        raise CheckpointError(
            f"This file is of kind {inspection.kind.label}, which nothing here applies. {TRAIN_AGAIN}"
        )
    if not inspection.base_models:
        raise CheckpointError(f"{_foreign(inspection)} {' '.join(inspection.evidence[:2])} Upload a LoRA for klein.")
    if not inspection.applied:
        raise CheckpointError(
            f"This LoRA would do nothing: {inspection.coverage} Its keys may be of a layout that is not known here; "
            "save it again with your trainer in its usual layout."
        )


def check_base_model(inspection: Inspection, base_model: str) -> None:
    """Raises InvalidInputError with the field base_model; call `check_usable` first.

    An ambiguous file takes the word of who uploads it, if that is among the candidates.
    """
    if base_model in inspection.base_models:
        return
    if base_model not in GEOMETRIES or not inspection.base_models:
        raise InvalidInputError("No checkpoint can be added for this base model. Choose another.", field="base_model")
    chosen = BaseModel(base_model)
    options = " or ".join(base_model.label for base_model in inspection.base_models)
    raise InvalidInputError(
        f"You chose {chosen.label}, whose layers are {GEOMETRIES[chosen].hidden} wide; {_width(inspection)}, "
        f"so it was trained for {inspection.family_label}. Choose {options}.",
        field="base_model",
    )


def _whole(inspection: Inspection) -> str:
    name = "" if inspection.family_label == Family.OTHER.label else f" ({inspection.family_label})"
    return f"This file is a whole model{name}"


def _foreign(inspection: Inspection) -> str:
    return f"This is a {_kind(inspection)} for {inspection.family_label}, and {SERVED}."


def _kind(inspection: Inspection) -> str:
    return "LoRA" if inspection.kind in NEVER_APPLIED else inspection.kind.label


def _width(inspection: Inspection) -> str:
    return f"those of this LoRA are {GEOMETRIES[inspection.base_models[0]].hidden} wide"
