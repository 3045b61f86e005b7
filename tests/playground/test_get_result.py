"""get_result by itself: its bytes in every state, which clients rely on, and the one read that it is."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from playground.models import Generation, State
from playground.results import result_of
from tests.conftest import Cast

PENDING = '"result":null,"progress":null,"details":null,"preview":null}'
BEGAN = datetime.fromisoformat("2026-11-22T03:00:00.25+00:00")


def ask(query: str, method: str = "get", **headers: str) -> Any:
    return getattr(Client(), method)(f"/v1/get_result?{query}", headers=headers)


def make(cast: Cast, state: State, endpoint: str = "flux-2-klein-4b-finetuned", **fields: Any) -> Generation:
    return Generation.objects.create(
        organization=cast.organization, endpoint_name=endpoint, inputs={"prompt": "Tôkyō \"TOK\" 🎏"}, width=64,
        height=64, cost=1400, state=state, due_at=timezone.now(), **fields,
    )  # fmt: skip


def make_ready(cast: Cast, endpoint: str, **fields: Any) -> Generation:
    times = {"submitted_at": BEGAN, "ready_at": BEGAN + timedelta(seconds=2), "finished_at": BEGAN}
    return make(cast, State.READY, endpoint, seed="18446744073709551615", image="generations/x.png", **times | fields)


@pytest.mark.parametrize("state", [State.QUEUED, State.SUBMITTING, State.RUNNING, State.FETCHING])
def test_whatever_runs_is_pending(cast: Cast, state: State) -> None:
    pk = make(cast, state).pk
    assert ask(f"id={pk}").content.decode() == f'{{"id":"{pk}","status":"Pending",{PENDING}'


@pytest.mark.parametrize(
    ("state", "status", "details"),
    [
        (State.ERROR, "Error", {"error": "It broke."}),
        (State.REQUEST_MODERATED, "Request Moderated", {"Moderation Reasons": ["Violence"]}),
        (State.CONTENT_MODERATED, "Content Moderated", None),
    ],
)
def test_other_ends_tell_why(cast: Cast, state: State, status: str, details: Any) -> None:
    pk = make(cast, state, details=details).pk
    written = json.dumps(details, separators=(",", ":"))
    assert ask(f"id={pk}").content.decode() == (
        f'{{"id":"{pk}","status":"{status}","result":null,"progress":null,"details":{written},"preview":null}}'
    )


def test_flux_2_and_flux_1_have_keys_and_orders_of_their_own(cast: Cast) -> None:
    began = BEGAN.timestamp()
    result = ask(f"id={make_ready(cast, 'flux-2-pro').pk}").json()["result"]
    assert list(result) == ["start_time", "prompt", "seed", "sample"]
    older = ask(f"id={make_ready(cast, 'flux-dev').pk}").json()["result"]
    assert list(older) == ["sample", "prompt", "seed", "start_time", "end_time", "duration"]
    assert {**older, "sample": ""} == {
        "sample": "", "prompt": "Tôkyō \"TOK\" 🎏", "seed": 2**64 - 1, "start_time": began, "end_time": began + 2,
        "duration": 2.0,
    }  # fmt: skip
    late = make_ready(cast, "flux-dev", ready_at=None, finished_at=BEGAN + timedelta(seconds=3))
    assert ask(f"id={late.pk}").json()["result"]["duration"] == 3.0


def test_answer_is_what_a_webhook_would_tell(cast: Cast) -> None:
    generation = make_ready(cast, "flux-2-max")
    told, answered = result_of(generation).model_dump(), ask(f"id={generation.pk}").json()
    for each in (told, answered):
        each["result"]["sample"] = each["result"]["sample"].partition("?")[0]
    assert answered == told


def test_first_id_counts_and_comes_back_as_it_was_sent(cast: Cast) -> None:
    pk = make(cast, State.QUEUED).pk
    for sent in (str(pk), str(pk).upper(), pk.hex):
        answered = ask(f"attempt=0&id={sent}&id=other&key=x").json()
        assert (answered["id"], answered["status"]) == (sent, "Pending")


@pytest.mark.parametrize("query", ["", "ID=x", "attempt=0"])
def test_missing_id_names_its_place(db: None, query: str) -> None:
    response = ask(query)
    assert (response.status_code, response.content.decode()) == (
        422,
        '{"detail":[{"loc":["query","id"],"msg":"Field required","type":"missing"}],"message":"id: Field required"}',
    )


def test_head_is_as_long_as_get(cast: Cast) -> None:
    query = f"id={make(cast, State.QUEUED).pk}"
    head, got = ask(query, "head"), ask(query)
    assert (head.status_code, head.content) == (200, b"")
    assert head["Content-Length"] == got["Content-Length"] == str(len(got.content))


@pytest.mark.parametrize("accept", ["image/png", "text/html", "application/xml;q=0.1"])
def test_answer_is_json_whatever_is_accepted(cast: Cast, accept: str) -> None:
    response = ask(f"id={make(cast, State.QUEUED).pk}", accept=accept)
    assert (response.status_code, response["Content-Type"]) == (200, "application/json")


def test_key_is_neither_asked_for_nor_looked_up(cast: Cast, django_assert_num_queries: Any) -> None:
    pk = make_ready(cast, "flux-2-pro").pk
    for headers in ({}, {"x-key": "bfl_wrong"}):
        with django_assert_num_queries(1):
            assert ask(f"id={pk}", **headers).status_code == 200


def test_results_go_with_their_organization(cast: Cast) -> None:
    pk = make_ready(cast, "flux-2-pro").pk
    cast.organization.deleted_at = timezone.now()
    cast.organization.save()
    assert ask(f"id={pk}").content.decode() == f'{{"id":"{pk}","status":"Task not found",{PENDING}'
