"""Writes small valid LoRA checkpoints, for demos and tests: real names and shapes, weights that mean nothing."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from math import prod
from typing import IO

from dashboard.bfl.endpoints import BaseModel
from finetunes.checkpoints.klein import GEOMETRIES, Geometry

DTYPE = "BF16"
BYTES_PER_WEIGHT = 2
ALIGNMENT = 8
# High bytes of BF16: with any low byte the weight lies between 1/128 and 1/32 either side of zero, never NaN.
POSITIVE, NEGATIVE = 0x3C, 0xBC
SIGNS = bytes([POSITIVE] * 128 + [NEGATIVE] * 128)


@dataclass(frozen=True)
class Weight:
    name: str
    shape: tuple[int, int]

    @property
    def size(self) -> int:
        return prod(self.shape) * BYTES_PER_WEIGHT


def write_lora(
    file: IO[bytes],
    base_model: str,
    *,
    seed: str,
    rank: int = 1,
    name: str = "demo",
    trigger_phrase: str = "",
) -> None:
    """Writes a LoRA over every linear layer of the blocks, tensor by tensor; the same arguments give the same bytes."""
    geometry = GEOMETRIES[BaseModel(base_model)]
    weights = _weights(geometry, rank)
    header = _header(weights, _metadata(geometry, name, trigger_phrase))
    file.write(len(header).to_bytes(8, "little"))
    file.write(header)
    for weight in weights:
        file.write(_data(weight, seed))


def _weights(geometry: Geometry, rank: int) -> list[Weight]:
    weights = []
    for linear in geometry.linears():
        weights.append(Weight(f"{linear.name}.lora_A.weight", (rank, linear.inputs)))
        weights.append(Weight(f"{linear.name}.lora_B.weight", (linear.outputs, rank)))
    return sorted(weights, key=lambda weight: weight.name)


def _metadata(geometry: Geometry, name: str, trigger_phrase: str) -> dict[str, str]:
    """As ai-toolkit writes it: texts alone, with JSON inside; it names this project as the writer."""
    metadata = {
        "format": "pt",
        "name": name,
        "software": json.dumps({"name": "finetunes-dashboard"}),
        "ss_base_model_version": geometry.architecture,
        "ss_output_name": name,
    }
    if trigger_phrase:
        metadata["ss_tag_frequency"] = json.dumps({f"1_{trigger_phrase}": {trigger_phrase: 1}})
    return metadata


def _header(weights: Iterable[Weight], metadata: dict[str, str]) -> bytes:
    entries: dict[str, object] = {"__metadata__": metadata}
    begin = 0
    for weight in weights:
        end = begin + weight.size
        entries[weight.name] = {"dtype": DTYPE, "shape": weight.shape, "data_offsets": [begin, end]}
        begin = end
    text = json.dumps(entries, separators=(",", ":")).encode()
    return text + b" " * (-len(text) % ALIGNMENT)


def _data(weight: Weight, seed: str) -> bytes:
    """Little-endian BF16 from a hash of seed and name: alike on every system, and no two tensors alike."""
    count = weight.size // BYTES_PER_WEIGHT
    noise = hashlib.shake_128(f"{seed}:{weight.name}".encode()).digest(weight.size)
    data = bytearray(weight.size)
    data[0::2] = noise[:count]
    data[1::2] = noise[count:].translate(SIGNS)
    return bytes(data)
