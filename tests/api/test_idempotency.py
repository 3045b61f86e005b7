"""Idempotency-Key on the wire: one answer a key, made once, whoever sends it again and whoever died before."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.fixtures import Settings

from dashboard.api import idempotency
from dashboard.api.models import IdempotentRequest
from dashboard.billing import services as billing
from dashboard.billing.models import Kind
from dashboard.billing.queries import balance_of
from dashboard.organizations.models import Organization
from dashboard.organizations.services.keys import mint_api_key
from finetunes.models import Finetune, Upload
from playground.models import Generation
from playground.services import generating
from tests.conftest import Cast, log_in
from tests.factories import lora_bytes, make_finetune, make_organization, make_user

ENDPOINT = "/v1/flux-2-klein-4b-finetuned"
BODY = {"finetune_id": "ink-portrait", "prompt": "TOK in the rain", "width": 64, "height": 64}
AT_ONCE = 16


@pytest.fixture
def key(cast: Cast) -> str:
    return mint_api_key(cast.organization, "test")[1]


def post(key: str, name: str | None = "k-1", body: Any = None, path: str = ENDPOINT, **headers: str) -> Any:
    named = {} if name is None else {"idempotency-key": name}
    content = json.dumps(BODY if body is None else body)
    client = Client(raise_request_exception=False)
    return client.post(path, content, content_type="application/json", headers={"x-key": key, **named, **headers})


def holds(organization: Organization) -> int:
    return organization.ledger_entries.filter(kind=Kind.HOLD).count()


def test_same_key_and_body_are_one_generation_one_hold_and_one_answer(cast: Cast, key: str) -> None:
    first, again = post(key), post(key)
    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert first["content-type"] == again["content-type"]
    assert (first.has_header("Idempotent-Replayed"), again["Idempotent-Replayed"]) == (False, "true")
    assert Generation.objects.count() == holds(cast.organization) == 1
    assert post(key, "k-2").json()["id"] != first.json()["id"]
    assert post(key, None).json()["id"] != post(key, None).json()["id"]


def test_another_key_of_the_organization_means_the_same_request(cast: Cast, key: str) -> None:
    other = mint_api_key(cast.organization, "other")[1]
    assert post(key).content == post(other).content
    assert Generation.objects.count() == 1


def test_key_is_of_its_organization_alone(cast: Cast, key: str) -> None:
    stranger = make_organization()
    make_finetune(stranger, "ink-portrait")
    assert post(key).json()["id"] != post(mint_api_key(stranger, "test")[1]).json()["id"]
    assert holds(cast.organization) == holds(stranger) == 1


@pytest.mark.parametrize("change", [{"path": "/v1/flux-2-klein-4b"}, {"body": {**BODY, "seed": 1}}])
def test_another_request_under_the_key_is_409(cast: Cast, key: str, change: dict[str, Any]) -> None:
    post(key)
    refused = post(key, **change)
    assert (refused.status_code, "came with another request before" in refused.json()["detail"]) == (409, True)
    assert refused.json()["message"] == refused.json()["detail"]
    assert not refused.has_header("Retry-After")
    assert Generation.objects.count() == 1


@pytest.mark.parametrize("name", ["", "x" * 256, "schlüssel", "a\tb", "\x7f"])
def test_bad_key_is_422_at_the_header(key: str, name: str) -> None:
    refused = post(key, name)
    [error] = refused.json()["detail"]
    assert (refused.status_code, error["loc"]) == (422, ["header", "Idempotency-Key"])
    assert "printable ASCII" in refused.json()["message"]
    assert not Generation.objects.exists()


def test_longest_key_is_taken(key: str) -> None:
    assert post(key, "~" * 255).content == post(key, "~" * 255).content


def test_refused_request_may_be_mended_and_sent_again(cast: Cast) -> None:
    poor = make_organization(credits=0)
    make_finetune(poor, "ink-portrait")
    key = mint_api_key(poor, "test")[1]
    assert post(key).status_code == 402
    assert post(key, body={**BODY, "finetune_id": "none"}).status_code == 404
    billing.top_up(poor, 10_000, note="test")
    assert (post(key).status_code, holds(poor)) == (200, 1)


def test_wrong_key_and_wrong_body_claim_nothing(key: str) -> None:
    assert post("bfl_wrong").status_code == 403
    assert post(key, body={"prompt": 1}).status_code == 422
    assert not IdempotentRequest.objects.exists()


def test_request_that_broke_after_its_work_gives_what_it_made(
    cast: Cast, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr("playground.api.endpoints._submission", lambda *_: 1 / 0)
        assert post(key).status_code == 500
    assert post(key, body={**BODY, "seed": 1}).status_code == 409
    assert post(key).json()["id"] == str(Generation.objects.get().pk)
    assert holds(cast.organization) == 1


def test_claim_of_a_worker_that_died_is_taken_over_when_its_lease_ends(cast: Cast, key: str) -> None:
    """Its generation stood already: it is found, and held for once."""
    first = post(key).json()["id"]
    IdempotentRequest.objects.update(status=None, answer=b"", headers={})
    waiting = post(key)
    assert (waiting.status_code, waiting["Retry-After"]) == (409, "1")
    assert "still being worked on" in waiting.json()["detail"]
    IdempotentRequest.objects.update(leased_until=timezone.now())
    taken = post(key)
    assert (taken.status_code, taken.json()["id"]) == (200, first)
    assert post(key)["Idempotent-Replayed"] == "true"
    assert Generation.objects.count() == holds(cast.organization) == 1


def test_worker_that_was_only_slow_and_the_one_after_it_make_one(
    cast: Cast, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both looked for a generation before either had made it."""
    looked: list[int] = []
    original = generating._made_before
    first = post(key).json()["id"]
    IdempotentRequest.objects.update(status=None, leased_until=timezone.now())

    def look(jobs: Any) -> Any:
        looked.append(1)
        return [] if len(looked) == 1 else original(jobs)

    monkeypatch.setattr(generating, "_made_before", look)
    assert post(key).json()["id"] == first
    assert (len(looked), Generation.objects.count(), holds(cast.organization)) == (2, 1, 1)


@pytest.mark.parametrize("gone", ["credits", "places"])
def test_the_one_after_it_is_not_refused_for_what_the_first_one_took(
    cast: Cast, key: str, monkeypatch: pytest.MonkeyPatch, settings: Settings, gone: str
) -> None:
    """A refusal would free the key, and the next try would pay once more."""
    original = generating._made_before
    first = post(key).json()["id"]
    IdempotentRequest.objects.update(status=None, leased_until=timezone.now())
    if gone == "credits":
        billing.hold(cast.organization, balance_of(cast.organization), uuid4())
    else:
        settings.MAX_ACTIVE_TASKS = 1
    looks = iter([lambda jobs: [], original])
    monkeypatch.setattr(generating, "_made_before", lambda jobs: next(looks)(jobs))
    answer = post(key)
    assert (answer.status_code, answer.json()["id"]) == (200, first)
    assert Generation.objects.count() == 1


def test_large_answer_is_made_anew_of_what_is_there(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idempotency, "MOST_BYTES", 10)
    assert post(key).content == post(key).content
    assert Generation.objects.count() == 1
    assert not IdempotentRequest.objects.get().answer


def test_day_after_the_key_is_free_again(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idempotency, "BATCH", 2)
    old, new = [post(key, f"old {number}").json()["id"] for number in range(3)], post(key, "new").json()["id"]
    day = timezone.now() - timedelta(hours=24)
    IdempotentRequest.objects.exclude(key="new").update(created_at=day)
    assert (idempotency.sweep(), idempotency.sweep()) == (True, False)
    assert (post(key, "new").json()["id"], post(key, "old 0").json()["id"] in old) == (new, False)


def test_only_posts_are_remembered(key: str) -> None:
    for _ in range(2):
        answer = Client().get("/v1/credits", headers={"x-key": key, "idempotency-key": "k"})
        assert (answer.status_code, answer.has_header("Idempotent-Replayed")) == (200, False)
    assert not IdempotentRequest.objects.exists()


def test_request_without_the_header_asks_the_database_for_nothing_more(
    key: str, django_assert_max_num_queries: Any
) -> None:
    post(key, None)
    with django_assert_max_num_queries(100) as statements:
        post(key, None)
    assert not [each for each in statements.captured_queries if "idempotent" in each["sql"]]


def test_calls_on_the_catalog_are_remembered_too(cast: Cast, key: str) -> None:
    name, recipient = cast.finetune.name, cast.outsider.organization.org_id
    bodies = {"grants": {"org_id": recipient}, "versions/1/use": {}}
    for call, body in bodies.items():
        path = f"/v1/finetunes/{name}/{call}"
        first, again = post(key, call, body, path), post(key, call, body, path)
        assert (first.status_code, first.content) == (again.status_code, again.content)
        assert (first.status_code in (200, 201), again["Idempotent-Replayed"]) == (True, "true")
    body, path = {"finetune_id": name}, "/v1/delete_finetune"
    assert post(key, "gone", body, path).content == post(key, "gone", body, path).content
    assert post(key, None, body, path).status_code == 404


def test_form_is_told_by_its_fields_and_file_and_not_by_its_boundary(key: str) -> None:
    def send(name: str, weights: str = "ink") -> Any:
        file = SimpleUploadedFile("x.safetensors", lora_bytes(weights))
        form = {"checkpoint": file, "name": name, "base_model": "flux-2-klein-4b", "trigger_phrase": "TOK"}
        return Client().post("/v1/finetunes", form, headers={"x-key": key, "idempotency-key": "form"})

    first, again = send("one"), send("one")
    assert (first.status_code, first.content) == (201, again.content)
    assert (send("two").status_code, send("one", "oil").status_code) == (409, 409)
    assert Finetune.objects.filter(name__in=["one", "two"]).count() == 1


def test_upload_is_started_once_with_its_headers(key: str) -> None:
    def start(length: int, **more: str) -> Any:
        headers = {"x-key": key, "idempotency-key": "tus", "tus-resumable": "1.0.0", "upload-length": str(length)}
        metadata = "name b25l,base_model Zmx1eC0yLWtsZWluLTRi,trigger_phrase VE9L"
        return Client().post("/v1/uploads", headers={**headers, "upload-metadata": metadata, **more})

    first, again = start(100_000), start(100_000)
    assert (first.status_code, first["Location"], first["Tus-Resumable"]) == (201, again["Location"], "1.0.0")
    assert (again["Upload-Expires"], again.has_header("Content-Type")) == (first["Upload-Expires"], False)
    assert (start(200_000).status_code, Upload.objects.count()) == (409, 1)
    # Another method by its header is none that starts one.
    assert start(100_000, **{"x-http-method-override": "HEAD"}).status_code == 405


def test_operators_read_which_keys_came_and_change_nothing(cast: Cast, key: str) -> None:
    post(key, "nightly-42")
    operator = log_in(make_user(is_staff=True, is_superuser=True))
    listed = operator.get(reverse("admin:api_idempotentrequest_changelist"), {"q": "nightly"})
    assert "nightly-42" in listed.content.decode()
    row = IdempotentRequest.objects.get()
    assert operator.get(reverse("admin:api_idempotentrequest_change", args=[row.pk])).status_code == 200
    assert operator.post(reverse("admin:api_idempotentrequest_delete", args=[row.pk])).status_code == 403


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_works_and_the_others_wait_or_get_its_answer() -> None:
    caller = make_organization()
    make_finetune(caller, "ink-portrait")
    secret = mint_api_key(caller, "test")[1]
    answers = at_once(lambda: post(secret))
    assert {answer.status_code for answer in answers} <= {200, 409}
    made = {answer.json()["id"] for answer in answers if answer.status_code == 200}
    assert made == {str(Generation.objects.get().pk)} == {post(secret).json()["id"]}
    assert all(answer["Retry-After"] == "1" for answer in answers if answer.status_code == 409)
    assert (holds(caller), balance_of(caller)) == (1, 100_000 - Generation.objects.get().cost)


def at_once(send: Callable[[], Any]) -> list[Any]:
    start = Barrier(AT_ONCE)

    def one(_: int) -> Any:
        start.wait(timeout=60)
        try:
            return send()
        finally:
            connection.close()

    with ThreadPoolExecutor(AT_ONCE) as threads:
        return list(threads.map(one, range(AT_ONCE)))
