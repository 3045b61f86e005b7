"""The tensors of a checkpoint grouped into adapters: one for each layer that the file changes."""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from math import prod

from finetunes.checkpoints.header import Header, Tensor


class Kind(StrEnum):
    """How a file changes its base model; OTHER is OFT, plain differences and the like, FULL a whole model."""

    LORA = "lora"
    LOKR = "lokr"
    LOHA = "loha"
    DORA = "dora"
    OTHER = "other"
    FULL = "full"

    @property
    def label(self) -> str:
        return KIND_LABELS[self]


class Style(StrEnum):
    """How the tensors of an adapter are named."""

    PEFT = "lora_A"
    KOHYA = "lora_down"
    OLD = "lora.down"
    LOKR = "lokr"
    LOHA = "hada"
    OTHER = "other"
    PLAIN = "weight"


@dataclass(frozen=True)
class Delta:
    """What an adapter adds to a layer: `outputs` by `inputs`, None for a side that cannot be known.

    `fault` says why it cannot be applied to any linear layer, as the end of a sentence; empty when it can.
    """

    outputs: int | None = None
    inputs: int | None = None
    rank: int | None = None
    fault: str = ""


@dataclass
class Adapter:
    """The tensors of one module by part, such as `down`, `lokr_w1` or `alpha`. `name` is the module's in the file.

    `infix` is what PEFT puts between `lora_A` and `weight`: the name of the adapter.
    """

    name: str
    infix: str
    style: Style = Style.PLAIN
    parts: dict[str, Tensor] = field(default_factory=dict)

    @property
    def is_adapter(self) -> bool:
        return self.style != Style.PLAIN

    @property
    def kind(self) -> Kind:
        return Kind.DORA if self.style in LORA_STYLES and DORA in self.parts else STYLE_KINDS[self.style]

    def delta(self) -> Delta:
        if self.style in LORA_STYLES:
            return _delta_of_lora(self.parts)
        if self.style == Style.LOKR:
            return _delta_of_lokr(self.parts)
        if self.style == Style.LOHA:
            return _delta_of_product(self.parts.get("hada_w1_a"), self.parts.get("hada_w1_b"))
        weight = self.parts.get(WEIGHT)
        return Delta(*weight.shape) if weight and len(weight.shape) == 2 else Delta(fault=NOT_LINEAR)


ALPHA, DORA, BIAS, WEIGHT, DOWN, UP = "alpha", "dora_scale", "bias", "weight", "down", "up"
BIAS_DIFFERENCE = "diff_b"  # as ComfyUI saves an extracted LoRA
LORA_STYLES = {Style.PEFT, Style.KOHYA, Style.OLD}
STYLE_KINDS = {
    Style.PEFT: Kind.LORA,
    Style.KOHYA: Kind.LORA,
    Style.OLD: Kind.LORA,
    Style.LOKR: Kind.LOKR,
    Style.LOHA: Kind.LOHA,
    Style.OTHER: Kind.OTHER,
    Style.PLAIN: Kind.FULL,
}
KIND_LABELS = {
    Kind.LORA: "LoRA",
    Kind.LOKR: "LoKr",
    Kind.LOHA: "LoHa",
    Kind.DORA: "DoRA",
    Kind.OTHER: "OFT or another rare one",
    Kind.FULL: "whole model",
}
HALF = "have one half of their pair"
UNEQUAL = "have two halves of different rank"
NOT_LINEAR = "are not made for a linear layer"
EMPTY = "are empty"
# How the name of a tensor ends. Before it stands the module; PEFT may put the adapter's name before `weight`.
ENDING = re.compile(
    r"""
      \.lora_(?P<peft>[AB])(?:\.(?P<infix>(?!(?:weight|bias)$)[^.]+))?(?:\.weight)?
    | \.lora_(?P<kohya>down|up|mid)\.weight
    | [._]lora\.(?P<old>down|up)\.weight
    | \.lora_linear_layer\.(?P<linear>down|up)\.weight
    | (?<=_lora[12])\.(?P<xlabs>down|up)\.weight
    | \.(?P<lokr>lokr_(?:w[12](?:_[ab])?|t2))
    | \.(?P<loha>hada_(?:w[12]_[ab]|t[12]))
    | \.(?P<dora>dora_scale|lora_magnitude_vector(?:\.(?P<dora_infix>(?!weight$)[^.]+))?(?:\.weight)?)
    | \.(?P<other>(?:oft|boft|vera|ia3|hra|glora)_[^.]+(?:\.weight)?|diff|diff_b|set_weight|[ab][12]\.weight)
    | \.lora_(?P<bias>[AB])\.(?:(?P<bias_infix>[^.]+)\.)?bias
    | \.(?P<alpha>alpha)
    | \.(?P<weight>weight)
    """,
    re.VERBOSE,
)
FULL_ENDING = re.compile(f"(?:{ENDING.pattern})$", re.VERBOSE)
HALVES = {"A": DOWN, "B": UP, DOWN: DOWN, UP: UP, "mid": "mid"}
GROUP_STYLES = {
    "peft": Style.PEFT,
    "kohya": Style.KOHYA,
    "old": Style.OLD,
    "linear": Style.OLD,
    "xlabs": Style.OLD,
    "lokr": Style.LOKR,
    "loha": Style.LOHA,
    "other": Style.OTHER,
}


def group_tensors(header: Header) -> list[Adapter]:
    """In the order of the data. Tensors that belong to no adapter stand in ones of style PLAIN."""
    found: dict[tuple[str, str], Adapter] = {}
    for tensor in header.tensors:
        module, infix, style, part = _parse(tensor.name)
        adapter = found.setdefault((module, infix), Adapter(module, infix))
        # Whichever comes first: a difference or a scale beside the halves of a pair is an extra.
        if style is not None and adapter.style in (Style.PLAIN, Style.OTHER):
            adapter.style = style
        adapter.parts[part] = tensor
    return list(found.values())


def _parse(name: str) -> tuple[str, str, Style | None, str]:
    """(module, infix, style, part); no style for what comes with any."""
    match = FULL_ENDING.search(name)
    if match is None:
        return name, "", None, WEIGHT
    group = next(key for key in PART_GROUPS if match[key])
    infix = match["infix"] or match["dora_infix"] or match["bias_infix"] or ""
    part = {"dora": DORA, "bias": f"lora_{match['bias']}.{BIAS}"}.get(group) or HALVES.get(match[group], match[group])
    return name[: match.start()], infix, GROUP_STYLES.get(group), part


PART_GROUPS = (*GROUP_STYLES, "dora", "bias", "alpha", "weight")


def _delta_of_lora(parts: dict[str, Tensor]) -> Delta:
    down, up = parts.get(DOWN), parts.get(UP)
    inputs = _side(down, 1)
    outputs = _side(up, 0)
    rank = _side(down, 0)
    if down is None or up is None:
        return Delta(outputs, inputs, fault=HALF)
    if rank is None or outputs is None or "mid" in parts:
        return Delta(fault=NOT_LINEAR)
    if rank != up.shape[1]:
        return Delta(outputs, inputs, fault=UNEQUAL)
    return Delta(outputs, inputs, rank, EMPTY if rank == 0 else "")


def _side(tensor: Tensor | None, axis: int) -> int | None:
    """One side of a matrix; a convolution of 1 x 1 is one too."""
    if tensor is None or len(tensor.shape) < 2 or prod(tensor.shape[2:]) != 1:
        return None
    return tensor.shape[axis]


def _delta_of_lokr(parts: dict[str, Tensor]) -> Delta:
    """The Kronecker product of two matrices, of which each may be a product of two itself."""
    first, second = (_delta_of_factor(parts, f"lokr_w{number}") for number in (1, 2))
    if "lokr_t2" in parts:
        return Delta(fault=NOT_LINEAR)
    if fault := first.fault or second.fault:
        return Delta(fault=fault)
    outputs, inputs = (first.outputs or 0) * (second.outputs or 0), (first.inputs or 0) * (second.inputs or 0)
    return Delta(outputs, inputs, second.rank or first.rank, "" if outputs and inputs else EMPTY)


def _delta_of_factor(parts: dict[str, Tensor], name: str) -> Delta:
    whole = parts.get(name)
    if whole is None:
        return _delta_of_product(parts.get(f"{name}_a"), parts.get(f"{name}_b"))
    outputs, inputs = _side(whole, 0), _side(whole, 1)
    return Delta(outputs, inputs, fault="" if outputs and inputs else NOT_LINEAR)


def _delta_of_product(left: Tensor | None, right: Tensor | None) -> Delta:
    """Of `left` (outputs x rank) and `right` (rank x inputs)."""
    if left is None or right is None:
        return Delta(_side(left, 0), _side(right, 1), fault=HALF)
    outputs, rank, inputs = _side(left, 0), _side(left, 1), _side(right, 1)
    if outputs is None or inputs is None:
        return Delta(fault=NOT_LINEAR)
    if rank != _side(right, 0):
        return Delta(outputs, inputs, fault=UNEQUAL)
    return Delta(outputs, inputs, rank, "" if rank else EMPTY)
