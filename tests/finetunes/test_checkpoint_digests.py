"""The two digests of a checkpoint: of the file, and of its weights, which edited metadata does not change."""

import hashlib
import io
import json
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.bfl.endpoints import BaseModel
from finetunes.checkpoints.digests import CheckpointDigest
from finetunes.checkpoints.header import Header, read_header
from finetunes.checkpoints.writer import write_lora

DATA = {"b": b"\1\2\3\4", "a": b"\5\6", "empty": b"", "é": bytes(range(9))}


def build(
    data: dict[str, bytes], *, metadata: dict[str, str] | None = None, padding: int = 0, dtype: str = "U8"
) -> bytes:
    entries: dict[str, object] = {"__metadata__": metadata} if metadata else {}
    begin = 0
    for name, content in data.items():
        end = begin + len(content)
        entries[name] = {"dtype": dtype, "shape": [len(content)], "data_offsets": [begin, end]}
        begin = end
    raw = json.dumps(entries).encode() + b" " * padding
    return struct.pack("<Q", len(raw)) + raw + b"".join(data.values())


def read(content: bytes) -> Header:
    return read_header(io.BytesIO(content), len(content))


def weights_digest(content: bytes, piece: int = 1 << 20) -> str:
    digest = CheckpointDigest(read(content))
    for start in range(0, len(content), piece):
        digest.update(content[start : start + piece])
    assert digest.position == len(content)
    assert digest.sha256() == hashlib.sha256(content).hexdigest()
    return digest.weights_sha256()


def expected(data: dict[str, bytes], dtype: str = "U8") -> str:
    """The formula of the documentation, word for word."""
    entries = []
    for name, content in data.items():
        tensor = hashlib.sha256(content).hexdigest()
        entries.append(hashlib.sha256(f"{name}\0{dtype}\0{len(content)}\0{tensor}".encode()).hexdigest())
    return hashlib.sha256("".join(sorted(entries)).encode()).hexdigest()


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 8, 64, 1 << 20])
def test_digests_follow_the_formula_in_pieces_of_any_size(piece: int) -> None:
    assert weights_digest(build(DATA), piece) == expected(DATA)


def test_metadata_padding_and_order_change_nothing() -> None:
    reordered = dict(reversed(DATA.items()))
    assert weights_digest(build(reordered, metadata={"a": "b"}, padding=9)) == weights_digest(build(DATA))


@pytest.mark.parametrize(
    "other",
    [
        build(DATA | {"a": b"\5\7"}),
        build(DATA | {"a": b"\5\6\0"}),
        build({("c" if name == "a" else name): data for name, data in DATA.items()}),
        build(DATA, dtype="I8"),
        build({name: data for name, data in DATA.items() if name != "empty"}),
    ],
    ids=["byte", "length", "name", "type", "empty tensor"],
)
def test_every_change_of_the_weights_changes_the_digest(other: bytes) -> None:
    assert weights_digest(other) != weights_digest(build(DATA))


def test_shape_is_part_of_the_digest() -> None:
    content = build({"a": bytes(4)})
    reshaped = content.replace(b'"shape": [4]', b'"shape":[2,2]')
    assert len(reshaped) == len(content) + 1
    flat = struct.pack("<Q", len(reshaped) - 12) + reshaped[8:]
    assert weights_digest(flat) != weights_digest(content)


@pytest.mark.parametrize("data", [{"a": b""}, {"a": b"", "b": b""}, {"a": b"", "b": b"\1", "c": b""}])
def test_tensors_without_elements_count(data: dict[str, bytes]) -> None:
    assert weights_digest(build(data), 3) == expected(data)


def test_weights_digest_waits_for_the_last_byte() -> None:
    content = build({"a": b"\1\2"})
    digest = CheckpointDigest(read(content))
    for byte in content:
        with pytest.raises(ValueError, match="not complete"):
            digest.weights_sha256()
        digest.update(bytes([byte]))
    assert digest.weights_sha256() == expected({"a": b"\1\2"})


def test_bytes_after_the_last_tensor_are_refused() -> None:
    content = build(DATA)
    digest = CheckpointDigest(read(content))
    with pytest.raises(ValueError, match="more bytes"):
        digest.update(content + b"x")


@given(cuts=st.lists(st.integers(0, 400), max_size=6), fork=st.integers(0, 6))
@settings(max_examples=200, deadline=None)
def test_copies_go_on_by_themselves(cuts: list[int], fork: int) -> None:
    content = build(DATA)
    ends = sorted({min(cut, len(content)) for cut in cuts})
    digest = CheckpointDigest(read(content))
    twin = digest.copy()
    for number, end in enumerate([*ends, len(content)]):
        if number == fork:
            twin = digest.copy()
        digest.update(memoryview(content)[digest.position : end])
    twin.update(content[twin.position :])
    assert twin.sha256() == digest.sha256() == hashlib.sha256(content).hexdigest()
    assert twin.weights_sha256() == digest.weights_sha256() == expected(DATA)


def test_digest_of_a_real_layout_is_fixed() -> None:
    file = io.BytesIO()
    write_lora(file, BaseModel.KLEIN_4B, seed="ink", name="ink", trigger_phrase="TOK")
    other = io.BytesIO()
    write_lora(other, BaseModel.KLEIN_BASE_4B, seed="ink", name="another", trigger_phrase="")
    assert weights_digest(file.getvalue()) == weights_digest(other.getvalue())
