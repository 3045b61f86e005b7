"""The writer of demo checkpoints: real names and shapes, valid for the reference library, the same everywhere."""

import hashlib
import io
import json
import struct
from collections import Counter
from pathlib import Path

import pytest
import safetensors

from dashboard.bfl.endpoints import BaseModel
from finetunes.checkpoints.header import Header, read_header
from finetunes.checkpoints.klein import GEOMETRIES
from finetunes.checkpoints.writer import write_lora


def write(base_model: str, *, seed: str = "ink", rank: int = 1, trigger_phrase: str = "") -> bytes:
    file = io.BytesIO()
    write_lora(file, base_model, seed=seed, rank=rank, name="ink-portrait", trigger_phrase=trigger_phrase)
    return file.getvalue()


def shapes(content: bytes) -> dict[str, tuple[int, ...]]:
    return {tensor.name: tensor.shape for tensor in header_of(content).tensors}


WRITTEN = [base_model for base_model in BaseModel if base_model.takes_checkpoint]


def header_of(content: bytes) -> Header:
    return read_header(io.BytesIO(content), len(content))


@pytest.mark.parametrize("base_model", WRITTEN)
def test_file_is_valid_for_us_and_for_the_reference(base_model: BaseModel) -> None:
    content = write(base_model)
    names = {name for name, _ in safetensors.deserialize(content)}  # type: ignore[no-untyped-call]
    assert names == set(shapes(content))


def test_names_and_shapes_are_those_of_klein_4b() -> None:
    found = shapes(write(BaseModel.KLEIN_4B, rank=2))
    assert len(found) == 2 * (5 * 8 + 20 * 2)
    assert found["diffusion_model.double_blocks.0.img_attn.qkv.lora_A.weight"] == (2, 3072)
    assert found["diffusion_model.double_blocks.4.txt_attn.qkv.lora_B.weight"] == (9216, 2)
    assert found["diffusion_model.double_blocks.4.img_mlp.0.lora_B.weight"] == (18432, 2)
    assert found["diffusion_model.double_blocks.4.img_mlp.2.lora_A.weight"] == (2, 9216)
    assert found["diffusion_model.single_blocks.19.linear1.lora_B.weight"] == (27648, 2)
    assert found["diffusion_model.single_blocks.19.linear2.lora_A.weight"] == (2, 12288)


def test_names_and_shapes_are_those_of_klein_9b() -> None:
    found = shapes(write(BaseModel.KLEIN_9B_KV))
    assert len(found) == 2 * (8 * 8 + 24 * 2)
    assert found["diffusion_model.double_blocks.7.txt_attn.proj.lora_A.weight"] == (1, 4096)
    assert found["diffusion_model.single_blocks.23.linear1.lora_B.weight"] == (36864, 1)


@pytest.mark.parametrize(
    ("base_model", "parameters"), [("flux-2-klein-4b", 470 * 3072), ("flux-2-klein-9b", 632 * 4096)]
)
def test_size_is_that_of_every_linear_layer(base_model: str, parameters: int) -> None:
    content = write(base_model)
    assert len(content) - header_of(content).data_start == 2 * parameters


def test_metadata_carries_family_and_trigger_phrase() -> None:
    metadata = header_of(write(BaseModel.KLEIN_BASE_9B, trigger_phrase="TOK ink")).metadata
    assert metadata["ss_base_model_version"] == "flux2_klein_9b"
    assert json.loads(metadata["ss_tag_frequency"]) == {"1_TOK ink": {"TOK ink": 1}}


def test_same_seed_gives_the_same_bytes_on_every_system() -> None:
    content = write(BaseModel.KLEIN_4B, seed="ink", trigger_phrase="TOK")
    assert content == write(BaseModel.KLEIN_4B, seed="ink", trigger_phrase="TOK")
    assert hashlib.sha256(content).hexdigest() == ("9e62064c3f45481b84ea89da9353402a41619559768cc675b73283c1bbfe8d6f")
    assert content != write(BaseModel.KLEIN_4B, seed="oil", trigger_phrase="TOK")


def test_weights_are_small_and_of_both_signs() -> None:
    content = write(BaseModel.KLEIN_4B)
    words = struct.unpack_from("<1000H", content, header_of(content).data_start)
    weights = [struct.unpack("<f", struct.pack("<I", word << 16))[0] for word in words]
    assert all(1 / 128 <= abs(weight) < 1 / 32 for weight in weights)
    signs = Counter(weight > 0 for weight in weights)
    assert min(signs[True], signs[False]) > 400
    assert len(set(weights)) > 200


def test_file_is_written_to_disk_as_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "lora.safetensors"
    with path.open("wb") as file:
        write_lora(file, BaseModel.KLEIN_4B, seed="ink", name="ink-portrait")
    assert path.read_bytes() == write(BaseModel.KLEIN_4B)


def test_every_base_model_has_a_geometry() -> None:
    assert set(GEOMETRIES) == set(WRITTEN)
