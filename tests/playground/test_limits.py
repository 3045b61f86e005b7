"""Active tasks: as many as may be, counted over all processes, and nothing is held for one too many."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, BoundedSemaphore
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from dashboard.bfl.endpoints import BY_NAME
from dashboard.bfl.schemas import Status
from dashboard.billing.models import Kind
from dashboard.billing.queries import balance_of, unbalanced_accounts
from dashboard.organizations.models import ApiKey, Organization
from dashboard.organizations.services.keys import mint_api_key
from finetunes.models import Use
from playground import workflow
from playground.inputs import parse
from playground.models import Generation, State, TaskLimit
from playground.services import generating
from playground.services.limits import TooManyTasksError
from tests.conftest import Cast, log_in
from tests.factories import make_organization, make_user
from tests.playground.conftest import submit_one
from tests.playground.test_generate import picture

KLEIN, KONTEXT = "flux-2-klein-4b", "flux-kontext-max"
REQUESTS, MOST = 60, 24
# PostgreSQL allows 100 connections unless told otherwise, and other tests may hold some.
CONNECTIONS = 40


@pytest.fixture
def key(cast: Cast) -> ApiKey:
    return mint_api_key(cast.organization, "program")[0]


def submit(key: ApiKey, endpoint: str = KLEIN, **given: Any) -> Generation:
    inputs = parse(BY_NAME[endpoint], {"prompt": "a pier", **given})
    return generating.generate(key.organization, BY_NAME[endpoint], inputs, api_key=key)


def fill(key: ApiKey, number: int, endpoint: str = KLEIN) -> list[Generation]:
    return [submit(key, endpoint) for _ in range(number)]


def test_25th_waits_until_one_ends(cast: Cast, key: ApiKey, settings: Settings) -> None:
    assert settings.MAX_ACTIVE_TASKS == MOST
    first, *_ = fill(key, MOST)
    before = balance_of(cast.organization)
    with pytest.raises(TooManyTasksError, match="24 of your organization's are unfinished, and 24 may be"):
        submit(key, input_image=picture())
    assert (Generation.objects.count(), balance_of(cast.organization)) == (MOST, before)
    assert cast.organization.ledger_entries.filter(kind=Kind.HOLD).count() == MOST
    assert not list(Path(settings.MEDIA_ROOT).rglob("references/*"))
    assert workflow._end(first, State.QUEUED, Status.ERROR, {})
    submit(key)


def test_nothing_of_one_too_many_counts_as_used(cast: Cast, key: ApiKey, settings: Settings) -> None:
    settings.MAX_ACTIVE_TASKS = 1
    submit(key)
    with pytest.raises(TooManyTasksError):
        submit(key, "flux-2-klein-4b-finetuned", finetune_id="ink-portrait")
    assert not Use.objects.filter(images__gt=0).exists()


def test_on_the_wire_it_is_429_with_retry_after_and_a_sentence(cast: Cast, settings: Settings) -> None:
    settings.MAX_ACTIVE_TASKS = 1
    secret = mint_api_key(cast.organization, "program")[1]

    def post() -> Any:
        headers = {"x-key": secret}
        return Client().post(f"/v1/{KLEIN}", {"prompt": "x"}, content_type="application/json", headers=headers)

    assert post().status_code == 200
    refused = post()
    assert (refused.status_code, refused["Retry-After"]) == (429, "1")
    assert refused.json()["detail"] == refused.json()["message"]
    assert "Wait until one ends" in refused.json()["detail"]


def test_kontext_max_has_a_limit_of_its_own_besides(key: ApiKey) -> None:
    fill(key, 6, KONTEXT)
    with pytest.raises(TooManyTasksError, match="6 of your organization's are unfinished on flux-kontext-max"):
        submit(key, KONTEXT)
    fill(key, MOST - 6)
    with pytest.raises(TooManyTasksError, match="24 of"):
        submit(key)


def test_operator_chooses_for_one_organization_and_endpoint(cast: Cast, key: ApiKey) -> None:
    TaskLimit.objects.create(organization=cast.organization, most=5)
    TaskLimit.objects.create(organization=cast.organization, endpoint_name=KONTEXT, most=1)
    TaskLimit.objects.create(organization=cast.organization, endpoint_name="flux-dev", most=0)
    fill(key, 1, KONTEXT)
    for endpoint in (KONTEXT, "flux-dev"):
        with pytest.raises(TooManyTasksError, match=f"on {endpoint}"):
            submit(key, endpoint)
    fill(key, 4)
    with pytest.raises(TooManyTasksError, match="5 may be"):
        submit(key)
    other = make_organization()
    fill(mint_api_key(other, "program")[0], 6)


def test_many_at_once_are_counted_whole(cast: Cast, key: ApiKey, settings: Settings) -> None:
    settings.MAX_ACTIVE_TASKS = 3
    jobs = [generating.Job(parse(BY_NAME[KLEIN], {"prompt": "x"})) for _ in range(2)]
    assert len(generating.generate_all(cast.organization, BY_NAME[KLEIN], jobs, api_key=key)) == 2
    with pytest.raises(TooManyTasksError, match="2 of"):
        generating.generate_all(cast.organization, BY_NAME[KLEIN], jobs, api_key=key)
    submit(key)


def test_playground_neither_counts_nor_waits(cast: Cast, key: ApiKey, settings: Settings) -> None:
    settings.MAX_ACTIVE_TASKS = 1
    submit_one(cast.organization, "ink-portrait")
    submit(key)
    submit_one(cast.organization, "ink-portrait")


def test_keys_of_an_organization_share_its_limit(cast: Cast, key: ApiKey, settings: Settings) -> None:
    settings.MAX_ACTIVE_TASKS = 1
    submit(key)
    with pytest.raises(TooManyTasksError):
        submit(mint_api_key(cast.organization, "other")[0])


def test_operators_set_limits_in_the_admin_panel(cast: Cast) -> None:
    operator = log_in(make_user(is_staff=True, is_superuser=True))
    form = {"organization": cast.organization.pk, "endpoint_name": KONTEXT, "most": 12}
    assert operator.post(reverse("admin:playground_tasklimit_add"), form).status_code == 302
    assert TaskLimit.objects.get(organization=cast.organization, endpoint_name=KONTEXT).most == 12
    again = operator.post(reverse("admin:playground_tasklimit_add"), form)
    assert (again.status_code, "already exists" in again.content.decode()) == (200, True)
    unknown = operator.post(reverse("admin:playground_tasklimit_add"), {**form, "endpoint_name": "flux-9"})
    assert "Select a valid choice" in unknown.content.decode()
    listed = operator.get(reverse("admin:playground_tasklimit_changelist")).content.decode()
    assert KONTEXT in listed


@pytest.mark.django_db(transaction=True)
def test_of_sixty_submissions_at_once_24_pass() -> None:
    caller = make_organization(credits=1000)
    key = mint_api_key(caller, "program")[0]
    outcomes = at_once(lambda: admitted(key))
    assert (outcomes.count(True), outcomes.count(False)) == (MOST, REQUESTS - MOST)
    assert Generation.objects.count() == holds(caller) == MOST
    assert not unbalanced_accounts()


def at_once(request: Callable[[], bool]) -> list[bool]:
    start, connections = Barrier(REQUESTS), BoundedSemaphore(CONNECTIONS)

    def one(_: int) -> bool:
        start.wait(timeout=60)
        with connections:
            try:
                return request()
            finally:
                connection.close()

    with ThreadPoolExecutor(REQUESTS) as threads:
        return list(threads.map(one, range(REQUESTS)))


def admitted(key: ApiKey) -> bool:
    try:
        submit(key)
    except TooManyTasksError:
        return False
    return True


def holds(caller: Organization) -> int:
    return caller.ledger_entries.filter(kind=Kind.HOLD).count()
