"""What trainers write into metadata: trigger words, tool, steps, alpha and hints at the base model."""

import json
import struct

import pytest

from finetunes.checkpoints.header import Tensor
from finetunes.checkpoints.inspection import Inspection, TriggerWords, inspect
from tests.checkpoints import lora_shapes, make_header


def look(metadata: dict[str, str], *, file_name: str = "", family: str = "flux2-klein-4b") -> Inspection:
    return inspect(make_header(lora_shapes(family, targets="first blocks"), metadata), file_name=file_name)


def tags(value: object) -> dict[str, str]:
    return {"ss_tag_frequency": json.dumps(value)}


CERTAIN = [
    (tags({"1_TOK ink": {"TOK ink": 1}}), TriggerWords("TOK ink", "ss_tag_frequency (AI-Toolkit)", True)),
    ({"modelspec.trigger_phrase": " TOK\nink "}, TriggerWords("TOK ink", "modelspec.trigger_phrase", True)),
    ({"trigger_phrase": "TOK"}, TriggerWords("TOK", "trigger_phrase", True)),
    ({"trainedWords": '["TOK ink"]'}, TriggerWords("TOK ink", "trainedWords", True)),
]
SUGGESTED = [
    (
        tags({"10_ohwx man": {"ohwx man": 20, "smiling": 7}}),
        [("ohwx man", "ss_tag_frequency, in 20 captions"), ("smiling", "ss_tag_frequency, in 7 captions")],
    ),
    (tags({"1_TOK": {"TOK": 2}}), [("TOK", "ss_tag_frequency, in 2 captions")]),
    (tags({"1_TOK": {"other": 1}}), [("other", "ss_tag_frequency, in 1 captions")]),
    ({"trainedWords": "ink, brush"}, [("ink", "trainedWords"), ("brush", "trainedWords")]),
    ({"modelspec.usage_hint": "Start with TOK."}, [("Start with TOK.", "modelspec.usage_hint")]),
    ({"modelspec.tags": "style, ink"}, [("style", "modelspec.tags"), ("ink", "modelspec.tags")]),
]
NOTHING = [
    {},
    tags({}),
    tags([]),
    tags({"a": ["b"]}),
    tags({"a": {"b": "many", "c": True, "d": -1, "e": 1.5, "f": None}}),
    {"ss_tag_frequency": "not JSON"},
    {"ss_tag_frequency": "[" * 100_000},
    {"ss_tag_frequency": '{"a":{"b":' + "9" * 5000 + "}}"},
    {"trigger_phrase": " \x00\u200b "},
    {"trainedWords": "[1, null, {}]"},
    {"trainedWords": '{"a": 1}'.replace("{", "[{").replace("}", "}]")},
]


@pytest.mark.parametrize(("metadata", "words"), CERTAIN)
def test_trigger_that_a_trainer_wrote_is_certain(metadata: dict[str, str], words: TriggerWords) -> None:
    found = look(metadata)
    assert found.trigger_words == (words,)
    assert found.suggested_trigger_phrase == words.text


@pytest.mark.parametrize(("metadata", "words"), SUGGESTED)
def test_captions_and_hints_are_suggestions(metadata: dict[str, str], words: list[tuple[str, str]]) -> None:
    found = look(metadata)
    assert found.trigger_words == tuple(TriggerWords(text, source, False) for text, source in words)
    assert found.suggested_trigger_phrase == ""


@pytest.mark.parametrize("metadata", NOTHING)
def test_what_is_no_trigger_is_left_out(metadata: dict[str, str]) -> None:
    assert look(metadata).trigger_words == ()


def test_certain_words_come_first_and_none_twice() -> None:
    metadata = {"modelspec.tags": "TOK, ink", "trigger_phrase": "TOK", **tags({"a": {"ink": 5, "TOK": 4}})}
    assert [(words.text, words.certain) for words in look(metadata).trigger_words] == [("TOK", True), ("ink", False)]


def test_trigger_words_are_fit_to_show() -> None:
    metadata = tags({"a": {"\ud800" * 3 + "x" * 5000: 3, "evil\u202e\x1b[31m": 2}})
    first, second = look(metadata).trigger_words
    assert first.text == "x" * 199 + "…"
    assert second.text == "evil [31m"


def test_suggestions_are_few() -> None:
    assert len(look(tags({"a": {f"tag {n}": n for n in range(1000)}})).trigger_words) == 5


@pytest.mark.parametrize(
    ("metadata", "tool"),
    [
        ({"software": '{"name":"ai-toolkit","version":"0.7.1","repo":"https://example.com"}'}, "ai-toolkit 0.7.1"),
        ({"software": '{"name":"ai-toolkit"}'}, "ai-toolkit"),
        ({"software": '{"name":["x"]}', "ss_network_module": "networks.lora_flux_2"}, "musubi-tuner"),
        ({"ss_network_module": "networks.lora_flux"}, "sd-scripts"),
        ({"ss_network_module": "lycoris.kohya"}, "sd-scripts with LyCORIS"),
        ({"ss_network_module": "my.module"}, "my.module"),
        ({"ss_network_module": "/home/jo/module"}, ""),
        ({"ot_branch": "master", "ot_config": "{}"}, "OneTrainer"),
        ({"lora_adapter_metadata": "{}"}, "diffusers"),
        ({"software": "[" * 100_000}, ""),
        ({}, ""),
    ],
)
def test_tool_is_named(metadata: dict[str, str], tool: str) -> None:
    assert look(metadata).tool == tool


@pytest.mark.parametrize(
    ("metadata", "steps"),
    [
        ({"training_info": '{"step": 2000, "epoch": 10}'}, 2000),
        ({"ss_steps": "1600"}, 1600),
        ({"training_info": '{"step": 0}', "ss_steps": "5"}, 0),
        ({"ss_steps": "-3"}, None),
        ({"ss_steps": "many"}, None),
        ({"ss_steps": "9" * 400}, None),
        ({"ss_steps": "inf"}, None),
        ({"training_info": '{"step": true}'}, None),
        ({"training_info": '{"step": ' + "9" * 4000 + "}"}, None),
    ],
)
def test_steps_are_counted(metadata: dict[str, str], steps: int | None) -> None:
    assert look(metadata).steps == steps


@pytest.mark.parametrize(
    ("metadata", "alpha"),
    [
        ({}, 16),
        ({"ss_network_alpha": "8.0"}, 8),
        ({"ss_network_alpha": "nan"}, 16),
        ({"ss_network_alpha": "1e999"}, 16),
        ({"lora_adapter_metadata": '{"transformer.lora_alpha": 32}'}, 32),
        ({"lora_adapter_metadata": '{"transformer.lora_alpha": "x", "lora_alpha": 4}'}, 4),
        ({"lora_adapter_metadata": '{"transformer.lora_alpha": NaN}'}, 16),
        ({"ss_network_alpha": "8", "lora_adapter_metadata": '{"transformer.lora_alpha": 32}'}, 8),
    ],
)
def test_alpha_comes_from_metadata_or_is_the_rank(metadata: dict[str, str], alpha: float) -> None:
    assert look(metadata).alpha == alpha


@pytest.mark.parametrize(
    ("dtype", "data", "alpha"),
    [
        ("BF16", struct.pack("<f", 8)[2:], 8),
        ("F16", struct.pack("<e", 0.5), 0.5),
        ("F32", struct.pack("<f", 4), 4),
        ("F64", struct.pack("<d", 2), 2),
        ("I64", struct.pack("<q", 3), 3),
        ("F32", struct.pack("<f", float("nan")), 32),
        ("F32", b"", 32),
        ("F8_E4M3", b"\1", 32),
    ],
)
def test_alpha_inside_the_file_comes_first(dtype: str, data: bytes, alpha: float) -> None:
    asked: list[Tensor] = []

    def read_tensor(tensor: Tensor) -> bytes:
        asked.append(tensor)
        return data

    shapes = lora_shapes("flux2-klein-4b", "kohya", "first blocks", alpha=True)
    header = make_header(shapes, {"ss_network_alpha": "32"}, dtype)
    assert inspect(header, read_tensor=read_tensor).alpha == alpha
    assert [tensor.name for tensor in asked] == [name for name in shapes if name.endswith(".alpha")]


def test_most_common_alpha_wins_and_large_ones_are_never_read() -> None:
    shapes = lora_shapes("flux2-klein-4b", "kohya", "first blocks", alpha=True)
    names = [name for name in shapes if name.endswith(".alpha")]
    shapes[names[0]] = (1000,)
    values = dict(zip(names[1:], [4.0, 4.0, *[16.0] * len(names)], strict=False))

    def read_tensor(tensor: Tensor) -> bytes:
        return struct.pack("<f", values[tensor.name])

    assert inspect(make_header(shapes, dtype="F32"), read_tensor=read_tensor).alpha == 16


def test_alpha_of_zero_is_warned_of() -> None:
    assert any("alpha is 0" in warning for warning in look({"ss_network_alpha": "0"}).warnings)
    assert look({"ss_network_alpha": "1"}).warnings == ()


@pytest.mark.parametrize(
    ("metadata", "file_name", "trained_on"),
    [
        ({}, "", ""),
        ({"ss_base_model_version": "flux2_klein_4b"}, "", "FLUX.2 [klein] 4B, says ss_base_model_version"),
        (
            {
                "ss_base_model_version": "flux_2_klein_4b",
                "ss_sd_model_name": "C:\\secret\\flux-2-klein-base-4b.safetensors",
            },
            "",
            "FLUX.2 [klein] Base 4B, says ss_sd_model_name",
        ),
        ({"modelspec.title": "Ink for klein-base-4b"}, "", "FLUX.2 [klein] Base 4B, says modelspec.title"),
        ({}, "ink-base-4b.safetensors", "FLUX.2 [klein] Base 4B, says the name of the file"),
        ({}, "my-qwen-and-sdxl-flux.safetensors", ""),
        ({"ss_sd_model_name": "/models/flux-2-klein-9b/x.safetensors"}, "", ""),
    ],
)
def test_hint_at_what_it_was_trained_on_is_shown(metadata: dict[str, str], file_name: str, trained_on: str) -> None:
    found = look(metadata, file_name=file_name)
    assert found.trained_on == trained_on
    assert found.family == "flux2-klein-4b"


def test_name_of_the_file_decides_no_family() -> None:
    shapes = lora_shapes("flux2-klein-4b", targets="first attention")
    assert inspect(make_header(shapes), file_name="klein-base-4b.safetensors").family == "ambiguous"
