"""The request schemas: what passes, what is refused, and what the defaults are."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from dashboard.bfl.inputs import KleinFinetunedInputs, KleinInputs, UltraFinetunedInputs
from dashboard.bfl.prices import PIXELS_PER_MP
from dashboard.bfl.schemas import Result, Status, Submission


def _klein(**fields: Any) -> KleinInputs:
    return KleinInputs.model_validate({"prompt": "x", **fields})


def _ultra(**fields: Any) -> UltraFinetunedInputs:
    return UltraFinetunedInputs.model_validate({"finetune_id": "a", **fields})


@pytest.mark.parametrize("height", [4097, 2**63])
def test_area_counts_the_default_width(height: int) -> None:
    assert _klein(height=4096).size == (1024, 4096)
    with pytest.raises(ValidationError, match="4 MP"):
        _klein(height=height)


@pytest.mark.parametrize("value", [None, 0, "0"])
def test_null_and_0_leave_a_side_open(value: Any) -> None:
    inputs = _klein(width=value, height=value)
    assert (inputs.width, inputs.height, inputs.size) == (None, None, (1024, 1024))


def test_optional_fields_may_be_null() -> None:
    names = ("seed", "output_format", "webhook_url", "webhook_secret", "input_image", "input_image_4")
    assert _klein(**dict.fromkeys(names)).images == {}


@pytest.mark.parametrize(
    ("field", "value", "kind"),
    [
        ("prompt", "\x00", "string_nul"),
        ("prompt", "x" * 100_001, "string_too_long"),
        ("width", 63, "greater_than_equal"),
        ("width", False, "greater_than_equal"),
        ("height", 100.5, "int_from_float"),
        ("seed", 2**64, "less_than_equal"),
        ("seed", "abc", "int_parsing"),
        ("safety_tolerance", 6, "less_than_equal"),
        ("safety_tolerance", None, "int_type"),
        ("output_format", "gif", "enum"),
        ("webhook_url", "", "string_too_short"),
        ("webhook_url", "https://x/\x00", "string_nul"),
        ("input_image", 5, "string_type"),
        ("input_image", "https://x/\ud800", "string_unicode"),
        ("webhook_secret", "\udfff", "string_unicode"),
    ],
)
def test_klein_refuses(field: str, value: Any, kind: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        _klein(**{field: value})
    (error,) = refusal.value.errors()
    assert (error["loc"], error["type"]) == ((field,), kind)


@given(width=st.integers(64, 70_000), height=st.integers(64, 70_000))
def test_area_of_4_mp_is_the_border(width: int, height: int) -> None:
    if width * height <= 4 * PIXELS_PER_MP:
        assert _klein(width=width, height=height).size == (width, height)
        return
    with pytest.raises(ValidationError) as refusal:
        _klein(width=width, height=height)
    assert refusal.value.errors()[0]["loc"] == ("width",)


def test_finetuned_klein_adds_two_fields() -> None:
    inputs = KleinFinetunedInputs.model_validate({"prompt": "x", "finetune_id": "owner/name", "steps": 4})
    assert (inputs.finetune_id, inputs.finetune_strength) == ("owner/name", 1.0)


@pytest.mark.parametrize("strength", [-0.1, 2.1, float("nan"), float("inf"), None])
def test_strength_is_0_to_2(strength: float | None) -> None:
    with pytest.raises(ValidationError):
        KleinFinetunedInputs.model_validate({"prompt": "x", "finetune_id": "a", "finetune_strength": strength})


@pytest.mark.parametrize(("ratio", "size"), [("16:9", (2720, 1536)), ("1:1", (2048, 2048)), ("9:21", (1328, 3120))])
def test_ultra_turns_a_ratio_into_about_4_mp(ratio: str, size: tuple[int, int]) -> None:
    assert _ultra(aspect_ratio=ratio).size == size


@pytest.mark.parametrize("ratio", ["22:9", "9:22", "1:0", "1", "a:b", "१:1", ":", "16:9 "])
def test_ultra_refuses_other_ratios(ratio: str) -> None:
    with pytest.raises(ValidationError, match="between 21:9 and 9:21"):
        _ultra(aspect_ratio=ratio)


def test_ultra_defaults_are_its_own() -> None:
    inputs = _ultra(safety_tolerance=6)
    assert (inputs.prompt, inputs.finetune_strength, inputs.images) == ("", 1.2, {})


def test_answers_keep_the_wire_s_key_order_with_nulls() -> None:
    assert list(Submission(id="1", polling_url="x").model_dump()) == [
        "id",
        "polling_url",
        "cost",
        "input_mp",
        "output_mp",
    ]
    assert Result(id="1", status=Status.PENDING).model_dump() == {
        "id": "1",
        "status": "Pending",
        "result": None,
        "progress": None,
        "details": None,
        "preview": None,
    }
