"""The header reader: what it accepts, what it refuses, and that it is never laxer than the reference library."""

import io
import json
import struct
from typing import Any

import pytest
import safetensors
from hypothesis import example, given, settings
from hypothesis import strategies as st

from finetunes.checkpoints.errors import CheckpointError
from finetunes.checkpoints.header import DTYPE_BITS, MAX_HEADER_BYTES, MAX_NAMES, Header, Tensor, read_header

TENSOR = {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}
DATA = bytes(4)


def make_file(header: object, data: bytes = DATA) -> bytes:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(raw)) + raw + data


def read(content: bytes) -> Header:
    return read_header(io.BytesIO(content), len(content))


def refusal(content: bytes) -> str:
    with pytest.raises(CheckpointError) as caught:
        read(content)
    assert caught.value.field == "checkpoint"
    return caught.value.message


def reference_accepts(content: bytes) -> bool:
    try:
        safetensors.deserialize(content)  # type: ignore[no-untyped-call]
    except safetensors.SafetensorError:
        return False
    return True


def with_tensor(**changes: object) -> bytes:
    return make_file({"a": TENSOR | changes})


def with_raw_tensor(entry: bytes, data: bytes = DATA) -> bytes:
    return make_file(b'{"a":' + entry + b"}", data)


def two_tensors(first: list[int], second: list[int], data: bytes = bytes(8)) -> bytes:
    entries = {
        name: {"dtype": "U8", "shape": [end - begin], "data_offsets": [begin, end]}
        for name, (begin, end) in {"a": first, "b": second}.items()
    }
    return make_file(entries, data)


# Both we and the reference library refuse these.
REFUSED_BY_BOTH = {
    "empty": b"",
    "short": b"\x02\0\0\0",
    "no header": struct.pack("<Q", 0),
    "header longer than the file": make_file({"a": TENSOR})[:40],
    "header over every limit": struct.pack("<Q", 2**63) + b"{" + bytes(100),
    "not JSON": make_file(b'{"a":}'),
    "JSON list": make_file(b"[]"),
    "byte order mark": make_file(b'\xef\xbb\xbf{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}'),
    "not UTF-8": make_file(b'{"\xff":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}'),
    "half a surrogate pair": make_file(b'{"\\ud800":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}'),
    "raw control character": make_file(b'{"a\n":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}'),
    "text after the JSON": make_file(b'{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}x'),
    "deep nesting": make_file(b'{"a":' * 100_000),
    "NaN": with_raw_tensor(b'{"dtype":"U8","shape":[NaN],"data_offsets":[0,4]}'),
    "number of 5,000 digits": with_raw_tensor(b'{"dtype":"U8","shape":[' + b"9" * 5000 + b'],"data_offsets":[0,4]}'),
    "fraction": with_tensor(shape=[4.0]),
    "negative size": with_tensor(shape=[-4]),
    "minus zero": with_raw_tensor(b'{"dtype":"U8","shape":[-0],"data_offsets":[0,0]}', b""),
    "true as a size": with_tensor(shape=[True, 4]),
    "shape is a text": with_tensor(shape="4"),
    "overflow healed by a zero": with_raw_tensor(
        b'{"dtype":"U8","shape":[9223372036854775808,4,0],"data_offsets":[0,0]}', b""
    ),
    "shape larger than the data": with_tensor(shape=[5]),
    "unknown data type": with_tensor(dtype="U9"),
    "data type of the wrong case": with_tensor(dtype="u8"),
    "half a byte": with_raw_tensor(b'{"dtype":"F4","shape":[7],"data_offsets":[0,4]}'),
    "no data type": make_file({"a": {"shape": [4], "data_offsets": [0, 4]}}),
    "one offset": with_tensor(data_offsets=[0]),
    "three offsets": with_tensor(data_offsets=[0, 4, 8]),
    "end before begin": with_tensor(data_offsets=[4, 0]),
    "first offset not zero": make_file({"a": TENSOR | {"data_offsets": [1, 5]}}, bytes(5)),
    "gap": two_tensors([0, 3], [4, 8]),
    "overlap": two_tensors([0, 5], [4, 8]),
    "same data twice": two_tensors([0, 4], [0, 4], bytes(4)),
    "data cut off": make_file({"a": TENSOR}, bytes(3)),
    "data appended": make_file({"a": TENSOR}, bytes(5)),
    "tensor is null": make_file({"a": None}),
    "metadata is a list": make_file({"__metadata__": ["a"], "a": TENSOR}),
    "metadata holds a number": make_file({"__metadata__": {"step": 3}, "a": TENSOR}),
    "metadata twice": make_file(
        b'{"__metadata__":{},"__metadata__":{},"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}'
    ),
}
# The reference library accepts these; two readers could understand them differently, or no trainer writes them.
REFUSED_BY_US = {
    "more names than are read": make_file(
        {"a": TENSOR, "__metadata__": {str(number): "" for number in range(MAX_NAMES)}}
    ),
    "tensor twice": make_file(
        b'{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"a":{"dtype":"I8","shape":[4],"data_offsets":[0,4]}}'
    ),
    "metadata key twice": make_file(
        b'{"__metadata__":{"k":"1","k":"2"},"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}'
    ),
    "extra field": with_tensor(extra=1),
    "space before the JSON": make_file(b" " + json.dumps({"a": TENSOR}).encode()),
    "newline before the JSON": make_file(b"\n" + json.dumps({"a": TENSOR}).encode()),
    "ten thousand dimensions": with_tensor(shape=[1] * 9_999 + [4]),
    "tensor without a name": make_file({"": TENSOR}),
    "NUL in a name": make_file({"a\0b": TENSOR}),
    "newline in a name": make_file({"a\nb": TENSOR}),
    "delete character in a name": make_file({"a\x7fb": TENSOR}),
    "control character of Latin-1 in a name": make_file({"a\x85b": TENSOR}),
    "65 dimensions": with_tensor(shape=[1] * 64 + [4]),
    "second of two tensors twice": make_file(
        b'{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[0],"data_offsets":[4,4]},'
        b'"b":{"dtype":"U8","shape":[0],"data_offsets":[4,4]}}'
    ),
    "no tensors": make_file({}, b""),
    "nothing but metadata": make_file({"__metadata__": {"k": "v"}}, b""),
    "header over 8 MiB": make_file(json.dumps({"a": TENSOR}).encode() + b" " * MAX_HEADER_BYTES),
}
ACCEPTED = {
    "one tensor": make_file({"a": TENSOR}),
    "spaces after the JSON": make_file(json.dumps({"a": TENSOR}).encode() + b"   "),
    "metadata is null": make_file({"__metadata__": None, "a": TENSOR}),
    "path as a name": make_file({"../../etc/passwd": TENSOR}),
    "scalar": with_tensor(dtype="F32", shape=[]),
    "no elements": make_file({"a": TENSOR | {"shape": [0, 9], "data_offsets": [0, 0]}}, b""),
    "half bytes that fill bytes": with_tensor(dtype="F4", shape=[8]),
    "out of order": two_tensors([4, 8], [0, 4]),
}


@pytest.mark.parametrize("content", REFUSED_BY_BOTH.values(), ids=REFUSED_BY_BOTH)
def test_what_the_reference_refuses_is_refused(content: bytes) -> None:
    assert not reference_accepts(content)
    assert refusal(content).endswith(".")


@pytest.mark.parametrize("content", REFUSED_BY_US.values(), ids=REFUSED_BY_US)
def test_what_can_be_read_in_two_ways_is_refused(content: bytes) -> None:
    assert reference_accepts(content)
    assert refusal(content).endswith(".")


@pytest.mark.parametrize("content", ACCEPTED.values(), ids=ACCEPTED)
def test_what_is_valid_is_accepted(content: bytes) -> None:
    assert reference_accepts(content)
    assert read(content).tensors


def test_every_data_type_of_the_reference_is_known() -> None:
    for dtype, bits in DTYPE_BITS.items():
        content = make_file({"a": {"dtype": dtype, "shape": [8], "data_offsets": [0, bits]}}, bytes(bits))
        assert reference_accepts(content)
        assert read(content).tensors[0].dtype == dtype


def test_header_holds_names_types_shapes_and_places() -> None:
    content = make_file(
        {
            "__metadata__": {"format": "pt", "text": "two\nlines"},
            "b": {"dtype": "F16", "shape": [2, 1], "data_offsets": [4, 8]},
            "a": TENSOR,
        },
        bytes(8),
    )
    header = read(content)
    assert header.metadata == {"format": "pt", "text": "two\nlines"}
    assert header.tensors == (Tensor("a", "U8", (4,), 0, 4), Tensor("b", "F16", (2, 1), 4, 8))
    assert header.data_start == len(content) - 8


def test_data_is_not_read() -> None:
    content = make_file({"a": TENSOR | {"shape": [2**30], "data_offsets": [0, 2**30]}}, b"")
    header = read_header(io.BytesIO(content), len(content) + 2**30)
    assert header.tensors[0].end == 2**30


FOREIGN = {
    b"PK\x03\x04" + bytes(60): "zip archive",
    b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19." + bytes(60): "pickle",
    b"\x80\x04\x95\x20\0\0\0\0\0\0\0}\x94." + bytes(60): "pickle",
    b"GGUF\x03\0\0\0" + bytes(60): "GGUF",
    b"<!DOCTYPE html><html><body>Log in</body></html>": "web page",
    b"\n<html>": "web page",
    b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n": "git-lfs pointer",
    b"\x1f\x8b\x08\0\0\0\0\0\x02\xff" + bytes(60): "gzip",
    b"\x93NUMPY\x01\0" + bytes(60): "NumPy",
    b"\x89PNG\r\n\x1a\n" + bytes(60): "image",
    b'{"peft_type": "LORA"}': "adapter_config.json",
}


@pytest.mark.parametrize(("content", "kind"), FOREIGN.items(), ids=FOREIGN.values())
def test_another_kind_of_file_is_named(content: bytes, kind: str) -> None:
    message = refusal(content)
    assert kind in message
    assert "not a .safetensors file" in message


def test_header_length_that_looks_like_a_pickle_is_read() -> None:
    header = json.dumps({"a": TENSOR}).encode().ljust(0x0280)
    assert make_file(header).startswith(b"\x80\x02")
    assert read(make_file(header)).tensors


def test_refusal_says_how_much_is_missing() -> None:
    content = make_file({"a": TENSOR | {"shape": [400], "data_offsets": [0, 400]}}, bytes(88))
    message = refusal(content)
    assert "ends 312 bytes early" in message
    assert "Upload it again" in message


def test_refusal_names_the_tensor_in_plain_characters() -> None:
    assert '"a\\u0000b"' in refusal(make_file({"a\0b": TENSOR}))
    assert len(refusal(make_file({"x" * 5000: TENSOR | {"dtype": "?"}}))) < 300


def test_refusal_names_what_stands_twice() -> None:
    assert 'names "k" twice' in refusal(REFUSED_BY_US["metadata key twice"])


names = st.sampled_from(["a", "b", "", "a\0", "__metadata__", "é", "\ud800"])
numbers = st.one_of(st.integers(-2, 9), st.sampled_from([2**32, 2**63, 2**64 - 1, 2**64, True, None, 1.0, -0.0]))
lists = st.lists(numbers, max_size=3)
wild = st.fixed_dictionaries(
    {"dtype": st.sampled_from(["U8", "F4", "F16", "U9"]), "shape": lists, "data_offsets": lists},
    optional={"extra": numbers},
)
# Entries that fit four bytes or nearly do, so that many headers come close to valid.
near = st.builds(
    lambda dtype, shape, begin: {"dtype": dtype, "shape": shape, "data_offsets": [begin, begin + 4]},
    st.sampled_from(["U8", "F4", "F16", "F32"]),
    st.sampled_from([[4], [2, 2], [2], [8], []]),
    st.sampled_from([0, 4]),
)
tensors = near | wild
texts = st.dictionaries(names, names, max_size=2)
headers = st.one_of(
    st.fixed_dictionaries({"a": tensors}, optional={"b": tensors, "__metadata__": texts}),
    st.dictionaries(names, tensors | texts | numbers, max_size=3),
)


def check_never_laxer(content: bytes) -> None:
    try:
        read(content)
    except CheckpointError:
        return
    assert reference_accepts(content)


@given(header=headers, data=st.sampled_from([4, 8]))
@settings(max_examples=300, deadline=None)
def test_header_of_any_content_is_never_taken_more_laxly(header: dict[str, Any], data: int) -> None:
    check_never_laxer(make_file(header, bytes(data)))


@given(
    content=st.sampled_from([*ACCEPTED.values(), REFUSED_BY_BOTH["gap"]]),
    position=st.integers(0, 200),
    replacement=st.binary(max_size=3),
)
@example(ACCEPTED["one tensor"], 8, b" {")
@settings(max_examples=300, deadline=None)
def test_file_with_any_damage_is_never_taken_more_laxly(content: bytes, position: int, replacement: bytes) -> None:
    check_never_laxer(content[:position] + replacement + content[position + 1 :])
