"""Faults on demand: by marker in the prompt and by count."""

import time
from typing import Any

import pytest
import requests

from dashboard.sandbox.faults import Fault, Faults, parse_fault
from tests.sandbox.conftest import Caller

REASONS = {"Moderation Reasons": ["Sandbox"]}
ENDS = [
    ("request_moderated", "[Request Moderated]", "Request Moderated", REASONS),
    ("content_moderated", "[content moderated]", "Content Moderated", REASONS),
    ("error", "[ERROR]", "Error", {"error": "The sandbox was asked to fail."}),
]


@pytest.mark.parametrize(("_", "marker", "status", "details"), ENDS)
def test_marker_decides_the_end(caller: Caller, _: str, marker: str, status: str, details: Any) -> None:
    ended = caller.finish(prompt=f"a fox {marker} in snow")
    assert (ended["status"], ended["details"], ended["result"]) == (status, details, None)


@pytest.mark.parametrize(("name", "_", "status", "details"), ENDS)
def test_count_decides_the_end_of_the_next_one(caller: Caller, name: str, _: str, status: str, details: Any) -> None:
    caller.sandbox.faults = Faults(**{name: 1})
    ended = caller.finish()
    assert (ended["status"], ended["details"]) == (status, details)
    assert caller.finish()["status"] == "Ready"


def test_slow_marker_keeps_a_job_pending_that_long(caller: Caller) -> None:
    started = time.monotonic()
    assert caller.finish(prompt="[slow 0.3] [error]")["status"] == "Error"
    assert time.monotonic() - started >= 0.3


def test_slow_by_count_keeps_a_job_pending(caller: Caller) -> None:
    caller.sandbox.faults.slow = 1
    polling_url = caller.submit().json()["polling_url"]
    time.sleep(0.15)
    assert requests.get(polling_url, timeout=5).json()["status"] == "Pending"


def test_429_says_when_to_come_back_and_charges_nothing(caller: Caller) -> None:
    caller.sandbox.faults.too_many = 2
    answers = [caller.submit() for _ in range(3)]
    assert [answer.status_code for answer in answers] == [429, 429, 200]
    assert answers[0].headers["retry-after"] == "1"
    assert caller.get("/v1/credits").json()["credits"] == pytest.approx(9998.6)


def test_500_has_a_body_like_any_error(caller: Caller) -> None:
    caller.sandbox.faults.server_error = 1
    answer = caller.submit()
    assert (answer.status_code, answer.json()["detail"]) == (500, "Internal Server Error")


def test_dropped_connection_gives_no_answer_and_leaves_no_job(caller: Caller) -> None:
    caller.sandbox.faults.dropped = 1
    with pytest.raises(requests.ConnectionError):
        caller.submit()
    assert caller.get("/v1/credits").json()["credits"] == 10_000
    assert caller.submit().status_code == 200


def test_invalid_submission_uses_no_fault_up(caller: Caller) -> None:
    caller.sandbox.faults.too_many = 1
    assert caller.submit(width=63).status_code == 422
    assert caller.submit().status_code == 429


def test_option_is_read() -> None:
    faults = Faults()
    for text in ("429:2", "dropped", "request-moderated:1"):
        faults.add(*parse_fault(text))
    assert faults == Faults(too_many=2, dropped=1, request_moderated=1)
    assert [faults.take() for _ in range(5)] == [
        Fault.DROPPED,
        Fault.TOO_MANY,
        Fault.TOO_MANY,
        Fault.REQUEST_MODERATED,
        None,
    ]


@pytest.mark.parametrize("text", ["418", "429:-1", "429:x", ""])
def test_bad_option_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no fault is called|is no count"):
        parse_fault(text)
