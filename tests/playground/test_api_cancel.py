"""POST /v1/cancel: what waits is called back by a key of its organization, once and uncharged."""

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from dashboard.billing.queries import balance_of, unbalanced_accounts
from dashboard.organizations.models import Organization
from dashboard.organizations.services.keys import mint_api_key
from playground import workflow
from playground.models import Generation, State
from tests.conftest import Cast
from tests.organizations.racing import at_once
from tests.playground.conftest import submit_one


def cancel(caller: Organization, id: object) -> Any:
    client = Client(headers={"x-key": mint_api_key(caller, "test")[1]})
    return client.post(f"/v1/cancel?id={id}")


@pytest.fixture
def queued(cast: Cast) -> Generation:
    return submit_one(cast.organization, "ink-portrait")


def test_queued_one_ends_uncharged_and_answers_as_get_result_does(cast: Cast, queued: Generation) -> None:
    response = cancel(cast.organization, queued.pk)
    assert response.status_code == 200
    assert response.content.decode() == (
        f'{{"id":"{queued.pk}","status":"Error","result":null,"progress":null,'
        '"details":{"error":"cancelled"},"preview":null}'
    )
    assert response.content == Client().get(f"/v1/get_result?id={queued.pk}").content
    assert balance_of(cast.organization) == 100_000
    assert not unbalanced_accounts()
    assert workflow.submit(queued.pk) == []


def test_people_read_a_sentence(cast: Cast, queued: Generation) -> None:
    cancel(cast.organization, queued.pk)
    queued.refresh_from_db()
    assert queued.explanation == "Cancelled."


def test_once_more_is_answered_alike(cast: Cast, queued: Generation) -> None:
    first, second = (cancel(cast.organization, queued.pk) for _ in range(2))
    assert (second.status_code, second.content) == (200, first.content)
    assert balance_of(cast.organization) == 100_000


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (State.SUBMITTING, "can't be called back"),
        (State.RUNNING, "can't be called back"),
        (State.FETCHING, "can't be called back"),
        (State.ERROR, "nothing left to cancel"),
        (State.REQUEST_MODERATED, "nothing left to cancel"),
    ],
)
def test_too_late_is_409_and_changes_nothing(cast: Cast, queued: Generation, state: State, told: str) -> None:
    Generation.objects.update(state=state)
    response = cancel(cast.organization, queued.pk)
    assert response.status_code == 409
    assert told in response.json()["detail"]
    queued.refresh_from_db()
    assert queued.state == state


def test_anothers_is_the_same_404_as_none(cast: Cast, queued: Generation) -> None:
    answers = [cancel(cast.outsider.organization, id) for id in (queued.pk, uuid4(), "nonsense", "%00", "")]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1
    queued.refresh_from_db()
    assert queued.state == State.QUEUED


def test_missing_id_is_422(cast: Cast) -> None:
    response = Client(headers={"x-key": mint_api_key(cast.organization, "test")[1]}).post("/v1/cancel")
    assert (response.status_code, response.json()["detail"][0]["loc"]) == (422, ["query", "id"])


@pytest.mark.django_db(transaction=True)
def test_cancelled_by_many_at_once_it_is_released_once(cast: Cast, queued: Generation) -> None:
    answers = at_once(*[lambda: cancel(cast.organization, queued.pk).status_code] * 4)
    assert answers == [200] * 4
    assert balance_of(cast.organization) == 100_000
    assert not unbalanced_accounts()
