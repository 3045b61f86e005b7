"""The /v1 routes on the wire: bodies, key order and errors as BFL's clients expect them."""

import json
import re
from typing import Any

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from dashboard.bfl.endpoints import FINETUNED_ENDPOINTS
from dashboard.organizations.models import Organization
from dashboard.organizations.services.keys import mint_api_key, revoke_api_key
from playground.models import Generation
from tests.conftest import Cast, read_file
from tests.factories import make_finetune, make_organization
from tests.playground.conftest import run_steps
from tests.playground.test_generate import picture

ENDPOINT = "/v1/flux-2-klein-4b-finetuned"
BODY = {"finetune_id": "ink-portrait", "prompt": "TOK in the rain", "width": 64, "height": 64}


def key_of(organization: Organization) -> str:
    return mint_api_key(organization, "test")[1]


@pytest.fixture
def key(cast: Cast) -> str:
    return key_of(cast.organization)


def post(body: Any, key: str | None, path: str = ENDPOINT, **headers: str) -> Any:
    content = body if isinstance(body, bytes) else json.dumps(body)
    keyed = {"x-key": key, **headers} if key else headers
    return Client().post(path, content, content_type="application/json", headers=keyed)


def test_submission_answers_in_the_wires_order_and_compact(key: str) -> None:
    response = post(BODY, key)
    generation = Generation.objects.get()
    assert response.status_code == 200
    assert response.content.decode() == (
        f'{{"id":"{generation.id}","polling_url":"http://127.0.0.1:8000/v1/get_result?id={generation.id}",'
        '"cost":1.4,"input_mp":0.0,"output_mp":0.0}'
    )
    assert generation.api_key is not None
    assert not response.cookies


@pytest.mark.parametrize("endpoint", FINETUNED_ENDPOINTS, ids=lambda endpoint: endpoint.name)
def test_each_endpoint_takes_the_finetunes_that_it_serves(cast: Cast, key: str, endpoint: Any) -> None:
    make_finetune(cast.organization, "fits", base_model=endpoint.base_model, precision=endpoint.precision)
    body = {"finetune_id": "fits", "prompt": "", "image": picture((64, 64))}
    assert post(body, key, endpoint.path).status_code == 200


def test_poll_gives_pending_then_the_sample_behind_a_signed_url(sandbox: object, key: str) -> None:
    submitted = post({**BODY, "seed": 2**64 - 1}, key).json()
    pending = Client().get(f"/v1/get_result?id={submitted['id']}")
    assert pending.content.decode() == (
        f'{{"id":"{submitted["id"]}","status":"Pending","result":null,"progress":null,"details":null,"preview":null}}'
    )
    run_steps(Generation.objects.get())
    ready = Client().get(f"/v1/get_result?id={submitted['id']}&attempt=0&id=other").json()
    assert list(ready["result"]) == ["start_time", "prompt", "seed", "sample"]
    assert ready["status"] == "Ready"
    assert ready["result"]["seed"] == 2**64 - 1
    path = ready["result"]["sample"].removeprefix("http://127.0.0.1:8000")
    image = Client().get(path)
    assert (image.status_code, image["content-type"]) == (200, "image/jpeg")
    assert int(image["content-length"]) == len(read_file(image))


def test_forged_and_expired_sample_urls_are_refused(sandbox: object, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    submitted = post(BODY, key).json()
    run_steps(Generation.objects.get())
    url = Client().get(f"/v1/get_result?id={submitted['id']}").json()["result"]["sample"]
    path = url.removeprefix("http://127.0.0.1:8000")
    assert Client().get(path.replace(".jpeg", ".png")).status_code == 403
    assert Client().get(re.sub(r"se=\d+", "se=99999999999", path)).status_code == 403
    assert Client().get(path.partition("?")[0]).status_code == 403
    monkeypatch.setattr("time.time", lambda: 4_000_000_000.0)
    assert Client().get(path).status_code == 403


@pytest.mark.parametrize("id", ["00000000-0000-4000-8000-000000000000", "nonsense", "", "\x00"])
def test_unknown_id_is_task_not_found(db: None, id: str) -> None:
    response = Client().get("/v1/get_result", {"id": id})
    assert (response.status_code, response.json()["status"], response.json()["id"]) == (200, "Task not found", id)


def test_missing_id_is_422(db: None) -> None:
    response = Client().get("/v1/get_result")
    assert (response.status_code, response.json()["detail"][0]["loc"]) == (422, ["query", "id"])


def test_missing_wrong_and_revoked_keys_are_403_as_recorded(cast: Cast, key: str) -> None:
    revoked, secret = mint_api_key(cast.organization, "old")
    assert post(BODY, secret).status_code == 200
    assert revoke_api_key(revoked)
    for bad in (None, "bfl_wrong", secret, ""):
        response = post(BODY, bad)
        assert (response.status_code, response.json()["detail"]) == (403, "Not authenticated - Invalid Authentication")


def test_key_is_also_taken_from_the_authorization_header(key: str) -> None:
    assert post(BODY, None, authorization=f"X-Key {key}").status_code == 200


@pytest.mark.parametrize(
    ("change", "field", "type", "message"),
    [
        ({"prompt": None}, "prompt", "string_type", "Input should be a valid string"),
        ({"safety_tolerance": 6}, "safety_tolerance", "less_than_equal", "Input should be less than or equal to 5"),
        ({"width": 63}, "width", "greater_than_equal", "Input should be greater than or equal to 64"),
        ({"output_format": "gif"}, "output_format", "enum", "Input should be 'jpeg', 'png' or 'webp'"),
        ({"finetune_strength": 2.1}, "finetune_strength", "less_than_equal", "Input should be less than or equal to 2"),
        ({"width": 4096, "height": 2048}, "width", "area_too_large", "Width times height should be at most 4194304"),
        ({"prompt": "a\x00b"}, "prompt", "string_nul", "Input should not contain a NUL character"),
        ({"webhook_url": "http://x.test"}, "webhook_url", "value_error", "The URL should begin with https://"),
        ({"input_image": "?"}, "input_image", "value_error", "Send an http(s) URL or the image in base64"),
    ],
)
def test_wrong_field_is_422_in_fastapis_form(
    key: str, change: dict[str, Any], field: str, type: str, message: str
) -> None:
    response = post({**BODY, **change}, key)
    [error] = response.json()["detail"]
    assert response.status_code == 422
    assert error["loc"] == ["body", field]
    assert error["type"] == type
    assert error["msg"].startswith(message)
    assert field in response.json()["message"]
    assert not Generation.objects.exists()


def test_missing_field_and_bad_json_are_422(key: str) -> None:
    missing = post({"finetune_id": "ink-portrait"}, key).json()["detail"]
    assert missing == [{"loc": ["body", "prompt"], "msg": "Field required", "type": "missing"}]
    broken = post(b'{"prompt": ', key)
    assert (broken.status_code, broken.json()["detail"][0]["type"]) == (422, "json_invalid")
    assert broken.json()["detail"][0]["loc"] == ["body", 11]
    assert broken.json()["message"] == "The body is not valid JSON: see character 11."
    a_list = post(b"[1]", key)
    assert (a_list.status_code, a_list.json()["detail"][0]["type"]) == (422, "model_attributes_type")


def test_body_that_is_too_large_is_413_on_the_wire(key: str, settings: Settings) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    response = post({**BODY, "prompt": "x" * 100}, key)
    assert (response.status_code, response.json()["detail"]) == (413, "The request is too large")


def test_unknown_host_is_refused_on_the_wire(key: str) -> None:
    response = post(BODY, key, host="elsewhere.example")
    assert (response.status_code, response.json()["detail"]) == (400, "Bad Request")


def test_number_of_thousands_of_digits_is_a_json_error(key: str) -> None:
    response = post(b'{"seed": ' + b"9" * 5000 + b"}", key)
    assert (response.status_code, response.json()["detail"][0]["type"]) == (422, "json_invalid")


def test_reference_url_that_is_too_long_is_refused_at_its_field(key: str) -> None:
    response = post({**BODY, "input_image": "https://x/1.png", "input_image_2": "https://x/" + "a" * 2083}, key)
    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"] == ["body", "input_image_2"]


@pytest.mark.parametrize("body", [b"[]", b"null", b'"text"', b"", b"\xff\xfe", b"[" * 100_000])
def test_body_that_is_no_object_is_422(key: str, body: bytes) -> None:
    assert post(body, key).status_code == 422


def test_unknown_fields_and_explicit_defaults_are_taken(key: str) -> None:
    body = {**BODY, "steps": 4, "raw": True, "width": 0, "height": None, "seed": None, "webhook_url": None}
    assert post(body, key).status_code == 200
    assert Generation.objects.get().width == 1024


def test_wrong_endpoint_is_400_that_names_the_right_one(key: str) -> None:
    response = post(BODY, key, "/v1/flux-2-klein-9b-finetuned")
    assert response.status_code == 400
    assert "/v1/flux-2-klein-4b-finetuned" in response.json()["detail"]
    assert response.json()["message"] == response.json()["detail"]


def test_hidden_and_absent_finetunes_are_the_same_404(cast: Cast) -> None:
    key = key_of(cast.outsider.organization)
    hidden = post({**BODY, "finetune_id": f"{cast.organization.org_id}/ink-portrait"}, key)
    absent = post({**BODY, "finetune_id": f"{cast.organization.org_id}/nothing"}, key)
    assert (hidden.status_code, hidden.content) == (404, absent.content)


def test_short_of_credits_is_402(cast: Cast) -> None:
    poor = make_organization("Poor", credits=0)
    make_finetune(poor, "ink-portrait")
    response = post(BODY, key_of(poor))
    assert response.status_code == 402
    assert response.json()["detail"].startswith("Insufficient credits")


def test_credits_follow_the_ledger(key: str) -> None:
    def credits() -> bytes:
        return bytes(Client().get("/v1/credits", headers={"x-key": key}).content)

    assert credits() == b'{"credits":100.0}'
    post(BODY, key)
    assert credits() == b'{"credits":98.6}'


def test_unknown_route_is_404_in_json(db: None) -> None:
    response = Client().get("/v1/flux-9")
    assert (response.status_code, response.json()["detail"]) == (404, "Not Found")
    assert "/v1/docs" in response.json()["message"]


def test_polling_urls_follow_the_public_address(key: str, settings: Settings) -> None:
    settings.BASE_URL = "https://gateway.example.org"
    assert post(BODY, key).json()["polling_url"].startswith("https://gateway.example.org/v1/get_result?id=")


def test_get_result_is_one_query(cast: Cast, key: str, django_assert_num_queries: Any) -> None:
    submitted = post(BODY, key).json()
    with django_assert_num_queries(1):
        Client().get(f"/v1/get_result?id={submitted['id']}")
