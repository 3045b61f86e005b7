"""How trainers spell the keys of a LoRA: prefix, names of the layers and names of the two halves."""

import re
from dataclasses import dataclass
from enum import StrEnum

from finetunes.checkpoints.adapters import Adapter, Style
from finetunes.checkpoints.places import Place, Spelling, find_place


class Layout(StrEnum):
    """KOHYA is also musubi's; BFL and DIFFUSERS_BARE are names without a prefix; COMFYUI is ai-toolkit's
    prefix with kohya's halves; DIFFUSERS_OLD has `lora.down` or `lora_linear_layer`."""

    DIFFUSERS = "diffusers"
    DIFFUSERS_OLD = "diffusers-old"
    DIFFUSERS_BARE = "diffusers-bare"
    PEFT = "peft"
    AI_TOOLKIT = "ai-toolkit"
    COMFYUI = "comfyui"
    KOHYA = "kohya"
    ONETRAINER = "onetrainer"
    XLABS = "xlabs"
    BFL = "bfl"
    MIXED = "mixed"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Name:
    """The name of a module, taken apart. `rest` is what follows the prefix; `place` is None for no layer of FLUX."""

    prefix: str
    rest: str
    place: Place | None
    is_text_encoder: bool = False


# Longer ones first. The flat ones are kohya's, who writes every dot as an underscore.
DOTTED_PREFIXES = (
    "base_model.model.transformer.",
    "base_model.model.diffusion_model.",
    "base_model.model.",
    "model.diffusion_model.",
    "diffusion_model.",
    "transformer.",
    "unet.",
)
FLAT_PREFIXES = ("lora_unet__", "lora_unet_", "lora_transformer_", "lycoris_")
PREFIX = re.compile("|".join(map(re.escape, (*DOTTED_PREFIXES, *FLAT_PREFIXES))))
TEXT_ENCODER = re.compile(
    r"(?:base_model\.model\.)?(?:lora_te[123]?_|lora_text_encoder|te[123]?\.|text_encoders?(?:_[123])?\.|text_model\."
    r"|cond_stage_model\.|conditioner\.|clip_[lg]\.|t5xxl\.)"
)
PREFIX_LAYOUTS = {
    "base_model.model.transformer.": Layout.PEFT,
    "base_model.model.diffusion_model.": Layout.PEFT,
    "base_model.model.": Layout.PEFT,
    "model.diffusion_model.": Layout.COMFYUI,
    "diffusion_model.": Layout.AI_TOOLKIT,
    "transformer.": Layout.DIFFUSERS,
    "unet.": Layout.DIFFUSERS,
    "lora_unet__": Layout.KOHYA,
    "lora_unet_": Layout.KOHYA,
    "lora_transformer_": Layout.KOHYA,
    "lycoris_": Layout.KOHYA,
}


def parse_name(name: str) -> Name:
    if TEXT_ENCODER.match(name):
        return Name("", name, None, is_text_encoder=True)
    match = PREFIX.match(name)
    prefix = match[0] if match else ""
    rest = name[len(prefix) :]
    return Name(prefix, rest, find_place(rest, flat=prefix in FLAT_PREFIXES))


def layout_of(adapter: Adapter, name: Name) -> Layout:
    spelling = name.place.target.spelling if name.place else None
    if spelling == Spelling.XLABS:
        return Layout.XLABS
    if adapter.style == Style.OLD:
        return Layout.DIFFUSERS_OLD
    if not name.prefix:
        return _bare(adapter, spelling)
    layout = PREFIX_LAYOUTS[name.prefix]
    if layout == Layout.DIFFUSERS and (spelling in (Spelling.BFL, Spelling.ONETRAINER) or adapter.style == Style.KOHYA):
        return Layout.ONETRAINER
    if layout == Layout.AI_TOOLKIT and adapter.style in (Style.KOHYA, Style.PLAIN):
        return Layout.COMFYUI
    return layout


def _bare(adapter: Adapter, spelling: Spelling | None) -> Layout:
    if spelling == Spelling.DIFFUSERS:
        return Layout.DIFFUSERS_BARE if adapter.is_adapter else Layout.DIFFUSERS
    return Layout.UNKNOWN if spelling is None else Layout.BFL
