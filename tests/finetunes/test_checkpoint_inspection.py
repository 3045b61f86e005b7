"""Inspection over every layout, family and set of targets, and the samples of each known trainer."""

import json

import pytest

from dashboard.bfl.endpoints import BaseModel
from finetunes.checkpoints.inspection import Confidence, Family, Inspection, Kind, Layout, inspect
from tests.checkpoints import (
    LAYOUTS,
    MODELS,
    TARGETS,
    Shapes,
    full_shapes,
    loha_shapes,
    lokr_shapes,
    lora_shapes,
    make_header,
    modules,
)


def inspect_shapes(shapes: Shapes, metadata: dict[str, str] | None = None, *, file_name: str = "") -> Inspection:
    return inspect(make_header(shapes, metadata), file_name=file_name)


@pytest.mark.parametrize("targets", TARGETS)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("family", MODELS)
def test_every_layout_of_every_family_is_known(family: str, layout: str, targets: str) -> None:
    found = inspect_shapes(lora_shapes(family, layout, targets, rank=24))
    count = len(modules(family, layout, targets))
    assert (found.family, found.kind, found.rank, found.ranks) == (family, Kind.LORA, 24, {24: count})
    assert found.layout == layout.partition(" with ")[0]
    # Attention alone has the same names and shapes in FLUX.1 and klein 4B: the blocks decide, which proves less.
    assert found.confidence == (Confidence.LIKELY if targets == "attention only" else Confidence.CERTAIN)
    assert (found.modules, found.applied, found.unknown, found.dropped) == (count, count, (), ())
    assert found.coverage == f"{count} of {count} layers apply."
    assert found.candidates == (found.family,)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("family", MODELS)
def test_lokr_is_known_in_every_layout(family: str, layout: str) -> None:
    found = inspect_shapes(lokr_shapes(family, layout))
    assert (found.family, found.kind, found.rank) == (family, Kind.LOKR, 4)
    assert found.applied == found.modules == len(modules(family, layout))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("family", ["flux2-klein-4b", "flux1"])
def test_attention_of_few_blocks_is_ambiguous(family: str, layout: str) -> None:
    found = inspect_shapes(lora_shapes(family, layout, "first attention"))
    assert (found.family, found.confidence) == (Family.AMBIGUOUS, Confidence.AMBIGUOUS)
    assert found.candidates == (Family.KLEIN_4B, Family.FLUX1)
    assert found.family_label == "FLUX.2 [klein] 4B or FLUX.1"
    assert found.base_models == (BaseModel.KLEIN_4B, BaseModel.KLEIN_BASE_4B)
    assert found.suggested_base_model is None
    assert found.applied == found.modules > 0
    assert "Attention input is 3072 wide." in found.evidence


@pytest.mark.parametrize(
    ("version", "family"),
    [("flux2_klein_4b", Family.KLEIN_4B), ("flux1", Family.FLUX1), ("flux_2_klein_4b", Family.KLEIN_4B)],
)
def test_metadata_decides_what_shapes_leave_open(version: str, family: Family) -> None:
    found = inspect_shapes(lora_shapes("flux2-klein-4b", targets="first attention"), {"ss_base_model_version": version})
    assert (found.family, found.confidence, found.warnings) == (family, Confidence.LIKELY, ())
    assert any("ss_base_model_version" in sentence for sentence in found.evidence)


def test_metadata_that_shapes_rule_out_decides_nothing() -> None:
    shapes = lora_shapes("flux2-klein-4b", targets="first attention")
    found = inspect_shapes(shapes, {"ss_base_model_version": "flux2_klein_9b"})
    assert found.family == Family.AMBIGUOUS
    assert any("FLUX.2 [klein] 9B (ss_base_model_version)" in warning for warning in found.warnings)


def test_shapes_beat_metadata_and_the_conflict_is_told() -> None:
    found = inspect_shapes(lora_shapes("flux2-klein-9b"), {"ss_base_model_version": "flux2_klein_4b"})
    assert (found.family, found.confidence) == (Family.KLEIN_9B, Confidence.CERTAIN)
    (warning,) = found.warnings
    assert "FLUX.2 [klein] 4B" in warning
    assert "FLUX.2 [klein] 9B" in warning
    assert "Shapes decide" in warning


def test_evidence_names_the_facts() -> None:
    evidence = inspect_shapes(lora_shapes("flux2-klein-4b")).evidence
    assert "Attention input is 3072 wide." in evidence
    assert "img_mlp.0 is 18432 × 3072, as in FLUX.2 [klein] 4B; in FLUX.1 it is 12288 × 3072." in evidence
    assert "It reaches 5 double and 20 single blocks, as many as FLUX.2 [klein] 4B has." in evidence
    names = inspect_shapes(lora_shapes("flux1", "diffusers")).evidence
    assert "Only FLUX.1 has a layer named transformer_blocks.0.ff.net.0.proj." in names


def test_one_block_of_mlp_is_enough_to_be_certain() -> None:
    shapes: Shapes = {
        "diffusion_model.double_blocks.0.img_mlp.0.lora_A.weight": (8, 3072),
        "diffusion_model.double_blocks.0.img_mlp.0.lora_B.weight": (18432, 8),
    }
    found = inspect_shapes(shapes)
    assert (found.family, found.confidence, found.blocks) == (Family.KLEIN_4B, Confidence.CERTAIN, "1 double")


def test_full_model_is_no_adapter() -> None:
    found = inspect_shapes(full_shapes("flux2-klein-4b"))
    assert (found.kind, found.family, found.layout) == (Kind.FULL, Family.KLEIN_4B, Layout.BFL)
    assert (found.modules, found.applied, found.rank, found.alpha) == (0, 0, None, None)
    assert found.parameters > 3.8e9


@pytest.mark.parametrize("family", MODELS)
def test_full_model_of_every_family_is_told_by_its_text_input(family: str) -> None:
    shapes: Shapes = {"txt_in.weight": (MODELS[family].hidden, MODELS[family].text)}
    assert inspect_shapes(shapes).family == family


def test_loha_is_known_and_applies_nowhere() -> None:
    found = inspect_shapes(loha_shapes("flux2-klein-9b"))
    assert (found.kind, found.family, found.rank) == (Kind.LOHA, Family.KLEIN_9B, 8)
    assert (found.applied, len(found.dropped), found.coverage) == (0, 112, "0 of 112 layers apply, 112 are dropped.")


def test_dora_applies_without_its_scales() -> None:
    shapes = lora_shapes("flux2-klein-4b", "kohya")
    names = modules("flux2-klein-4b", "kohya")
    shapes |= {f"{name}.dora_scale": (outputs, 1) for name, (outputs, _) in names.items()}
    found = inspect_shapes(shapes)
    assert (found.kind, found.applied, found.modules) == (Kind.DORA, 80, 80)
    assert found.dropped == tuple(f"{name}.dora_scale" for name in names)
    assert any("80 DoRA scales are dropped" in warning for warning in found.warnings)


def test_peft_keeps_magnitudes_of_a_dora_under_its_own_name() -> None:
    shapes = lora_shapes("flux2-klein-4b", "peft with an adapter name", "first blocks")
    for name, (outputs, _) in modules("flux2-klein-4b", "peft with an adapter name", "first blocks").items():
        shapes[f"{name}.lora_magnitude_vector.default.weight"] = (outputs,)
    assert inspect_shapes(shapes).kind == Kind.DORA


def test_oft_is_of_another_kind() -> None:
    shapes: Shapes = {f"{name}.oft_blocks": (4, 8, 8) for name in modules("flux2-klein-4b", "kohya")}
    found = inspect_shapes(shapes)
    assert (found.kind, found.applied, found.modules) == (Kind.OTHER, 0, 80)


def test_differences_beside_a_lora_are_extras() -> None:
    shapes = lora_shapes("flux2-klein-4b")
    shapes |= {f"diffusion_model.double_blocks.{n}.img_norm.diff": (128,) for n in range(200)}
    found = inspect_shapes(shapes)
    assert (found.kind, found.applied, found.modules, len(found.dropped)) == (Kind.LORA, 80, 280, 200)
    assert found.coverage == "80 of 280 layers apply, 200 are dropped."


SUGGESTIONS = [
    ("flux2-klein-4b", {}, "", BaseModel.KLEIN_4B),
    ("flux2-klein-9b", {}, "", BaseModel.KLEIN_9B),
    ("flux2-klein-9b", {}, "ink-klein-9b-kv.safetensors", BaseModel.KLEIN_9B_KV),
    ("flux2-klein-9b", {"ss_sd_model_name": "/models/flux-2-klein-9b-kv.safetensors"}, "", BaseModel.KLEIN_9B_KV),
    ("flux2-klein-4b", {}, "ink-klein-9b-kv.safetensors", BaseModel.KLEIN_4B),
    ("flux2-klein-9b", {"ss_sd_model_name": "flux-2-klein-base-9b.safetensors"}, "", BaseModel.KLEIN_9B),
    ("flux2-dev", {}, "", None),
    ("flux1", {}, "klein-9b-kv", None),
]


@pytest.mark.parametrize(("family", "metadata", "file_name", "base_model"), SUGGESTIONS)
def test_base_model_is_suggested(
    family: str, metadata: dict[str, str], file_name: str, base_model: BaseModel | None
) -> None:
    found = inspect_shapes(lora_shapes(family), metadata, file_name=file_name)
    assert found.suggested_base_model == base_model
    assert base_model is None or base_model in found.base_models


def test_facts_are_json_bounded_and_hold_no_private_value() -> None:
    shapes = lora_shapes("flux2-klein-4b", rank=4)
    shapes |= {f"unknown.{n}.{'x' * 300}.lora_A.weight": (n + 5, 2) for n in range(500)}
    metadata = {
        "ss_training_comment": "secret comment",
        "ss_sd_model_name": "/home/secret/flux-2-klein-base-4b.safetensors",
        "ss_tag_frequency": json.dumps({"secret folder": {"secret caption": 3}}),
        "trigger_phrase": "TOK",
        "modelspec.trigger_phrase": "/home/secret/trigger",
    }
    facts = inspect_shapes(shapes, metadata).as_facts()
    text = json.dumps(facts, allow_nan=False)
    assert len(text) < 12_000
    assert "secret" not in text
    assert (facts["unknown_count"], len(facts["unknown"])) == (500, 20)
    assert facts["trigger_words"] == [{"text": "TOK", "source": "trigger_phrase"}]
    assert facts["trained_on"] == "FLUX.2 [klein] Base 4B, says ss_sd_model_name"
    assert facts["private"] == [
        "ss_training_comment", "ss_sd_model_name", "ss_tag_frequency", "modelspec.trigger_phrase"
    ]  # fmt: skip
