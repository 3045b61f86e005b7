"""What the sandbox refuses, and in which words."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from dashboard.sandbox.server import Sandbox
from tests.sandbox.conftest import FINETUNED, KLEIN, Caller


@pytest.fixture
def strict(session: requests.Session) -> Iterator[Caller]:
    with Sandbox(seconds=0, finetunes=["ink-portrait"], only_known=True) as sandbox:
        yield Caller(session, sandbox)


def _post_raw(caller: Caller, body: bytes, endpoint: str = KLEIN) -> requests.Response:
    return caller.session.post(f"{caller.sandbox.url}/v1/{endpoint}", data=body, timeout=5)


@pytest.mark.parametrize("path", ["/v1/credits", "/v1/my_finetunes", "/v1/finetune_details?finetune_id=a"])
@pytest.mark.parametrize("headers", [{}, {"x-key": ""}, {"authorization": "Bearer k"}])
def test_missing_key_is_403(sandbox: Sandbox, path: str, headers: dict[str, str]) -> None:
    answer = requests.get(sandbox.url + path, headers=headers, timeout=5)
    assert answer.status_code == 403
    assert answer.json()["detail"] == "Not authenticated - Invalid Authentication"


def test_submission_without_a_key_is_403(sandbox: Sandbox) -> None:
    answer = requests.post(f"{sandbox.url}/v1/{KLEIN}", json={"prompt": "x"}, timeout=5)
    assert answer.status_code == 403


def test_key_may_come_as_authorization(sandbox: Sandbox) -> None:
    answer = requests.get(f"{sandbox.url}/v1/credits", headers={"authorization": "X-Key k"}, timeout=5)
    assert answer.status_code == 200


@pytest.mark.parametrize("path", ["/", "/v1/flux-3", "/v1/", "/v1/credits/", "/admin"])
def test_unknown_route_is_404(caller: Caller, path: str) -> None:
    answer = caller.get(path)
    assert (answer.status_code, answer.json()["detail"]) == (404, "Not Found")


def test_wrong_method_is_405_and_names_the_right_one(caller: Caller) -> None:
    answer = caller.get(f"/v1/{KLEIN}")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert caller.session.delete(f"{caller.sandbox.url}/v1/credits", timeout=5).status_code == 405


@pytest.mark.parametrize(
    ("body", "loc", "kind"),
    [
        (b'{"prompt": ', ["body", 11], "json_invalid"),
        (b"\xff\xfe\x00", ["body", 0], "json_invalid"),
        (b"[" * 100_000, ["body", 0], "json_invalid"),
        (b"", ["body"], "missing"),
        (b"[]", ["body"], "model_attributes_type"),
        (b"{}", ["body", "prompt"], "missing"),
        (b'{"prompt": 1}', ["body", "prompt"], "string_type"),
        (b'{"prompt": "\\ud800"}', ["body", "prompt"], "string_unicode"),
        (b'{"prompt": "x", "width": 63}', ["body", "width"], "greater_than_equal"),
        (b'{"prompt": "x", "width": 4096, "height": 4096}', ["body", "width"], "area_too_large"),
        (b'{"prompt": "x", "safety_tolerance": 6}', ["body", "safety_tolerance"], "less_than_equal"),
    ],
)
def test_invalid_body_is_422_in_the_form_of_fastapi(caller: Caller, body: bytes, loc: list[Any], kind: str) -> None:
    answer = _post_raw(caller, body)
    assert answer.status_code == 422
    (error,) = answer.json()["detail"]
    assert list(error) == ["loc", "msg", "type"]
    assert (error["loc"], error["type"]) == (loc, kind)


def test_finetuned_endpoint_wants_a_finetune(caller: Caller) -> None:
    answer = _post_raw(caller, b'{"prompt": "x", "finetune_strength": NaN}', FINETUNED)
    fields = {error["loc"][1]: error["type"] for error in answer.json()["detail"]}
    assert fields == {"finetune_id": "missing", "finetune_strength": "less_than_equal"}


@pytest.mark.parametrize(("path", "name"), [("get_result", "id"), ("finetune_details", "finetune_id")])
def test_missing_query_parameter_is_422(caller: Caller, path: str, name: str) -> None:
    answer = caller.get(f"/v1/{path}")
    assert answer.status_code == 422
    assert answer.json()["detail"] == [{"loc": ["query", name], "msg": "Field required", "type": "missing"}]


@pytest.mark.parametrize("finetune_id", ["Upper", "a/b/c", "", "a b", "x" * 200])
def test_malformed_finetune_is_404(caller: Caller, finetune_id: str) -> None:
    answer = caller.submit(FINETUNED, finetune_id=finetune_id)
    assert (answer.status_code, answer.json()["detail"]) == (404, "Finetune not found")


def test_only_known_finetunes_count_where_asked_for(strict: Caller) -> None:
    assert strict.submit(FINETUNED, finetune_id="ink-portrait").status_code == 200
    assert strict.submit(FINETUNED, finetune_id="other").status_code == 404
    assert strict.get("/v1/my_finetunes").json() == {"finetunes": ["ink-portrait"]}
    assert strict.get("/v1/finetune_details?finetune_id=other").status_code == 404


def test_unknown_fields_and_nulls_are_accepted(caller: Caller) -> None:
    nulls = dict.fromkeys(("seed", "width", "height", "input_image", "output_format", "webhook_url"))
    answer = caller.session.post(
        f"{caller.sandbox.url}/v1/{KLEIN}", json={"prompt": "x", "raw": True, "steps": 4, **nulls}, timeout=5
    )
    assert (answer.status_code, answer.json()["output_mp"]) == (200, 1.0)


def test_body_above_the_cap_is_413_and_the_answer_arrives(caller: Caller) -> None:
    body = json.dumps({"prompt": "x", "input_image": "A" * (113 << 20)}).encode()
    answer = _post_raw(caller, body)
    assert answer.status_code == 413
    assert answer.headers["connection"] == "close"


def test_chunked_body_is_read(caller: Caller) -> None:
    parts = iter([b'{"prompt": ', b'"a lighthouse"', b"}"])
    answer = caller.session.post(f"{caller.sandbox.url}/v1/{KLEIN}", data=parts, timeout=5)
    assert answer.status_code == 200
    assert caller.get("/v1/credits").status_code == 200
