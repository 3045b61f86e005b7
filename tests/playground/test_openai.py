"""OpenAI's way in, on the wire: images while the client waits, models, and errors in both forms."""

import base64
import io
from typing import Any

import pytest
from django.test import Client
from PIL import Image
from pytest_django.fixtures import DjangoAssertNumQueries, Settings

from dashboard.billing.queries import balance_of, unbalanced_accounts
from dashboard.lib.places import Places
from dashboard.organizations.models import Organization
from dashboard.organizations.services.keys import mint_api_key
from dashboard.sandbox.server import Sandbox
from playground.models import Generation, State
from playground.services import waiting
from tests.conftest import Cast, read_file
from tests.factories import make_finetune, make_organization

PATH = "/v1/images/generations"
BODY = {"model": "ink-portrait", "prompt": "TOK in the rain", "size": "64x64"}
PRICE = 1400  # millicredits of the least image on klein 4B


def bearer(caller: Organization) -> Client:
    return Client(headers={"authorization": f"Bearer {mint_api_key(caller, 'test')[1]}"})


def create(caller: Organization, **change: Any) -> Any:
    return bearer(caller).post(PATH, BODY | change, content_type="application/json")


def error_of(response: Any) -> dict[str, Any]:
    """OpenAI's object; ours stands beside it and says the same."""
    body = response.json()
    assert set(body["error"]) == {"message", "type", "param", "code"}
    assert body["message"] == body["error"]["message"]
    assert body["detail"]
    error: dict[str, Any] = body["error"]
    return error


# --- Images ------------------------------------------------------------------------------------------------------


@pytest.mark.pipeline
def test_image_is_answered_by_its_url(worker: Sandbox, cast: Cast) -> None:
    response = create(cast.organization, quality="hd", style="vivid", user="x", background="auto", moderation="low")
    body = response.json()
    [image] = body["data"]
    generation = Generation.objects.get()
    assert response.status_code == 200, body
    assert set(body) == {"created", "data"}
    assert (image["id"], image["seed"]) == (str(generation.pk), int(generation.seed))
    assert set(image) == {"id", "seed", "url"}
    file = Client().get(image["url"].removeprefix("http://127.0.0.1:8000"))
    assert Image.open(io.BytesIO(read_file(file))).format == "PNG"
    assert (generation.finetune_id_sent, generation.inputs["finetune_strength"]) == ("ink-portrait", 1.0)
    assert generation.api_key is not None
    assert balance_of(cast.organization) == 100_000 - PRICE


@pytest.mark.pipeline
def test_several_come_in_base64_each_with_the_next_seed(worker: Sandbox, cast: Cast) -> None:
    change = {"n": 3, "seed": 2**64 - 2, "strength": 0.5, "response_format": "b64_json", "output_format": "webp"}
    data = create(cast.organization, **change).json()["data"]
    assert [image["seed"] for image in data] == [2**64 - 2, 2**64 - 1, 0]
    for image in data:
        picture = Image.open(io.BytesIO(base64.b64decode(image["b64_json"])))
        assert (picture.size, picture.format) == ((64, 64), "WEBP")
    assert {each.inputs["finetune_strength"] for each in Generation.objects.all()} == {0.5}
    assert balance_of(cast.organization) == 100_000 - 3 * PRICE


@pytest.mark.pipeline
def test_anothers_finetune_is_called_by_both_names_and_billed_to_the_caller(worker: Sandbox, cast: Cast) -> None:
    model = f"{cast.organization.org_id}/velvet-noir"
    assert create(cast.recipient.organization, model=model).status_code == 200
    generation = Generation.objects.get()
    assert generation.endpoint_name == "flux-2-klein-9b-kv-bf16-finetuned"
    assert balance_of(cast.organization) == 100_000
    assert balance_of(cast.recipient.organization) == 100_000 - generation.cost


@pytest.mark.pipeline
def test_those_that_became_ready_are_given_and_charged(
    worker: Sandbox, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_for = waiting.wait_for

    def one_fails(generations: list[Generation]) -> list[Generation]:
        ended = wait_for(generations)
        ended[0].state = State.ERROR
        return ended

    monkeypatch.setattr("playground.services.waiting.wait_for", one_fails)
    response = create(cast.organization, n=2)
    assert response.status_code == 200
    assert len(response.json()["data"]) == 1


@pytest.mark.pipeline
@pytest.mark.parametrize(
    ("prompt", "status", "code"),
    [("[content moderated]", 400, "moderation_blocked"), ("[error]", 502, "generation_failed")],
)
def test_none_ready_is_an_error_and_free(worker: Sandbox, cast: Cast, prompt: str, status: int, code: str) -> None:
    response = create(cast.organization, prompt=prompt, n=2)
    assert (response.status_code, error_of(response)["code"]) == (status, code)
    assert error_of(response)["message"].endswith("Nothing was charged.")
    assert response.headers.get("x-should-retry") == ("false" if status == 502 else None)
    assert balance_of(cast.organization) == 100_000
    assert not unbalanced_accounts()


# --- Waiting -----------------------------------------------------------------------------------------------------


def test_what_is_not_there_in_time_is_named(cast: Cast, settings: Settings) -> None:
    settings.OPENAI_WAIT_SECONDS = 0.2
    response = create(cast.organization, n=2)
    ids = {str(generation.pk) for generation in Generation.objects.all()}
    assert response.status_code == 504
    assert error_of(response)["code"] == "timeout"
    assert set(response.json()["task_ids"]) == ids
    assert all(id in response.json()["detail"] for id in ids)
    assert response["x-should-retry"] == "false"
    assert set(Generation.objects.values_list("state", flat=True)) == {State.QUEUED}


def test_with_an_idempotency_key_the_next_try_waits_for_the_same_images(cast: Cast, settings: Settings) -> None:
    settings.OPENAI_WAIT_SECONDS = 0.1
    client = bearer(cast.organization)
    headers = {"Idempotency-Key": "once"}
    answers = [
        client.post(PATH, BODY | {"n": 2}, content_type="application/json", headers=headers).json() for _ in range(2)
    ]
    assert answers[0]["task_ids"] == answers[1]["task_ids"]
    assert Generation.objects.count() == 2
    assert balance_of(cast.organization) == 100_000 - 2 * PRICE


def test_beyond_the_places_to_wait_nothing_is_queued(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "PLACES", Places(1, waiting.BUSY, retry_after=5))
    with waiting.PLACES.take():
        response = create(cast.organization)
    assert (response.status_code, error_of(response)["code"]) == (503, "overloaded")
    assert int(response["Retry-After"]) > 0
    assert not Generation.objects.exists()
    assert balance_of(cast.organization) == 100_000
    with waiting.PLACES.take():  # the refused one gave back what it never had
        pass


def test_a_place_is_given_back_after_any_end(cast: Cast, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "PLACES", Places(1, waiting.BUSY, retry_after=5))
    settings.OPENAI_WAIT_SECONDS = 0.1
    statuses = [create(cast.organization, **change).status_code for change in ({}, {"model": "none"}, {"n": 8}, {})]
    assert statuses == [504, 404, 504, 504]


# --- Refusals ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "param", "told"),
    [
        ({"model": None}, "model", "Input should be a valid string"),
        ({"prompt": None}, "prompt", "Input should be a valid string"),
        ({"n": 0}, "n", "greater than or equal to 1"),
        ({"n": 9}, "n", "less than or equal to 8"),
        ({"size": "huge"}, "size", "Use auto, or WIDTHxHEIGHT"),
        ({"size": "32x64"}, "size", "Use 64 or more."),
        ({"size": "4096x4096"}, "size", "over 4 MP"),
        ({"size": "99999999x1"}, "size", "Use auto"),
        ({"model": "flux-pro-1.1-ultra", "size": "2048x256"}, "size", "between 21:9 and 9:21"),
        ({"response_format": "file"}, "response_format", "String should match pattern"),
        ({"output_format": "gif"}, "output_format", "'jpeg', 'png' or 'webp'"),
        ({"seed": -1}, "seed", "greater than or equal to 0"),
        ({"seed": 2**64}, "seed", "less than 18446744073709551616"),
        ({"strength": 2.5}, "strength", "less than or equal to 2"),
        ({"prompt": "a\x00b"}, "prompt", "NUL"),
    ],
)
def test_wrong_field_is_named(cast: Cast, change: dict[str, Any], param: str, told: str) -> None:
    response = create(cast.organization, **change)
    error = error_of(response)
    assert (response.status_code, error["type"], error["param"]) == (422, "invalid_request_error", param)
    assert told in error["message"]
    assert response.json()["detail"][0]["loc"] == ["body", param]
    assert not Generation.objects.exists()


@pytest.mark.parametrize("model", ["none", "velvet-noir", "elsewhere/velvet-noir", "a/b/c", "", "ÿ", "x" * 500])
def test_model_that_is_none_or_anothers_is_the_same_404(cast: Cast, model: str) -> None:
    response = create(cast.recipient.organization, model=model)
    error = error_of(response)
    assert (response.status_code, error["code"], error["param"]) == (404, "model_not_found", "model")
    assert error["message"] == error_of(create(cast.recipient.organization, model="nothing"))["message"]


def test_endpoint_for_finetunes_is_no_model_by_itself(cast: Cast) -> None:
    response = create(cast.organization, model="flux-2-klein-4b-finetuned")
    assert response.status_code == 404
    assert "send the finetune's ID as model" in error_of(response)["message"]


def test_other_refusals_have_openais_words_and_our_codes(cast: Cast) -> None:
    penniless = make_organization(credits=0)
    make_finetune(penniless, "ink-portrait")
    short = create(penniless)
    assert (short.status_code, error_of(short)["code"]) == (402, "insufficient_quota")
    nobody = Client(headers={"authorization": "Bearer bfl_wrong"}).post(PATH, BODY, content_type="application/json")
    assert (nobody.status_code, error_of(nobody)["code"]) == (403, "invalid_api_key")
    broken = bearer(cast.organization).post(PATH, b"{", content_type="application/json")
    assert (broken.status_code, error_of(broken)["type"]) == (422, "invalid_request_error")
    assert not Generation.objects.exists()


def test_with_credits_for_two_of_three_none_is_queued(cast: Cast) -> None:
    caller = make_organization(credits=4)
    make_finetune(caller, "ink-portrait")
    assert create(caller, n=3).status_code == 402
    assert not Generation.objects.exists()
    assert balance_of(caller) == 4_000


# --- What is asked of each endpoint ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "size", "expected"),
    [
        ("flux-2-klein-4b", "1536x1024", {"width": 1536, "height": 1024}),
        ("flux-2-pro", "auto", {}),
        ("flux-kontext-pro", "1024x1792", {"aspect_ratio": "4:7"}),
        ("flux-pro-1.1-ultra", "1536x1024", {"aspect_ratio": "3:2"}),
    ],
)
def test_size_becomes_what_the_endpoint_knows(
    cast: Cast, settings: Settings, model: str, size: str, expected: dict[str, Any]
) -> None:
    settings.OPENAI_WAIT_SECONDS = 0.01
    assert create(cast.organization, model=model, size=size).status_code == 504
    inputs = Generation.objects.get().inputs
    assert {name: inputs[name] for name in expected} == expected
    assert Generation.objects.get().endpoint_name == model


def test_name_of_an_endpoint_goes_before_a_finetune_of_that_name(cast: Cast, settings: Settings) -> None:
    settings.OPENAI_WAIT_SECONDS = 0.01
    make_finetune(cast.organization, "flux-2-klein-4b")
    create(cast.organization, model="flux-2-klein-4b")
    create(cast.organization, model=f"{cast.organization.org_id}/flux-2-klein-4b")
    assert set(Generation.objects.values_list("finetune_id_sent", flat=True)) == {"", "flux-2-klein-4b"}


# --- Models ------------------------------------------------------------------------------------------------------


def test_models_are_what_the_key_may_send(cast: Cast, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    client = bearer(cast.recipient.organization)
    make_finetune(cast.recipient.organization, "own")
    client.get("/v1/models")  # notes the use of the key
    with django_assert_num_queries(2):
        body = client.get("/v1/models").json()
    assert body["object"] == "list"
    assert {model["object"] for model in body["data"]} == {"model"}
    assert all(isinstance(model["created"], int) for model in body["data"])
    owners = {model["id"]: model["owned_by"] for model in body["data"]}
    assert owners["flux-2-klein-4b"] == "black-forest-labs"
    finetunes = {id: owner for id, owner in owners.items() if owner != "black-forest-labs"}
    atelier, bureau = cast.organization.org_id, cast.recipient.organization.org_id
    assert finetunes == {"own": bureau, f"{atelier}/velvet-noir": atelier}
    assert list(finetunes) == client.get("/v1/my_finetunes").json()["finetunes"]


def test_bearer_opens_all_of_the_api_and_x_key_goes_first(cast: Cast) -> None:
    client = bearer(cast.organization)
    assert client.get("/v1/credits").json() == {"credits": 100.0}
    assert client.get("/v1/credits", headers={"x-key": "bfl_wrong"}).status_code == 403
