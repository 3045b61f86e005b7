"""What clients of BFL rely on in a submission, beside what the tests of each call show: names, nulls, numbers."""

import json
from typing import Any

import pytest
from django.test import Client

from dashboard.bfl.endpoints import ENDPOINTS, Endpoint
from dashboard.organizations.services.keys import mint_api_key
from finetunes.access import resolve_finetune
from finetunes.models import Finetune
from playground.models import Generation
from tests.conftest import Cast
from tests.factories import make_finetune, make_organization

BASE = "/v1/flux-2-klein-4b"
FINETUNED = "/v1/flux-2-klein-4b-finetuned"
NUMBERS = ("cost", "input_mp", "output_mp")


@pytest.fixture
def key(cast: Cast) -> str:
    return mint_api_key(cast.organization, "contract")[1]


def submit(key: str, path: str, **body: Any) -> Any:
    content = json.dumps({"prompt": "x", **body})
    return Client().post(path, content, content_type="application/json", headers={"x-key": key})


@pytest.mark.parametrize("accept", ["image/png", "image/*", "text/event-stream", ""])
def test_submission_is_answered_in_json_whatever_is_accepted(key: str, accept: str) -> None:
    headers = {"x-key": key, "accept": accept}
    for body, status in (('{"prompt": "x"}', 200), ("{}", 422)):
        response = Client().post(BASE, body, content_type="application/json", headers=headers)
        assert (response.status_code, response["Content-Type"].partition(";")[0]) == (status, "application/json")


def test_flux_dev_tells_no_numbers_and_has_its_keys(key: str) -> None:
    content = submit(key, "/v1/flux-dev", width=256, height=256).content.decode()
    assert content.endswith(',"cost":null,"input_mp":null,"output_mp":null}')
    assert Generation.objects.get().cost > 0


@pytest.mark.parametrize(
    "endpoint", [each for each in ENDPOINTS if not each.takes_finetune], ids=lambda each: each.name
)
def test_numbers_are_floats_or_null_and_never_text(key: str, endpoint: Endpoint) -> None:
    answer = submit(key, endpoint.path).json()
    assert list(answer) == ["id", "polling_url", *NUMBERS]
    assert {type(answer[name]) for name in NUMBERS} == ({float} if endpoint.tells_cost else {type(None)})


def test_every_optional_field_may_be_null(key: str) -> None:
    for endpoint in ENDPOINTS:
        fields = endpoint.inputs.model_json_schema()["properties"]
        nullable = {name for name, field in fields.items() if {"type": "null"} in field.get("anyOf", [])}
        nulls = dict.fromkeys(nullable - {"prompt"})
        if not endpoint.takes_finetune:
            assert submit(key, endpoint.path, **nulls).status_code == 200, endpoint.name


def test_what_my_finetunes_lists_is_sent_as_it_stands(cast: Cast, key: str) -> None:
    other = make_organization("Other")
    make_finetune(other, "shared-look", granted_to=cast.organization)
    listed = Client().get("/v1/my_finetunes", headers={"x-key": key}).json()["finetunes"]
    assert f"{other.org_id}/shared-look" in listed
    for each in listed:
        path = resolve_finetune(cast.organization, each).endpoint.path
        assert submit(key, path, finetune_id=each).status_code == 200
    assert set(Generation.objects.values_list("organization", flat=True)) == {cast.organization.pk}


def test_own_prefix_leads_to_the_own_finetune_and_a_wrong_one_nowhere(cast: Cast, key: str) -> None:
    own = Finetune.objects.get(organization=cast.organization, name="ink-portrait")
    assert submit(key, FINETUNED, finetune_id=f"{cast.organization.org_id}/{own.name}").status_code == 200
    for wrong in (f"{cast.outsider.organization.org_id}/{own.name}", f"/{own.name}", f"{own.name}/"):
        assert submit(key, FINETUNED, finetune_id=wrong).status_code == 404


@pytest.mark.parametrize("size", ["4b", "9b", "base-4b", "base-9b"])
def test_bf16_is_a_route_of_9b_kv_alone(key: str, size: str) -> None:
    assert submit(key, f"/v1/flux-2-klein-{size}-bf16-finetuned", finetune_id="ink-portrait").status_code == 404
    assert submit(key, "/v1/flux-2-klein-9b-kv-bf16-finetuned", finetune_id="ink-portrait").status_code == 400
