"""What trainers write about a checkpoint into its metadata: base model, tool, steps, alpha. Shapes beat all of it."""

import re
from dataclasses import dataclass
from pathlib import PureWindowsPath

from dashboard.bfl.endpoints import BaseModel
from finetunes.checkpoints.families import Family
from finetunes.checkpoints.privacy import looks_private
from finetunes.checkpoints.texts import clean, load_object, to_count, to_number

# In the order of trust.
BASE_KEYS = ("ss_base_model_version", "modelspec.architecture", "ss_sd_model_name")
TITLE = "modelspec.title"
ADAPTER_METADATA = "lora_adapter_metadata"
FILE_NAME = "the name of the file"
# Tried in this order on a lowercase text; "flux" alone comes last, for it is in all of them.
NAMED_FAMILIES = [
    (re.compile(r"klein(?:.?base)?.?4b"), Family.KLEIN_4B, ""),
    (re.compile(r"klein(?:.?base)?.?9b"), Family.KLEIN_9B, ""),
    (re.compile(r"flux.?2.?dev|^flux.?2$"), Family.DEV, ""),
    (re.compile(r"qwen"), Family.OTHER, "Qwen-Image"),
    (re.compile(r"z.?image"), Family.OTHER, "Z-Image"),
    (re.compile(r"\bwan(?:[._ -]?[12]|video|$)"), Family.OTHER, "Wan"),
    (re.compile(r"hunyuan"), Family.OTHER, "HunyuanVideo"),
    (re.compile(r"flux.?3"), Family.OTHER, "FLUX.3"),
    (re.compile(r"sd.?3|stable.diffusion.(?:v)?3"), Family.OTHER, "Stable Diffusion 3"),
    (re.compile(r"sd.?v?2|stable.diffusion.v?2"), Family.OTHER, "Stable Diffusion 2"),
    (re.compile(r"sdxl|diffusion.xl"), Family.SDXL, ""),
    (re.compile(r"sd.?v?1|stable.diffusion.v?1"), Family.SD15, ""),
    (re.compile(r"flux.?1|^flux$|flux.?(?:dev|schnell)"), Family.FLUX1, ""),
]
VARIANTS = [
    (re.compile(r"9b.?kv"), BaseModel.KLEIN_9B_KV),
    (re.compile(r"klein.?base.?4b|klein.?4b.?base|base.?4b"), BaseModel.KLEIN_BASE_4B),
    (re.compile(r"klein.?base.?9b|klein.?9b.?base|base.?9b"), BaseModel.KLEIN_BASE_9B),
]
TOOLS = {
    "networks.lora_flux_2": "musubi-tuner",
    "networks.lora_flux": "sd-scripts",
    "networks.lora": "sd-scripts",
    "lycoris.kohya": "sd-scripts with LyCORIS",
}


@dataclass(frozen=True)
class Hint:
    """A base model that a text names; `variant` where it says more than the family."""

    source: str
    family: Family
    label: str
    variant: BaseModel | None = None


@dataclass(frozen=True)
class Hints:
    """In the order of trust. Titles and file names are free text, so they hint at a variant and never at a family."""

    found: tuple[Hint, ...] = ()

    @property
    def family(self) -> Hint | None:
        return next((hint for hint in self.found if hint.source in BASE_KEYS), None)

    @property
    def names_kv(self) -> bool:
        return any(hint.variant == BaseModel.KLEIN_9B_KV for hint in self.found)

    def trained_on(self, family: Family) -> str:
        """For people; no text of the file is in it, for it may hold a path. Empty when nothing is known."""
        fitting = [hint for hint in self.found if hint.family == family or not family.base_models]
        hint = next((hint for hint in fitting if hint.variant), next(iter(fitting), None))
        return f"{hint.label}, says {hint.source}" if hint else ""


def find_hints(metadata: dict[str, str], file_name: str) -> Hints:
    texts = [(key, metadata.get(key, "")) for key in (*BASE_KEYS, TITLE)]
    texts.append((FILE_NAME, file_name))
    return Hints(tuple(hint for source, text in texts if (hint := _hint(source, text))))


def _hint(source: str, text: str) -> Hint | None:
    # Of a path the name alone: a folder may be called flux as well.
    words = (PureWindowsPath(text[:1000]).name if source in (BASE_KEYS[2], FILE_NAME) else text[:1000]).lower()
    if variant := next((variant for pattern, variant in VARIANTS if pattern.search(words)), None):
        family = next(family for family in Family if variant in family.base_models)
        return Hint(source, family, variant.label, variant)
    if source not in BASE_KEYS:
        return None
    named = ((family, label) for pattern, family, label in NAMED_FAMILIES if pattern.search(words))
    return next((Hint(source, family, label or family.label) for family, label in named), None)


def find_tool(metadata: dict[str, str]) -> str:
    """Empty when unknown, or when its name holds what looks like a path."""
    tool = _tool(metadata)
    return "" if looks_private(tool) else tool


def _tool(metadata: dict[str, str]) -> str:
    software = load_object(metadata.get("software", ""))
    if isinstance(name := software.get("name"), str) and name:
        version = software.get("version")
        return clean(f"{name} {version}" if isinstance(version, str | int | float) else name, 60)
    if module := metadata.get("ss_network_module"):
        return TOOLS.get(module) or clean(module, 60)
    if any(key.startswith("ot_") for key in metadata):
        return "OneTrainer"
    if implementation := metadata.get("modelspec.implementation"):
        return clean(implementation, 60)
    return "diffusers" if ADAPTER_METADATA in metadata else ""


def find_steps(metadata: dict[str, str]) -> int | None:
    step = load_object(metadata.get("training_info", "")).get("step")
    return to_count(step if step is not None else metadata.get("ss_steps"))


def find_alpha(metadata: dict[str, str]) -> float | None:
    """As the metadata gives it; values inside the file come before it."""
    alpha = to_number(metadata.get("ss_network_alpha"))
    if alpha is not None:
        return alpha
    adapter = load_object(metadata.get(ADAPTER_METADATA, ""))
    return next((number for key in ALPHA_KEYS if (number := to_number(adapter.get(key))) is not None), None)


ALPHA_KEYS = ("transformer.lora_alpha", "unet.lora_alpha", "lora_alpha")
