"""The geometry of the FLUX.2 [klein] transformers: blocks, linear layers and their shapes, under ai-toolkit's names."""

from collections.abc import Iterator
from dataclasses import dataclass

from dashboard.bfl.endpoints import BaseModel

PREFIX = "diffusion_model"
# Module of a block -> (output, input) in multiples of the hidden size.
DOUBLE_LINEARS = {
    f"{stream}_{name}": shape
    for stream in ("img", "txt")
    for name, shape in {"attn.qkv": (3, 1), "attn.proj": (1, 1), "mlp.0": (6, 1), "mlp.2": (1, 3)}.items()
}
SINGLE_LINEARS = {"linear1": (9, 1), "linear2": (1, 4)}


@dataclass(frozen=True)
class Linear:
    """One linear layer that a LoRA may adapt; its weight is `outputs` by `inputs`."""

    name: str
    outputs: int
    inputs: int


@dataclass(frozen=True)
class Geometry:
    """One size of the transformer. `architecture` is the word that ai-toolkit and musubi write for it."""

    architecture: str
    double_blocks: int
    single_blocks: int
    hidden: int

    def linears(self) -> Iterator[Linear]:
        """Every linear layer of the double and single blocks."""
        for kind, blocks, modules in (
            ("double_blocks", self.double_blocks, DOUBLE_LINEARS),
            ("single_blocks", self.single_blocks, SINGLE_LINEARS),
        ):
            for block in range(blocks):
                for module, (outputs, inputs) in modules.items():
                    name = f"{PREFIX}.{kind}.{block}.{module}"
                    yield Linear(name, outputs * self.hidden, inputs * self.hidden)


KLEIN_4B = Geometry("flux2_klein_4b", double_blocks=5, single_blocks=20, hidden=3072)
KLEIN_9B = Geometry("flux2_klein_9b", double_blocks=8, single_blocks=24, hidden=4096)
# Base, distilled and KV variants of one size share their shapes.
GEOMETRIES = {
    BaseModel.KLEIN_4B: KLEIN_4B,
    BaseModel.KLEIN_BASE_4B: KLEIN_4B,
    BaseModel.KLEIN_9B: KLEIN_9B,
    BaseModel.KLEIN_9B_KV: KLEIN_9B,
    BaseModel.KLEIN_BASE_9B: KLEIN_9B,
}
