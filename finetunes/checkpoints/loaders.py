"""What the loaders of image servers are known to make of a key layout; each trap becomes a warning of one sentence."""

from collections import Counter
from collections.abc import Iterator, Sequence

from finetunes.checkpoints.adapters import ALPHA, Style
from finetunes.checkpoints.layers import Layer
from finetunes.checkpoints.layouts import FLAT_PREFIXES, Layout
from finetunes.checkpoints.places import Place, Spelling
from finetunes.checkpoints.texts import clean

# diffusers 0.42 returns from these without a word and applies nothing.
IGNORED_LAYOUTS = {
    Layout.COMFYUI: "lora_down and lora_up under diffusion_model.",
    Layout.BFL: "names without a prefix",
    Layout.DIFFUSERS_BARE: "names without a prefix",
    Layout.ONETRAINER: "OneTrainer's names",
}
IGNORED_PREFIXES = {"unet.", "model.diffusion_model.", "lora_transformer_", "lycoris_", "lora_unet__"}
REFUSED_PREFIXES = {"base_model.model.transformer.", "base_model.model.diffusion_model."}
ADVICE = "Save it in another layout, or try it in the Playground before you share it."
SWAPPED = "final_layer.adaLN_modulation.1"


def find_layout(layers: Sequence[Layer]) -> Layout:
    """That of all layers whose names are known, or of all where none is; MIXED when they differ."""
    relevant = [layer for layer in layers if not layer.name.is_text_encoder]
    known = [layer for layer in relevant if layer.name.place] or relevant
    found = Counter(layer.layout for layer in known)
    if len(found) > 1 and found.pop(Layout.UNKNOWN, 0) and len(found) == 1:
        return next(iter(found))
    if len(found) > 1 or len({layer.name.prefix for layer in known if layer.layout != Layout.UNKNOWN}) > 1:
        return Layout.MIXED
    return next(iter(found), Layout.UNKNOWN)


def loader_warnings(layers: Sequence[Layer], layout: Layout) -> Iterator[str]:
    """For the layers of a FLUX.2 LoRA."""
    layers = [layer for layer in layers if layer.name.place]
    if layout == Layout.MIXED:
        counted = Counter(f"{layer.name.prefix or 'no prefix'} ({layer.layout})" for layer in layers)
        shown = ", ".join(f"{count:,} with {name}" for name, count in counted.most_common())
        yield f"The file mixes key layouts, and most loaders read one of them: {shown}."
    if what := next(filter(None, map(_ignored, layers)), ""):
        yield f"Some loaders silently ignore this key layout ({what}), and the LoRA then does nothing. {ADVICE}"
    if any(layer.name.prefix in REFUSED_PREFIXES for layer in layers):
        yield f"Some loaders refuse the prefix base_model.model. before another one. {ADVICE}"
    if any(layer.adapter.style == Style.PEFT and ALPHA in layer.adapter.parts for layer in layers):
        yield f"Some loaders refuse alpha values beside lora_A and lora_B. {ADVICE}"
    yield from _about_names(layers)


def _ignored(layer: Layer) -> str:
    """What some loaders ignore in the layer; nothing where all read it."""
    if layer.layout in IGNORED_LAYOUTS:
        return IGNORED_LAYOUTS[layer.layout]
    prefix = layer.name.prefix
    if prefix in IGNORED_PREFIXES:
        return f"the prefix {prefix}"
    if prefix in FLAT_PREFIXES and _spelling(layer.name.place) == Spelling.DIFFUSERS:
        return "diffusers' names in kohya's form"
    return ""


def _spelling(place: Place | None) -> Spelling | None:
    return place.target.spelling if place else None


def _about_names(layers: Sequence[Layer]) -> Iterator[str]:
    if infix := next((layer.adapter.infix for layer in layers if layer.adapter.infix), ""):
        yield (
            f'Its keys hold the name of the adapter (".{clean(infix, 40)}."); some loaders then run weights that were '
            f"never trained. {ADVICE}"
        )
    if any(layer.name.place and layer.name.place.target.module == SWAPPED for layer in layers):
        yield f"Some loaders swap the halves of {SWAPPED}, which changes the result."
