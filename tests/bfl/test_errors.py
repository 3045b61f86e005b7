"""Error bodies: how ours are written and how others' are read."""

from typing import Any

import pytest

from dashboard.bfl.errors import UpstreamError, error_body, read_detail, validation_body

ERRORS: list[dict[str, Any]] = [
    {"loc": ("prompt",), "msg": "Field required", "type": "missing", "input": {"secret": 1}, "url": "x"},
    {"loc": ("width",), "msg": "Too small", "type": "greater_than_equal"},
]


def test_error_carries_detail_and_message() -> None:
    assert error_body("Not Found") == {"detail": "Not Found", "message": "Not Found"}


def test_validation_body_says_where_and_keeps_the_input_to_itself() -> None:
    body = validation_body(ERRORS, "body")
    assert body["detail"] == [
        {"loc": ["body", "prompt"], "msg": "Field required", "type": "missing"},
        {"loc": ["body", "width"], "msg": "Too small", "type": "greater_than_equal"},
    ]
    assert body["message"] == "prompt: Field required; width: Too small"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"detail": "Insufficient credits"}, "Insufficient credits"),
        ({"message": "no"}, "no"),
        ({"error": "no"}, "no"),
        (validation_body(ERRORS, "body"), "prompt: Field required; width: Too small"),
        ({"detail": [{"loc": ["body"], "msg": "Field required"}]}, "body: Field required"),
        ({"detail": []}, "no readable error body"),
        ({"detail": [{"loc": 5, "msg": "x"}, "x", {"msg": "x"}]}, "no readable error body"),
        ({}, "no readable error body"),
        ([], "no readable error body"),
        (None, "no readable error body"),
    ],
)
def test_detail_is_read_in_every_known_shape(body: Any, text: str) -> None:
    assert read_detail(body) == text


def test_upstream_error_names_its_status() -> None:
    assert str(UpstreamError("gone", permanent=False)) == "no answer: gone"
    assert str(UpstreamError("gone", status=500, permanent=False)) == "500: gone"
