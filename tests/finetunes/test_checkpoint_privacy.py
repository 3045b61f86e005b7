"""Private metadata: what counts as such, and a header without it that is the same file to everyone else."""

import io
import json
import struct
from typing import Any

import pytest
import safetensors
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.bfl.endpoints import BaseModel
from finetunes.checkpoints.errors import CheckpointError
from finetunes.checkpoints.header import read_header
from finetunes.checkpoints.inspection import inspect
from finetunes.checkpoints.privacy import PrivateEntry, private_entries, strip_private
from finetunes.checkpoints.writer import write_lora
from tests.checkpoints import header_json, lora_shapes

PRIVATE = {
    "ss_sd_model_name": "model.safetensors",
    "ss_training_comment": "for a friend",
    "ss_dataset_dirs": "{}",
    "ss_output_name": "jo-portrait",
    "ss_tag_frequency": '{"10_jo smith": {"jo smith": 4}}',
    "ss_session_id": "123",
    "ot_config": "{}",
    "modelspec.author": "Jo Smith",
    "dataset": "mine",
    "config": "{}",
    "windows path": "C:\\Users\\jo\\x.safetensors",
    "windows path in JSON": '{"a": "D:\\\\data\\\\x"}',
    "windows path with slashes": "C:/Users/jo",
    "share": "\\\\server\\jo\\x",
    "path": "x",
    "absolute": "/home/jo/x",
    "absolute in JSON": '{"folder": "/workspace/jo"}',
    "absolute in text": "trained from /data/jo on Monday",
    "home": "~/loras",
    "file URL": "file://x",
    "mail": "write to jo.smith@example.com",
    "URL with a password": "https://jo:pass@example.com/x",
    "URL with a token": "https://example.com/x?token=abc",
    "hub key": "hf_abcdefghijklmnopqrstuvwx",
    "/home/jo": "x",
    "modelspec.architecture": "Flux.2-klein-4b/lora from /home/jo",
    "modelspec.trigger_phrase": "/home/jo",
}
HARMLESS = {
    "format": "pt",
    "name": "ink",
    "version": "1.0",
    "modelspec.architecture": "Flux.2-klein-4b/lora",
    "modelspec.sai_model_spec": "1.0.0",
    "modelspec.date": "2026-01-02T03:04:05",
    "modelspec.resolution": "1024x1024",
    "modelspec.trigger_phrase": "TOK ink",
    "modelspec.title": "Ink and/or brush, 10/10",
    "ss_base_model_version": "flux2_klein_4b",
    "ss_network_dim": "16",
    "ss_network_alpha": "16",
    "ss_network_module": "networks.lora_flux_2",
    "ss_steps": "100",
    "ss_epoch": "3",
    "ss_tag_frequency": '{"1_TOK ink": {"TOK ink": 1}}',
    "lora_adapter_metadata": '{"transformer.r": 16}',
    "software": '{"name": "ai-toolkit", "repo": "https://github.com/ostris/ai-toolkit"}',
    "training_info": '{"step": 1, "epoch": 2}',
    "sshs_model_hash": "0123456789abcdef",
    "trainedWords": '["ink"]',
    "instance_prompt": "a photo of TOK",
}


@pytest.mark.parametrize(("key", "value"), PRIVATE.items(), ids=PRIVATE)
def test_what_may_tell_about_its_maker_is_private(key: str, value: str) -> None:
    assert [entry.key for entry in private_entries({key: value})] == [key]


@pytest.mark.parametrize(("key", "value"), HARMLESS.items(), ids=HARMLESS)
def test_plain_facts_are_not_private(key: str, value: str) -> None:
    assert private_entries({key: value}) == ()


def test_entries_are_shortened_and_fit_to_show() -> None:
    (entry,) = private_entries({"ss_comment": "two\nlines \x1b[31m" + "x" * 500})
    assert entry == PrivateEntry("ss_comment", "two lines [31m" + "x" * 185 + "…")


def reference(content: bytes) -> dict[str, Any]:
    """The tensors as the reference library reads them; their order is its own."""
    return dict(safetensors.deserialize(content))  # type: ignore[no-untyped-call]


def test_stripped_header_is_the_same_file_without_private_entries() -> None:
    file = io.BytesIO()
    write_lora(file, BaseModel.KLEIN_4B, seed="ink", name="ink", trigger_phrase="TOK")
    content = file.getvalue()
    before = read_header(io.BytesIO(content), len(content))
    raw = content[8 : before.data_start]
    stripped = strip_private(raw)
    assert len(stripped) == len(raw)
    assert b"ss_output_name" in raw
    assert b"ss_output_name" not in stripped
    changed = content[:8] + stripped + content[before.data_start :]
    after = read_header(io.BytesIO(changed), len(changed))
    assert (after.tensors, after.data_start) == (before.tensors, before.data_start)
    assert after.metadata == {key: value for key, value in before.metadata.items() if key != "ss_output_name"}
    assert private_entries(after.metadata) == ()
    assert reference(changed) == reference(content)


def test_what_inspection_finds_survives() -> None:
    metadata = {key: value for key, value in HARMLESS.items() if key != "ss_tag_frequency"} | PRIVATE
    raw = header_json(lora_shapes("flux2-klein-4b"), {**metadata, "modelspec.trigger_phrase": "TOK"})
    size = 8 + len(raw) + 2 * 23_101_440
    before, after = (
        inspect(read_header(io.BytesIO(struct.pack("<Q", len(text)) + text), size))
        for text in (raw, strip_private(raw))
    )
    assert len(before.private) == len(PRIVATE) - 1
    assert after.private == ()
    for field in ("family", "confidence", "applied", "rank", "suggested_trigger_phrase", "tool", "steps"):
        assert getattr(after, field) == getattr(before, field)


@pytest.mark.parametrize("metadata", [None, {}, HARMLESS])
def test_header_without_private_entries_stays_as_it_is(metadata: dict[str, str] | None) -> None:
    raw = header_json({"a": (1,)}, metadata)
    assert strip_private(raw) == raw
    assert strip_private(raw + b"  ") == raw + b"  "


@pytest.mark.parametrize("raw", [b"", b"{", b'{"a":1,"a":2}', b"\xff"])
def test_header_that_cannot_be_read_is_refused(raw: bytes) -> None:
    with pytest.raises(CheckpointError):
        strip_private(raw)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
keys = st.sampled_from(["ss_x", "name", "ss_steps", "author", "é", '"', "\\", "\u2028", "/home/jo"]) | texts


@given(
    metadata=st.dictionaries(keys, texts, max_size=6),
    ascii_only=st.booleans(),
    separators=st.sampled_from([(",", ":"), (", ", ": ")]),
)
@settings(max_examples=300, deadline=None)
def test_stripping_keeps_length_tensors_and_the_other_entries(
    metadata: dict[str, str], ascii_only: bool, separators: tuple[str, str]
) -> None:
    entries = {"__metadata__": metadata, "é": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}}
    raw = json.dumps(entries, ensure_ascii=ascii_only, separators=separators).encode()
    stripped = strip_private(raw)
    assert len(stripped) == len(raw)
    content = struct.pack("<Q", len(raw)) + stripped + bytes(4)
    header = read_header(io.BytesIO(content), len(content))
    assert reference(content)
    assert private_entries(header.metadata) == ()
    assert header.metadata.items() <= metadata.items()
    assert len(header.metadata) == len(metadata) - len(private_entries(metadata))
