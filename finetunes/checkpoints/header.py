"""A strict reader of safetensors headers: names, types, shapes and places of the tensors, never their data.

It accepts nothing that the reference library rejects, and refuses besides what two readers could read as two files:
names given twice, unknown fields, characters before the JSON, control characters in names.
"""

import re
from dataclasses import dataclass
from typing import IO, Any, NoReturn

from finetunes.checkpoints import strict_json
from finetunes.checkpoints.errors import CheckpointError
from finetunes.checkpoints.foreign import ADVICE, PREFIX_BYTES, recognise
from finetunes.checkpoints.strict_json import MAX_INTEGER, StrictJsonError, shown

LENGTH_BYTES = 8
MAX_HEADER_BYTES = 8 * 2**20
# Four a tensor and one a metadata entry: a LoRA has a few thousand. 80,000 take about 30 MB while they are read.
MAX_NAMES = 80_000
NAME_END = re.compile(rb'(?<!\\)"\s*:')
MAX_DIMENSIONS = 64  # as many as a tensor of PyTorch may have
METADATA = "__metadata__"
TENSOR_FIELDS = {"dtype", "shape", "data_offsets"}
DTYPE_BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
    "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "I16": 16, "U16": 16, "F16": 16, "BF16": 16,
    "I32": 32, "U32": 32, "F32": 32, "I64": 64, "U64": 64, "F64": 64, "C64": 64,
}  # fmt: skip
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
UPLOAD_AGAIN = "Upload it again from a complete copy."
SAVE_AGAIN = "Save it again with the safetensors library and upload that."


@dataclass(frozen=True)
class Tensor:
    """One tensor; its bytes are `begin` to `end`, counted from where the data starts."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True)
class Header:
    """Tensors stand in the order of their data, which starts `data_start` bytes into the file."""

    metadata: dict[str, str]
    tensors: tuple[Tensor, ...]
    data_start: int


def read_header(file: IO[bytes], size: int) -> Header:
    """The header of a file of `size` bytes. Raises CheckpointError for all that is not strictly safetensors."""
    raw = _read_raw(file, size)
    entries = _load(raw)
    metadata = _metadata(entries.pop(METADATA, None))
    tensors = sorted(
        (_tensor(name, entry) for name, entry in entries.items()), key=lambda tensor: (tensor.begin, tensor.end)
    )
    data_start = LENGTH_BYTES + len(raw)
    _check_layout(tensors)
    _check_size(data_start + tensors[-1].end, size)
    return Header(metadata, tuple(tensors), data_start)


def _read_raw(file: IO[bytes], size: int) -> bytes:
    """The JSON of the header; nothing beyond it is read."""
    if size == 0:
        raise CheckpointError(f"This file is empty. {UPLOAD_AGAIN}")
    file.seek(0)
    prefix = file.read(PREFIX_BYTES)
    length = int.from_bytes(prefix[:LENGTH_BYTES], "little")
    _check_start(prefix, length, size)
    file.seek(LENGTH_BYTES)
    raw = file.read(length)
    if len(raw) < length:
        _ends_early(length - len(raw), "inside its header")
    return raw


def _check_start(prefix: bytes, length: int, size: int) -> None:
    opens_json = prefix[LENGTH_BYTES : LENGTH_BYTES + 1] == b"{"
    plausible = length <= MAX_HEADER_BYTES and opens_json
    if not plausible and (kind := recognise(prefix)):
        raise CheckpointError(f"This is {kind}, not a .safetensors file: {ADVICE[kind]}.")
    if size < LENGTH_BYTES:
        raise CheckpointError(f"This file has only {size} bytes, too few for a .safetensors file. {UPLOAD_AGAIN}")
    if length > MAX_HEADER_BYTES:
        raise CheckpointError(
            f"This is not a .safetensors file, or its start is damaged: its first 8 bytes announce a header of "
            f"{length:,} bytes, and at most {MAX_HEADER_BYTES:,} are read. {UPLOAD_AGAIN}"
        )
    if LENGTH_BYTES + length > size:
        _ends_early(LENGTH_BYTES + length - size, "inside its header")
    if not opens_json or length == 0:
        _refuse('it must begin with "{" right after the first 8 bytes')


def _load(raw: bytes) -> dict[str, Any]:
    # Counted before they are parsed.
    if (count := sum(1 for _ in NAME_END.finditer(raw))) > MAX_NAMES:
        _refuse(f"it holds {count:,} names, and at most {MAX_NAMES:,} are read")
    try:
        entries: dict[str, Any] = strict_json.loads(raw)
    except StrictJsonError as error:
        _refuse(error.reason)
    if not entries.keys() - {METADATA}:
        raise CheckpointError("This file holds no tensors. Upload the file that the trainer saved.")
    return entries


def _metadata(value: Any) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        _refuse(f"{METADATA} may hold nothing but texts")
    return value


def _tensor(name: str, entry: Any) -> Tensor:
    if not name or CONTROL.search(name):
        _refuse(f"the tensor name {shown(name)} is empty or holds a control character")
    if not isinstance(entry, dict) or entry.keys() != TENSOR_FIELDS:
        _refuse(f"tensor {shown(name)} must have dtype, shape and data_offsets, and nothing else")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPE_BITS:
        _refuse(f"tensor {shown(name)} has the data type {shown(str(dtype))}, which safetensors does not know")
    if not _are_integers(shape) or len(shape) > MAX_DIMENSIONS:
        _refuse(f"the shape of tensor {shown(name)} is not a list of at most {MAX_DIMENSIONS} whole numbers")
    if not _are_integers(offsets) or len(offsets) != 2:
        _refuse(f"data_offsets of tensor {shown(name)} are not two whole numbers")
    begin, end = offsets
    if _count_bits(name, dtype, shape) != 8 * (end - begin):
        _refuse(f"tensor {shown(name)} has {end - begin:,} bytes, which its data type and shape do not fill")
    return Tensor(name, dtype, tuple(shape), begin, end)


def _are_integers(value: Any) -> bool:
    # By exact type: true and false are integers to Python.
    return isinstance(value, list) and all(type(number) is int for number in value)


def _count_bits(name: str, dtype: str, shape: list[int]) -> int:
    bits = DTYPE_BITS[dtype]
    elements = 1
    for dimension in shape:
        elements *= dimension
        # At every step, as the library does: a later 0 does not heal an overflow.
        if elements * bits > MAX_INTEGER:
            _refuse(f"the shape of tensor {shown(name)} overflows")
    return elements * bits


def _check_layout(tensors: list[Tensor]) -> None:
    """Tensors must cover the data from its first byte on, without gap or overlap."""
    expected = 0
    for tensor in tensors:
        if tensor.begin != expected:
            fault = "a gap before it" if tensor.begin > expected else "an overlap with the one before"
            _refuse(f"the data of tensor {shown(tensor.name)} starts with {fault}, at byte {tensor.begin:,}")
        expected = tensor.end


def _check_size(needed: int, size: int) -> None:
    if needed > size:
        _ends_early(needed - size, f"at {size:,} of {needed:,} bytes")
    if needed < size:
        raise CheckpointError(
            f"This file goes on for {size - needed:,} bytes after its last tensor: something was appended to it. "
            f"{SAVE_AGAIN}"
        )


def _ends_early(missing: int, where: str) -> NoReturn:
    raise CheckpointError(
        f"This file ends {missing:,} bytes early, {where}: the copy or download was cut off. {UPLOAD_AGAIN}"
    )


def _refuse(reason: str) -> NoReturn:
    raise CheckpointError(f"The header of this file is not valid: {reason}. {SAVE_AGAIN}")
