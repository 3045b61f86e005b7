"""The Playground's pages: the form, its refusals, cards that stop asking, and what other organizations see."""

from typing import Any

import pytest
from django.test import Client

from dashboard.billing.queries import balance_of
from playground.models import Generation
from tests.conftest import Cast, log_in, read_file
from tests.factories import make_finetune, make_member, make_organization
from tests.playground.conftest import run_steps, submit_one

HTMX = {"HX-Request": "true"}
FIELDS = {"model": "ink-portrait", "prompt": "TOK in the rain", "width": "64", "height": "64", "seed": "5"}


def url(cast: Cast, path: str = "playground/") -> str:
    return f"/o/{cast.organization.org_id}/{path}"


@pytest.fixture
def creator(cast: Cast) -> Client:
    return log_in(cast.creator.user)


def test_page_offers_own_shared_and_official_finetunes_in_groups(cast: Cast) -> None:
    official = make_finetune(cast.outsider.organization, "house-style", is_official=True)
    page = log_in(cast.recipient.user).get(f"/o/{cast.recipient.organization.org_id}/playground/").content.decode()
    assert "Finetunes · Shared with us" in page
    assert f'value="{cast.granted}"' in page
    assert f'value="{official}"' in page
    assert "ink-portrait" not in page


def test_post_without_htmx_leads_to_the_generations_page(cast: Cast, creator: Client) -> None:
    response = creator.post(url(cast), FIELDS)
    generation = Generation.objects.get()
    assert (response.status_code, response["location"]) == (303, url(cast, f"generations/{generation.id}/"))
    assert generation.user == cast.creator.user
    assert generation.endpoint_name == "flux-2-klein-4b-finetuned"
    page = creator.get(response["location"]).content.decode()
    assert '<noscript><meta http-equiv="refresh"' in page


def test_post_with_htmx_answers_with_the_card_alone(cast: Cast, creator: Client) -> None:
    response = creator.post(url(cast), FIELDS, headers=HTMX)
    page = response.content.decode()
    assert response.status_code == 200
    assert "<html" not in page
    assert f'id="generation-{Generation.objects.get().id}"' in page
    assert "98.6" in page


def test_card_asks_again_until_done_and_then_no_more(cast: Cast, creator: Client, sandbox: Any) -> None:
    generation = submit_one(cast.organization, "ink-portrait")
    card = url(cast, f"generations/{generation.id}/")
    assert "data-running" in creator.get(card, headers=HTMX).content.decode()
    run_steps(generation)
    done = creator.get(card, headers=HTMX).content.decode()
    assert "data-running" not in done
    assert "Your image is ready." in done
    for path in ("image/", "thumbnail/"):
        image = creator.get(card + path)
        assert image.status_code == 200
        assert read_file(image)


@pytest.mark.parametrize("marker", ["[error]", "[request moderated]"])
def test_card_of_a_failed_generation_says_not_charged(cast: Cast, creator: Client, sandbox: Any, marker: str) -> None:
    generation = run_steps(submit_one(cast.organization, "ink-portrait", f"TOK {marker}"))
    done = creator.get(url(cast, f"generations/{generation.id}/"), headers=HTMX).content.decode()
    assert "Not charged." in done
    assert "data-running" not in done


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"prompt": " "}, "Write what the image should show."),
        ({"model": ""}, "Pick a model."),
        ({"model": "nothing"}, "has no such finetune"),
        ({"finetune_strength": "3"}, "Use 2 or less."),
        ({"seed": "many"}, "Enter a whole number"),
        ({"width": "20"}, "Width: Use 64 or more."),
        ({"width": "4096", "height": "4096"}, "over 4 MP; use a smaller size."),
    ],
)
def test_wrong_field_is_told_at_the_field_and_nothing_is_lost(
    cast: Cast, creator: Client, change: dict[str, str], sentence: str
) -> None:
    response = creator.post(url(cast), {**FIELDS, **change}, headers=HTMX)
    page = response.content.decode()
    assert response.status_code == 422
    assert sentence in page
    assert response["HX-Retarget"] == "#generate"
    if "prompt" not in change:
        assert "TOK in the rain" in page
    assert not Generation.objects.exists()


def test_short_of_credits_is_told_in_the_form(db: None) -> None:
    poor = make_organization("Poor", credits=0)
    make_finetune(poor, "ink-portrait")
    creator = log_in(make_member(poor).user)
    response = creator.post(f"/o/{poor.org_id}/playground/", FIELDS, headers=HTMX)
    assert response.status_code == 402
    assert "Insufficient credits" in response.content.decode()


def test_price_follows_the_form_before_a_prompt_is_written(cast: Cast, creator: Client) -> None:
    def price(**fields: str) -> str:
        data = {"model": "ink-portrait", **fields}
        return creator.post(url(cast, "playground/quote/"), data, headers=HTMX).content.decode()

    assert "1.4 credits" in price(width="1024", height="1024")
    assert "1.5 credits" in price(width="2048", height="1024")
    assert "98.6 left after" in price()
    assert "64 px or more" in price(width="9000", height="9000")


def test_organization_without_finetunes_runs_a_base_model(db: None, sandbox: Any) -> None:
    fresh = make_organization("Fresh")
    client = log_in(make_member(fresh).user)
    page = client.get(f"/o/{fresh.org_id}/playground/").content.decode()
    assert "/v1/flux-2-klein-4b<" in page
    assert "finetune_strength" not in page
    data = {"model": "/v1/flux-2-klein-4b", "prompt": "a pier", "width": "64", "height": "64"}
    assert client.post(f"/o/{fresh.org_id}/playground/", data, headers=HTMX).status_code == 200
    generation = run_steps(Generation.objects.get())
    assert (generation.endpoint_name, generation.finetune, generation.status) == ("flux-2-klein-4b", None, "Ready")


def test_batch_is_held_as_one_and_its_seeds_count_on(cast: Cast, creator: Client) -> None:
    response = creator.post(url(cast), {**FIELDS, "count": "3"}, headers=HTMX)
    assert response.content.decode().count("<article") == 3
    made = Generation.objects.order_by("inputs__seed")
    assert [generation.inputs["seed"] for generation in made] == [5, 6, 7]
    assert balance_of(cast.organization) == 100_000 - sum(generation.cost for generation in made)


def test_role_that_may_not_generate_sees_the_form_and_why(cast: Cast) -> None:
    viewer = log_in(cast.viewer.user)
    page = viewer.get(url(cast)).content.decode()
    assert "Your role, Viewer, may look but not generate." in page
    assert viewer.post(url(cast), FIELDS).status_code == 403
    assert not Generation.objects.exists()


def test_results_are_the_organizations_own(cast: Cast) -> None:
    submit_one(
        cast.recipient.organization, str(cast.granted), "canary prompt", endpoint="flux-2-klein-9b-kv-bf16-finetuned"
    )
    page = log_in(cast.owner.user).get(url(cast)).content.decode()
    assert "canary prompt" not in page


def test_page_needs_the_same_queries_for_one_and_for_many(
    cast: Cast, creator: Client, django_assert_max_num_queries: Any
) -> None:
    for _ in range(10):
        submit_one(cast.organization, "ink-portrait")
    for number in range(30):
        make_finetune(cast.organization, f"more-{number}")
    creator.get(url(cast))  # the first request of a minute also notes that the session is in use
    with django_assert_max_num_queries(10):
        creator.get(url(cast))


def test_prompt_of_a_hostile_author_is_escaped(cast: Cast, creator: Client) -> None:
    creator.post(url(cast), {**FIELDS, "prompt": "<script>alert(1)</script>"})
    assert "<script>alert" not in creator.get(url(cast)).content.decode()
    assert balance_of(cast.organization) < 100_000


def test_every_wrong_field_is_told_at_once(cast: Cast, creator: Client) -> None:
    wrong = {**FIELDS, "prompt": " ", "width": "33"}
    response = creator.post(url(cast, "playground/"), wrong, headers=HTMX)
    page = response.content.decode()
    assert response.status_code == 422
    assert "Write what the image should show." in page
    assert "Width: Use 64 or more." in page
