"""Cancelling what waits, once and uncharged; and the one status request that tells of all running cards."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from dashboard.billing.models import LedgerEntry
from dashboard.billing.queries import balance_of, unbalanced_accounts
from dashboard.organizations.models import Membership
from dashboard.organizations.roles import Role
from dashboard.sandbox.server import Sandbox
from finetunes.models import Use
from playground import workflow
from playground.models import Generation, State
from playground.queries import MAX_POLLED
from playground.services import cancelling
from playground.services.cancelling import TooLateError
from tests.conftest import Cast, log_in
from tests.factories import make_finetune, make_member, make_organization
from tests.organizations.racing import at_once
from tests.playground.conftest import run_steps, submit_one

HTMX = {"HX-Request": "true"}


def url(cast: Cast, path: str) -> str:
    return f"/o/{cast.organization.org_id}/{path}"


def cancel_url(generation: Generation) -> str:
    return f"/o/{generation.organization.org_id}/generations/{generation.pk}/cancel/"


@pytest.fixture
def creator(cast: Cast) -> Client:
    return log_in(cast.creator.user)


@pytest.fixture
def queued(cast: Cast) -> Generation:
    generation = submit_one(cast.organization, "ink-portrait")
    Generation.objects.update(user=cast.creator.user)
    return generation


# --- Cancel --------------------------------------------------------------------------------------------------


def test_queued_one_ends_uncharged_and_uncounted(cast: Cast, creator: Client, queued: Generation) -> None:
    assert cancel_url(queued) in creator.get(url(cast, "playground/")).content.decode()
    card = creator.post(cancel_url(queued), headers=HTMX).content.decode()
    assert "Cancelled." in card
    assert "Not charged." in card
    assert "Try again" not in card
    assert cancel_url(queued) not in card
    assert "poller" not in card  # others may still run, and are asked for
    queued.refresh_from_db()
    assert (queued.state, queued.details) == (State.ERROR, {"error": "cancelled"})
    assert queued.finished_at
    assert balance_of(cast.organization) == 100_000
    assert not unbalanced_accounts()
    assert Use.objects.get().images == 0
    assert workflow.submit(queued.pk) == []


def test_without_htmx_it_leads_back_to_the_generation(cast: Cast, creator: Client, queued: Generation) -> None:
    response = creator.post(cancel_url(queued), follow=True)
    assert "Cancelled. Not charged." in response.content.decode()


@pytest.mark.parametrize("state", [State.SUBMITTING, State.RUNNING, State.FETCHING])
def test_submitted_one_can_not_be_called_back(cast: Cast, creator: Client, queued: Generation, state: State) -> None:
    Generation.objects.update(state=state)
    assert cancel_url(queued) not in creator.get(url(cast, "playground/")).content.decode()
    response = creator.post(cancel_url(queued), headers=HTMX)
    assert (response.status_code, response["HX-Retarget"]) == (409, "#toasts")
    assert "can&#x27;t be called back" in response.content.decode()
    queued.refresh_from_db()
    assert queued.state == state


def test_finished_one_says_so(creator: Client, queued: Generation) -> None:
    creator.post(cancel_url(queued))
    again = creator.post(cancel_url(queued), headers=HTMX)
    assert again.status_code == 409
    assert "nothing left to cancel" in again.content.decode()


def test_others_may_be_cancelled_by_administrators_alone(cast: Cast, queued: Generation) -> None:
    developer = log_in(cast.developer.user)
    assert cancel_url(queued) not in developer.get(url(cast, "playground/")).content.decode()
    assert developer.post(cancel_url(queued)).status_code == 403
    assert log_in(cast.viewer.user).post(cancel_url(queued)).status_code == 403
    assert log_in(cast.outsider.user).post(cancel_url(queued)).status_code == 404
    assert log_in(cast.owner.user).post(cancel_url(queued), headers=HTMX).status_code == 200


class Submissions:
    """A provider that only counts what it is handed."""

    def __init__(self) -> None:
        self.count = 0

    def submit(self, *args: Any) -> str:
        self.count += 1
        return "http://provider.test/1"


@pytest.mark.django_db(transaction=True)
def test_of_cancelling_and_submitting_at_once_exactly_one_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    provider = Submissions()
    monkeypatch.setattr(workflow, "get_provider", lambda name: provider)
    organization = make_organization("Racers")
    make_finetune(organization, "ink-portrait")
    member: Membership = make_member(organization, Role.ADMINISTRATOR)
    for _ in range(4):
        generation = submit_one(organization, "ink-portrait")
        before = provider.count
        outcomes = at_once(
            lambda g=generation: cancelling.cancel(Generation.objects.get(pk=g.pk), by=member),  # type: ignore[misc]
            lambda g=generation: workflow.submit(g.pk),  # type: ignore[misc]
        )
        is_submitted = provider.count > before
        generation.refresh_from_db()
        released = LedgerEntry.objects.filter(reference=f"release:{generation.pk}").count()
        assert isinstance(outcomes[0], TooLateError) == is_submitted
        assert (generation.state, released) == ((State.RUNNING, 0) if is_submitted else (State.ERROR, 1))
    assert not unbalanced_accounts()


# --- Place in the queue --------------------------------------------------------------------------------------


def test_place_counts_all_organizations_and_names_none(cast: Cast, creator: Client) -> None:
    endpoint = {"endpoint": "flux-2-klein-9b-kv-bf16-finetuned"}
    submit_one(cast.recipient.organization, str(cast.granted), "canary prompt", **endpoint)
    submit_one(cast.recipient.organization, str(cast.granted), "canary prompt", **endpoint)
    submit_one(cast.organization, "ink-portrait")
    submit_one(cast.organization, "ink-portrait")
    page = creator.get(url(cast, "playground/")).content.decode()
    assert "Queued, 2 before it" in page
    assert "Queued, 3 before it" in page
    assert "canary" not in page
    Generation.objects.filter(organization=cast.recipient.organization).update(state=State.RUNNING)
    assert "Queued, next in the queue" in creator.get(url(cast, "playground/")).content.decode()


def test_running_ones_are_shown_besides_the_newest(cast: Cast, creator: Client) -> None:
    old = submit_one(cast.organization, "ink-portrait", "the long one")
    Generation.objects.update(created_at=timezone.now() - timedelta(hours=1), state=State.RUNNING)
    for _ in range(12):
        submit_one(cast.organization, "ink-portrait")
    Generation.objects.exclude(pk=old.pk).update(state=State.ERROR)
    page = creator.get(url(cast, "playground/")).content.decode()
    assert "the long one" in page
    assert 'id="poller" hx-get' in page


def test_what_runs_long_is_asked_for_less_often(cast: Cast, creator: Client) -> None:
    generation = submit_one(cast.organization, "ink-portrait")
    assert "delay:500ms" in ask(creator, cast, generation.pk)
    Generation.objects.update(created_at=timezone.now() - timedelta(minutes=1))
    assert "delay:2s" in ask(creator, cast, generation.pk)


# --- One status request --------------------------------------------------------------------------------------


def ask(client: Client, cast: Cast, *ids: object) -> str:
    response = client.get(url(cast, "generations/status/"), {"ids": [str(pk) for pk in ids]}, headers=HTMX)
    assert response.status_code == 200
    return response.content.decode()


def test_status_answers_with_the_changed_cards_alone(cast: Cast, creator: Client, sandbox: Sandbox) -> None:
    one, two = (submit_one(cast.organization, "ink-portrait") for _ in range(2))
    page = ask(creator, cast, f"{one.pk}:queued.0", f"{two.pk}:queued.1")
    assert "<article" not in page
    assert "hx-trigger" in page
    run_steps(one)
    page = ask(creator, cast, f"{one.pk}:queued.0", f"{two.pk}:queued.1")
    assert page.count('hx-swap-oob="true"') == 3  # both cards and the balance: the other moved up
    assert "Your image is ready." in page
    assert "Queued, next in the queue" in page
    assert "hx-trigger" in page
    run_steps(two)
    page = ask(creator, cast, f"{two.pk}:queued.0")
    assert "Your image is ready." in page
    assert "hx-trigger" not in page


def test_status_stops_without_anything_that_runs(cast: Cast, creator: Client) -> None:
    assert "hx-trigger" not in ask(creator, cast)
    assert "hx-trigger" not in ask(creator, cast, "nonsense", "")


def test_status_takes_away_what_is_gone_and_tells_nothing_of_others(cast: Cast, creator: Client) -> None:
    endpoint = {"endpoint": "flux-2-klein-9b-kv-bf16-finetuned"}
    theirs = submit_one(cast.recipient.organization, str(cast.granted), "canary prompt", **endpoint)
    nothing = uuid4()
    page = ask(creator, cast, theirs.pk, nothing)
    for pk in (theirs.pk, nothing):
        assert f'<article id="generation-{pk}" hx-swap-oob="delete"></article>' in page
    assert "canary" not in page
    assert "hx-trigger" not in page


def test_status_needs_the_same_queries_for_one_and_for_many(
    cast: Cast, creator: Client, django_assert_max_num_queries: Any
) -> None:
    ids = [submit_one(cast.organization, "ink-portrait").pk for _ in range(8)]
    ask(creator, cast, *ids)  # the first request of a minute also notes that the session is in use
    with django_assert_max_num_queries(5):
        assert ask(creator, cast, *ids).count("<article") == 8
    assert ask(creator, cast, *ids, *[uuid4() for _ in range(MAX_POLLED)]).count("data-running>") == 0


def test_generations_page_asks_for_its_parameters_too(cast: Cast, creator: Client, sandbox: Sandbox) -> None:
    generation = submit_one(cast.organization, "ink-portrait")
    page = creator.get(url(cast, f"generations/{generation.pk}/")).content.decode()
    assert f'name="details" value="{generation.pk}"' in page
    run_steps(generation)
    query = {"ids": f"{generation.pk}:queued.0", "details": str(generation.pk)}
    done = creator.get(url(cast, "generations/status/"), query, headers=HTMX).content.decode()
    assert '<div id="details" hx-swap-oob="innerHTML">' in done
    assert "<dt>Duration</dt>" in done
