"""The geometry of the FLUX.2 [klein] transformers: blocks, linear layers and their shapes, under ai-toolkit's names."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from dashboard.bfl.endpoints import BaseModel

PREFIX = "diffusion_model"
DOUBLE, SINGLE, GLOBAL = "double_blocks", "single_blocks", ""
# The parts that some trainers split a fused layer into; each is one hidden size wide, but for the MLP, the rest.
QUERY, KEY, VALUE, MLP = "q", "k", "v", "mlp"
# Module of a block -> (output, input) in multiples of the hidden size.
DOUBLE_LINEARS = {
    f"{stream}_{name}": shape
    for stream in ("img", "txt")
    for name, shape in {"attn.qkv": (3, 1), "attn.proj": (1, 1), "mlp.0": (6, 1), "mlp.2": (1, 3)}.items()
}
SINGLE_LINEARS = {"linear1": (9, 1), "linear2": (1, 4)}
# Outside of the blocks, those whose widths follow the hidden size.
GLOBAL_LINEARS = {
    "time_in.out_layer": (1, 1),
    "double_stream_modulation_img.lin": (6, 1),
    "double_stream_modulation_txt.lin": (6, 1),
    "single_stream_modulation.lin": (3, 1),
    "final_layer.adaLN_modulation.1": (2, 1),
}
IMAGE_CHANNELS = 128
MULTIPLES = {DOUBLE: DOUBLE_LINEARS, SINGLE: SINGLE_LINEARS, GLOBAL: GLOBAL_LINEARS}
TIME = {"time_in.in_layer": 256}


@dataclass(frozen=True)
class Linear:
    """One linear layer that a LoRA may adapt; its weight is `outputs` by `inputs`."""

    name: str
    outputs: int
    inputs: int


@dataclass(frozen=True)
class Geometry:
    """One size of a transformer. `architecture` is the word that ai-toolkit and musubi write for it.

    `text`, `image` and `embedded` are the inputs of the layers that take something else than the hidden state.
    """

    architecture: str
    double_blocks: int
    single_blocks: int
    hidden: int
    text: int
    image: int = IMAGE_CHANNELS
    embedded: Mapping[str, int] = field(default_factory=lambda: TIME, compare=False, repr=False)
    multiples: Mapping[str, Mapping[str, tuple[int, int]]] = field(
        default_factory=lambda: MULTIPLES, compare=False, repr=False
    )

    def linears(self) -> Iterator[Linear]:
        """Every linear layer of the double and single blocks."""
        for stack in (DOUBLE, SINGLE):
            for block in range(self.blocks(stack)):
                for module in self.multiples[stack]:
                    yield Linear(f"{PREFIX}.{stack}.{block}.{module}", *self.shapes[stack, module])

    def global_linears(self) -> Iterator[Linear]:
        """Every linear layer outside of the blocks; few trainers touch them."""
        for (stack, module), shape in self.shapes.items():
            if stack == GLOBAL:
                yield Linear(f"{PREFIX}.{module}", *shape)

    def blocks(self, stack: str) -> int:
        return {DOUBLE: self.double_blocks, SINGLE: self.single_blocks}[stack]

    @cached_property
    def shapes(self) -> dict[tuple[str, str], tuple[int, int]]:
        """(outputs, inputs) of every linear layer by stack and module."""
        found = {
            (stack, module): (outputs * self.hidden, inputs * self.hidden)
            for stack, modules in self.multiples.items()
            for module, (outputs, inputs) in modules.items()
        }
        for module, inputs in {"img_in": self.image, "txt_in": self.text, **self.embedded}.items():
            found[GLOBAL, module] = self.hidden, inputs
        found[GLOBAL, "final_layer.linear"] = self.image, self.hidden
        return found

    def shape(self, stack: str, module: str, part: str = "") -> tuple[int, int] | None:
        """(outputs, inputs) of a layer, or of one part of a fused one; None for a layer that this transformer lacks."""
        whole = self.shapes.get((stack, module))
        if whole is None or not part:
            return whole
        outputs, inputs = whole
        return (outputs - 3 * self.hidden if part == MLP else self.hidden), inputs


KLEIN_4B = Geometry("flux2_klein_4b", double_blocks=5, single_blocks=20, hidden=3072, text=7680)
KLEIN_9B = Geometry("flux2_klein_9b", double_blocks=8, single_blocks=24, hidden=4096, text=12288)
# Base, distilled and KV variants of one size share their shapes.
GEOMETRIES = {
    BaseModel.KLEIN_4B: KLEIN_4B,
    BaseModel.KLEIN_BASE_4B: KLEIN_4B,
    BaseModel.KLEIN_9B: KLEIN_9B,
    BaseModel.KLEIN_9B_KV: KLEIN_9B,
    BaseModel.KLEIN_BASE_9B: KLEIN_9B,
}
