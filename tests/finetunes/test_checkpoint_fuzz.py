"""Damaged, invented and hostile checkpoints: the reader is never laxer than the reference, and nothing ever crashes."""

import io
import json
import struct
import time
from typing import Any

import pytest
import safetensors
from hypothesis import given, settings
from hypothesis import strategies as st

from finetunes.checkpoints.errors import CheckpointError
from finetunes.checkpoints.header import MAX_HEADER_BYTES, Header, Tensor, read_header
from finetunes.checkpoints.inspection import Inspection, inspect
from finetunes.checkpoints.privacy import private_entries, strip_private
from finetunes.checkpoints.report import as_lines, as_record
from finetunes.checkpoints.verdict import check_usable
from tests.checkpoints import LAYOUTS, MODELS, header_bytes, lora_shapes, make_file, make_header

# Real names with tiny shapes: whole files that fit into a mutation.
SMALL = [
    make_file(dict.fromkeys(list(lora_shapes("flux2-klein-4b", layout))[:count], (1, 2)), {"ss_steps": "1", "é": "ü"})
    for layout, count in (("ai-toolkit", 1), ("kohya", 3), ("diffusers", 6))
]
# A header of 8 MiB may take a few seconds on a slow machine; what grows with its square would take hours.
MOST_SECONDS = 60


def read(content: bytes) -> Header | None:
    """None for what is refused; anything but a CheckpointError fails the test."""
    try:
        return read_header(io.BytesIO(content), len(content))
    except CheckpointError as error:
        if not error.message.endswith("."):
            raise
        return None


def check(content: bytes) -> None:
    """What we accept, the reference accepts too, and the inspector makes something of it."""
    header = read(content)
    if header is None:
        return
    found = dict(safetensors.deserialize(content))  # type: ignore[no-untyped-call]
    assert {tensor.name: list(tensor.shape) for tensor in header.tensors} == {
        name: entry["shape"] for name, entry in found.items()
    }
    check_inspection(header)


def check_inspection(header: Header) -> Inspection:
    def read_tensor(tensor: Tensor) -> bytes:
        assert tensor.end - tensor.begin <= 8
        return b"\xff" * (tensor.end - tensor.begin)

    found = inspect(header, read_tensor=read_tensor, file_name="\ud800 x")
    assert 0 <= found.applied <= found.modules
    assert len(json.dumps(found.as_facts(), allow_nan=False).encode()) < 40_000
    json.dumps(as_record("x", found), allow_nan=False).encode()
    refused = None
    try:
        check_usable(found)
    except CheckpointError as error:
        refused = error.message
    assert refused or (found.applied and found.base_models)
    "\n".join(as_lines("x", 1, found, refused)).encode()
    return found


insertions = st.sampled_from([b"", b"0", b"9", b'"', b"{", b"}", b",", b" ", b"\0", b"\xff"]) | st.binary(max_size=3)
# Where, how many bytes go, and what comes in their place.
mutations = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 4), insertions), min_size=1, max_size=4)


@given(content=st.sampled_from(SMALL), changes=mutations, keep_length=st.booleans())
@settings(max_examples=700, deadline=None)
def test_damaged_files_are_never_taken_more_laxly(
    content: bytes, changes: list[tuple[float, int, bytes]], keep_length: bool
) -> None:
    length = int.from_bytes(content[:8], "little")
    raw, data = content[8 : 8 + length], content[8 + length :]
    for share, removed, added in changes:
        at = int(share * len(raw))
        raw = raw[:at] + added + raw[at + removed :]
    check(struct.pack("<Q", length if keep_length else len(raw)) + raw + data)


@given(content=st.sampled_from(SMALL), share=st.floats(0, 1), more=st.binary(max_size=9))
@settings(max_examples=300, deadline=None)
def test_cut_and_lengthened_files_are_refused(content: bytes, share: float, more: bytes) -> None:
    cut = content[: int(share * len(content))] + more
    if cut != content:
        check(cut)


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=12,
)
entries = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["F16", "BF16", "F8_E4M3", "F4"]) | anything,
        "shape": st.lists(st.integers(0, 4), max_size=4) | anything,
        "data_offsets": st.tuples(st.integers(0, 16), st.integers(0, 64)) | anything,
    },
    optional={"x": anything},
)

headers = st.dictionaries(st.text(max_size=8) | st.just("__metadata__"), entries | anything, max_size=4)


@given(header=headers, size=st.integers(0, 64))
@settings(max_examples=500, deadline=None)
def test_invented_headers_are_never_taken_more_laxly(header: dict[str, Any], size: int) -> None:
    raw = json.dumps(header).encode()
    check(struct.pack("<Q", len(raw)) + raw + bytes(size))


fragments = st.sampled_from(
    [
        "transformer.", "diffusion_model.", "base_model.model.", "lora_unet_", "lora_te1_", "unet.", "double_blocks.0.",
        "double_blocks_3_", "single_blocks.19.", "transformer_blocks.59.", "img_attn.qkv", "img_attn_qkv", "img_mlp.0",
        "linear1", "linear1.3", "attn.to_q", "attn.to_qkv_mlp_proj", "txt_in", "final_layer.adaLN_modulation.1",
        "down_blocks.0.", "attn2.to_k", "img_mod.1.", "layers.0.attention.", "a", ".", "_",
    ]
)  # fmt: skip
endings = st.sampled_from(
    [
        ".lora_A.weight", ".lora_B.weight", ".lora_A", ".lora_B.default.weight", ".lora_down.weight", ".lora_up.weight",
        ".lora_mid.weight", ".lora.down.weight", ".lora_linear_layer.up.weight", ".alpha", ".dora_scale", ".lokr_w1",
        ".lokr_w1_a", ".lokr_w1_b", ".lokr_w2", ".lokr_w2_a", ".lokr_w2_b", ".lokr_t2", ".hada_w1_a", ".hada_w1_b",
        ".lora_magnitude_vector.default.weight", ".oft_blocks", ".diff", ".diff_b", ".lora_B.bias", ".weight", ".bias",
        "",
    ]
)  # fmt: skip
names = st.builds("{}{}{}".format, st.lists(fragments, max_size=3).map("".join), fragments, endings)
sides = st.sampled_from([0, 1, 2, 16, 768, 3072, 4096, 6144, 9216, 12288, 18432, 24576, 27648, 2**40])
shapes = st.dictionaries(names, st.lists(sides, max_size=3).map(tuple), min_size=1, max_size=12)
metadata = st.dictionaries(
    st.sampled_from(
        [
            "ss_base_model_version", "modelspec.architecture", "ss_sd_model_name", "ss_tag_frequency", "training_info",
            "software", "ss_network_alpha", "lora_adapter_metadata", "trainedWords", "ss_steps", "modelspec.tags", "x",
        ]
    ),
    st.sampled_from(["flux2_klein_4b", "flux1", "sdxl", "klein-9b-kv", "nan", "1e400", "[", "{}", '{"a":{"b":1}}'])
    | anything.map(json.dumps)
    | st.text(max_size=20),
    max_size=4,
)  # fmt: skip


@given(shapes=shapes, metadata=metadata, dtype=st.sampled_from(["BF16", "F32", "F64", "I64", "I8"]))
@settings(max_examples=700, deadline=None)
def test_inspector_makes_something_of_every_header(
    shapes: dict[str, tuple[int, ...]], metadata: dict[str, str], dtype: str
) -> None:
    start, size = header_bytes(shapes, metadata, dtype)
    try:
        header = read_header(io.BytesIO(start), size)
    except CheckpointError:
        return
    check_inspection(header)
    assert private_entries(json.loads(strip_private(start[8:]))["__metadata__"]) == ()


HOSTILE: dict[str, tuple[dict[str, tuple[int, ...]], dict[str, str]]] = {
    "many layers": (
        {f"diffusion_model.double_blocks.{n}.img_mlp.0.lora_A.weight": (1, 3072) for n in range(19_000)},
        {},
    ),
    "many alphas": ({f"{n}.alpha": () for n in range(19_000)} | {"x.lora_A.weight": (1, 1)}, {}),
    "long name": ({"a" * 8_000_000: ()}, {}),
    "name of halves": ({".lora_A." * 1_000_000: ()}, {}),
    "name of blocks": ({"transformer_blocks." * 400_000: ()}, {}),
    "name of other kinds": ({".oft_" + "y" * 7_000_000 + "!.x": ()}, {}),
    "addresses": ({"a": ()}, {"x": "a@" * 4_000_000}),
    "URLs": ({"a": ()}, {"x": "://a:" * 1_600_000}),
    "slashes": ({"a": ()}, {"x": " /" * 4_000_000}),
    "brackets": ({"a": ()}, {"ss_tag_frequency": "[" * 8_000_000}),
    "tags": ({"a": ()}, {"ss_tag_frequency": json.dumps({"a": {str(n): n for n in range(300_000)}})}),
    "keys": ({"a": ()}, {f"ss_{n}": "" for n in range(79_000)}),
    "base models": ({"a": ()}, {"modelspec.architecture": "klein" * 1_500_000}),
}


@pytest.mark.parametrize(("shapes", "metadata"), HOSTILE.values(), ids=HOSTILE)
def test_largest_headers_take_seconds(shapes: dict[str, tuple[int, ...]], metadata: dict[str, str]) -> None:
    start, size = header_bytes(shapes, metadata)
    assert 1_000_000 < len(start) < MAX_HEADER_BYTES
    began = time.perf_counter()
    header = read_header(io.BytesIO(start), size)
    found = inspect(header, read_tensor=lambda tensor: b"\0\x40")
    assert time.perf_counter() - began < MOST_SECONDS
    assert len(json.dumps(found.as_facts())) < 40_000


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("family", MODELS)
def test_header_of_every_family_is_inspected_in_milliseconds(family: str, layout: str) -> None:
    header = make_header(lora_shapes(family, layout, alpha=True))
    times = []
    for _ in range(3):
        began = time.perf_counter()
        inspect(header, read_tensor=lambda tensor: b"\0\x40")
        times.append(time.perf_counter() - began)
    assert min(times) < 0.25
