"""Figures about the weights of a checkpoint: ranks, alpha, data types, parameters."""

import struct
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite, prod

from finetunes.checkpoints.adapters import ALPHA, LORA_STYLES
from finetunes.checkpoints.header import Header, Tensor
from finetunes.checkpoints.layers import Layer
from finetunes.checkpoints.metadata import find_alpha

ReadTensor = Callable[[Tensor], bytes]
# One number of at most 64 bits; a real file has some hundred.
MAX_ALPHA_BYTES = 8
MAX_ALPHAS = 4096
NUMBER_FORMATS = {"F16": "<e", "F32": "<f", "F64": "<d", "I16": "<h", "I32": "<i", "I64": "<q"}


@dataclass(frozen=True)
class Weights:
    """`ranks`: rank -> number of layers; `dtypes`: type -> number of tensors, alphas left out; most common first."""

    ranks: dict[int, int]
    alpha: float | None
    dtypes: dict[str, int]
    parameters: int

    @property
    def rank(self) -> int | None:
        return next(iter(self.ranks), None)

    @property
    def dtype(self) -> str:
        return next(iter(self.dtypes), "")


def measure(header: Header, adapters: Sequence[Layer], read_tensor: ReadTensor | None) -> Weights:
    alphas = {layer.adapter.parts[ALPHA].name for layer in adapters if ALPHA in layer.adapter.parts}
    tensors = [tensor for tensor in header.tensors if tensor.name not in alphas]
    ranks = dict(Counter(layer.delta.rank for layer in adapters if layer.delta.rank is not None).most_common())
    return Weights(
        ranks=ranks,
        alpha=_alpha(header, adapters, ranks, read_tensor),
        dtypes=dict(Counter(tensor.dtype for tensor in tensors).most_common()),
        parameters=sum(prod(tensor.shape) for tensor in tensors),
    )


def _alpha(
    header: Header, adapters: Sequence[Layer], ranks: dict[int, int], read_tensor: ReadTensor | None
) -> float | None:
    """The most common one inside the file; else that of the metadata; else of a LoRA the rank, which scales by one."""
    inside = Counter(_read_alphas(adapters, read_tensor) if read_tensor else ())
    if inside:
        return inside.most_common(1)[0][0]
    named = find_alpha(header.metadata)
    if named is not None:
        return named
    plain = any(layer.adapter.style in LORA_STYLES for layer in adapters)
    return float(next(iter(ranks))) if plain and ranks else None


def _read_alphas(layers: Sequence[Layer], read_tensor: ReadTensor) -> list[float]:
    tensors = [layer.adapter.parts[ALPHA] for layer in layers if ALPHA in layer.adapter.parts][:MAX_ALPHAS]
    small = [tensor for tensor in tensors if 0 < tensor.end - tensor.begin <= MAX_ALPHA_BYTES]
    numbers = (_decode(tensor, read_tensor(tensor)) for tensor in small)
    return [number for number in numbers if number is not None]


def _decode(tensor: Tensor, data: bytes) -> float | None:
    """None for what is not one finite number."""
    if prod(tensor.shape) != 1 or len(data) != tensor.end - tensor.begin:
        return None
    if tensor.dtype == "BF16":
        # The upper half of an F32.
        number: float = struct.unpack("<f", b"\0\0" + data)[0]
    elif tensor.dtype in NUMBER_FORMATS:
        number = float(struct.unpack(NUMBER_FORMATS[tensor.dtype], data)[0])
    else:
        return None
    return number if isfinite(number) else None
