"""Two results beside each other, and one against its base model."""

from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from dashboard.billing.queries import balance_of
from dashboard.sandbox.server import Sandbox
from playground.models import Generation
from playground.services import comparing
from tests.conftest import Cast, log_in
from tests.playground.conftest import run_steps, submit_one

THEIR_ENDPOINT = {"endpoint": "flux-2-klein-9b-kv-bf16-finetuned"}


@pytest.fixture
def creator(cast: Cast) -> Client:
    return log_in(cast.creator.user)


def compare(cast: Cast, client: Client, **query: object) -> tuple[int, str]:
    response = client.get(
        reverse("compare", args=[cast.organization.org_id]), {name: str(pk) for name, pk in query.items()}
    )
    return response.status_code, response.content.decode()


def base_url(generation: Generation) -> str:
    return reverse("generation-base", args=[generation.organization.org_id, generation.pk])


def test_pair_is_shown_with_what_differs_first(cast: Cast, creator: Client, sandbox: Sandbox) -> None:
    one, two = (run_steps(submit_one(cast.organization, "ink-portrait", seed=seed)) for seed in (5, 6))
    status, page = compare(cast, creator, a=one.pk, b=two.pk)
    assert status == 200
    assert "data-compare-range" in page
    for generation in (one, two):
        assert reverse("generation-image", args=[cast.organization.org_id, generation.pk]) in page
    rows = comparing.differences(one, two)
    assert [(row.label, row.a, row.b) for row in rows if row.differs] == [("Seed", "5", "6")]
    assert rows[0].differs


def test_second_result_is_chosen_from_a_list_without_scripts(cast: Cast, creator: Client, sandbox: Sandbox) -> None:
    one, two = (run_steps(submit_one(cast.organization, "ink-portrait")) for _ in range(2))
    status, page = compare(cast, creator, a=one.pk)
    assert status == 200
    assert "Choose the second result." in page
    assert f'<option value="{one.pk}" selected>' in page
    assert page.count(f'<option value="{two.pk}">') == 2


@pytest.mark.parametrize("side", ["a", "b"])
def test_results_of_others_are_as_none(cast: Cast, creator: Client, side: str) -> None:
    theirs = submit_one(cast.recipient.organization, str(cast.granted), "canary prompt", **THEIR_ENDPOINT)
    for other in (theirs.pk, uuid4(), "nonsense"):
        assert compare(cast, creator, **{side: other})[0] == 404
    assert "canary" not in compare(cast, creator)[1]


def test_against_base_makes_the_same_image_at_strength_0(cast: Cast, creator: Client, sandbox: Sandbox) -> None:
    result = run_steps(submit_one(cast.organization, "ink-portrait", finetune_strength=0.8, output_format="png"))
    before = balance_of(cast.organization)
    response = creator.post(base_url(result))
    base = Generation.objects.exclude(pk=result.pk).get()
    assert response["location"] == f"{reverse('compare', args=[cast.organization.org_id])}?a={base.pk}&b={result.pk}"
    assert before - balance_of(cast.organization) == comparing.base_cost(result) == base.cost
    assert base.user == cast.creator.user
    assert base.inputs == {**result.inputs, "finetune_strength": 0.0, "seed": int(result.seed)}
    _, page = compare(cast, creator, a=base.pk, b=result.pk)
    assert 'hx-trigger="load delay' in page
    assert '<noscript><meta http-equiv="refresh"' in page
    run_steps(base)
    _, page = compare(cast, creator, a=base.pk, b=result.pk)
    assert 'hx-trigger="load delay' not in page
    assert "data-compare-range" in page


def test_base_itself_and_what_is_not_ready_have_none(cast: Cast, creator: Client, sandbox: Sandbox) -> None:
    base = run_steps(submit_one(cast.organization, "ink-portrait", finetune_strength=0))
    queued = submit_one(cast.organization, "ink-portrait")
    for generation in (base, queued):
        assert not comparing.has_base(generation)
        assert creator.post(base_url(generation)).status_code == 422
    assert Generation.objects.count() == 2
