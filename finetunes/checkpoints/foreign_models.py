"""Models other than FLUX, known by the names of their layers; for a LoRA that was uploaded to the wrong place."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from finetunes.checkpoints.families import Family
from finetunes.checkpoints.flux import FLUX1
from finetunes.checkpoints.klein import DOUBLE
from finetunes.checkpoints.layers import Layer
from finetunes.checkpoints.places import Spelling

# As many names tell what a file is as all of them would.
MAX_NAMES = 2000
U_NET = "Stable Diffusion"
# Tried in this order on a module's name; "." and "_" are alike to them.
NAMED_MODELS = [
    (re.compile(r"(?:^|[._])(?:down_blocks|up_blocks|mid_block|input_blocks|output_blocks|middle_block)[._]"), U_NET),
    (re.compile(r"transformer_blocks[._]\d+[._](?:img|txt)_(?:mod|mlp)[._]"), "Qwen-Image"),
    (re.compile(r"(?:mode_blocks|single_blocks)[._]\d+[._](?:q|k|v)_proj|mode_blocks[._]"), "FLUX.3"),
    (
        re.compile(r"double_blocks[._]\d+[._](?:img|txt)_(?:attn_(?:qkv|proj)|mlp[._]fc\d|mod[._]linear)$"),
        "HunyuanVideo",
    ),
    (re.compile(r"double_stream_blocks|single_stream_blocks"), "HiDream"),
    (re.compile(r"joint_transformer_blocks"), "AuraFlow"),
    (re.compile(r"joint_blocks[._]\d+"), "Stable Diffusion 3"),
    (re.compile(r"(?:^|[._])(?:noise_refiner|context_refiner|layers)[._]\d+[._](?:attention|feed_forward)"), "Z-Image"),
    (re.compile(r"(?:^|[._])blocks[._]\d+[._](?:self_attn|cross_attn|ffn)"), "Wan"),
    (re.compile(r"transformer_blocks[._]\d+[._]attn[12][._]"), "LTX-Video or PixArt"),
    (re.compile(r"layers[._]\d+[._](?:self_attn|mlp)[._]"), "a language model"),
    (re.compile(r"^(?:encoder|decoder|first_stage_model)[._]"), "a VAE"),
    (re.compile(r"^(?:emb_params|string_to_param|clip_[lg])$"), "a text embedding"),
]
CROSS_ATTENTION = re.compile(r"attn2[._](?:processor[._])?to_[kv]$")
DEPTH = re.compile(r"[._]transformer_blocks[._](\d{1,3})[._]")
SECOND_TEXT_ENCODER = re.compile(r"(?:lora_te2_|te2\.|text_encoder_2\.)")
TEXT_WIDTHS = {2048: Family.SDXL, 768: Family.SD15}
STABLE_DIFFUSION_2_WIDTH = 1024
STABLE_DIFFUSION_3_WIDTHS = (1536, 2432)


@dataclass(frozen=True)
class ForeignModel:
    """`count` layers have its names. `proof` is a sentence, empty where the names are all there is."""

    family: Family
    label: str
    count: int
    proof: str = ""


def find_foreign(layers: Sequence[Layer]) -> ForeignModel | None:
    """The model that most names belong to, of those that no FLUX has."""
    names = [layer.name.rest for layer in layers if layer.name.place is None and not layer.name.is_text_encoder]
    found = Counter(label for name in names[:MAX_NAMES] if (label := _label(name)))
    if not found:
        return None
    label, count = found.most_common(1)[0]
    if label == U_NET:
        return _u_net(layers, count)
    return ForeignModel(Family.OTHER, label, count, f"Its layers have the names of {label}.")


def find_lookalike(layers: Iterable[Layer]) -> ForeignModel | None:
    """A model that shares names with FLUX.1, told by its width or by blocks that FLUX.1 does not have."""
    placed = [layer for layer in layers if layer.name.place]
    double = [layer for layer in placed if layer.name.place and layer.name.place.stack == DOUBLE]
    widths = Counter(layer.delta.inputs for layer in double if _is_attention(layer))
    width = widths.most_common(1)[0][0] if widths else None
    if width in STABLE_DIFFUSION_3_WIDTHS:
        proof = f"Attention input is {width} wide, as in Stable Diffusion 3."
        return ForeignModel(Family.OTHER, "Stable Diffusion 3", len(placed), proof)
    highest = max((layer.name.place.block for layer in double if layer.name.place), default=0)
    if highest < FLUX1.double_blocks or width != FLUX1.hidden:
        return None
    label = "Qwen-Image" if _is_spelled(double, Spelling.DIFFUSERS) else "HunyuanVideo"
    return ForeignModel(Family.OTHER, label, len(placed), f"It has a double block {highest}, which no FLUX has.")


def _is_attention(layer: Layer) -> bool:
    return layer.name.place is not None and layer.name.place.target.module.endswith("_attn.qkv")


def _is_spelled(layers: Sequence[Layer], spelling: Spelling) -> bool:
    return any(layer.name.place is not None and layer.name.place.target.spelling == spelling for layer in layers)


def _label(name: str) -> str:
    return next((label for pattern, label in NAMED_MODELS if pattern.search(name)), "")


def _u_net(layers: Sequence[Layer], count: int) -> ForeignModel:
    widths = Counter(layer.delta.inputs for layer in layers if CROSS_ATTENTION.search(layer.name.rest))
    width = widths.most_common(1)[0][0] if widths else None
    if width in TEXT_WIDTHS:
        family = TEXT_WIDTHS[width]
        return ForeignModel(family, family.label, count, f"Its cross attention takes text {width} wide.")
    if width == STABLE_DIFFUSION_2_WIDTH:
        return ForeignModel(Family.OTHER, "Stable Diffusion 2", count, f"Its cross attention takes text {width} wide.")
    if any(_is_deep(layer.name.rest) for layer in layers):
        proof = "Its U-Net has transformers of more than two blocks."
        return ForeignModel(Family.SDXL, Family.SDXL.label, count, proof)
    if any(SECOND_TEXT_ENCODER.match(layer.name.rest) for layer in layers):
        return ForeignModel(Family.SDXL, Family.SDXL.label, count, "It adapts a second text encoder.")
    return ForeignModel(Family.OTHER, U_NET, count)


def _is_deep(name: str) -> bool:
    match = DEPTH.search(name)
    return match is not None and int(match[1]) >= 2
