"""A generation's inputs used again: as values of the form, and as links that fill it."""

import json
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from django.http import QueryDict
from django.test import Client
from django.utils.html import escape

from dashboard.sandbox.server import Sandbox
from finetunes.services.names import rename_finetune
from playground.forms.generate import GenerateForm
from playground.models import Generation
from playground.references.stored import as_sent
from playground.reuse import GONE, Reuse, full_link, permalink, read_link, reuse_link, take, values_of
from tests.conftest import Cast, log_in
from tests.playground.conftest import run_steps, submit_one
from tests.playground.test_generate import picture

ALL = {
    "model": "ink-portrait",
    "prompt": "TOK & a cat, 100 % wet",
    "finetune_strength": "0.8",
    "seed": "18446744073709551615",
    "width": "64",
    "height": "128",
    "output_format": "png",
    "safety_tolerance": "3",
}


@pytest.fixture
def generation(cast: Cast) -> Generation:
    given = {name: ALL[name] for name in ("finetune_strength", "seed", "height", "output_format", "safety_tolerance")}
    return submit_one(cast.organization, "ink-portrait", ALL["prompt"], **given)


def query_of(link: str) -> QueryDict:
    return QueryDict(urlsplit(link).query)


def test_values_are_all_inputs_by_the_forms_names(generation: Generation) -> None:
    assert values_of(generation) == ALL


@pytest.mark.parametrize(
    ("reuse", "names"),
    [
        (Reuse.ALL, set(ALL)),
        (Reuse.REMIX, set(ALL) - {"seed"}),
        (Reuse.PROMPT, {"prompt"}),
        (Reuse.SEED, {"seed"}),
    ],
)
def test_link_carries_what_is_used_again_and_nothing_else(
    cast: Cast, generation: Generation, reuse: Reuse, names: set[str]
) -> None:
    query = query_of(reuse_link(cast.organization, generation, reuse))
    assert query.dict() == {"from": str(generation.pk), "take": str(reuse)}
    taken = read_link(cast.creator, query)
    filled = {name: value for name, value in taken.query.items() if name not in query}
    assert filled == {name: ALL[name] for name in names}
    assert set(taken.taken) == names


def test_seed_is_the_one_that_was_used(cast: Cast, sandbox: Sandbox) -> None:
    drawn = run_steps(submit_one(cast.organization, "ink-portrait"))
    assert drawn.seed
    assert values_of(drawn)["seed"] == drawn.seed


def test_finetune_goes_by_its_name_of_today(cast: Cast, generation: Generation) -> None:
    rename_finetune(cast.finetune, "ink-portrait-2")
    assert values_of(Generation.objects.get())["model"] == "ink-portrait-2"


def test_shared_finetune_goes_by_its_owner_and_name(cast: Cast) -> None:
    endpoint = {"endpoint": "flux-2-klein-9b-kv-bf16-finetuned"}
    theirs = submit_one(cast.recipient.organization, str(cast.granted), **endpoint)
    assert values_of(theirs)["model"] == str(cast.granted)


def test_card_and_page_offer_each_of_the_four_without_scripts(cast: Cast, sandbox: Sandbox) -> None:
    generation = run_steps(submit_one(cast.organization, "ink-portrait"))
    creator = log_in(cast.creator.user)
    for path in ("playground/", f"generations/{generation.pk}/"):
        page = creator.get(f"/o/{cast.organization.org_id}/{path}").content.decode()
        for reuse in Reuse:
            assert reuse_link(cast.organization, generation, reuse).replace("&", "&amp;") in page


def test_opened_link_fills_the_form_and_runs_nothing(cast: Cast, client: Client) -> None:
    page = log_in(cast.creator.user, client).get(permalink(cast.organization, ALL)).content.decode()
    assert '<option value="ink-portrait" selected' in page
    assert "TOK &amp; a cat, 100 % wet</textarea>" in page
    for name in ("finetune_strength", "seed", "width", "height"):
        assert f'name="{name}" value="{ALL[name]}"' in page
    assert '<option value="png" selected>' in page
    assert not Generation.objects.exists()


# --- Reference images --------------------------------------------------------------------------------------------


@pytest.fixture
def with_references(cast: Cast) -> Generation:
    """The second as it was kept when the provider fetched what was named by URL."""
    generation = submit_one(cast.organization, "ink-portrait", input_image=picture())
    generation.references.append({"field": "input_image_2", "url": "https://images.test/a.png"})
    generation.save(update_fields=["references"])
    return generation


@pytest.mark.parametrize(("reuse", "count"), [(Reuse.ALL, 2), (Reuse.REMIX, 2), (Reuse.PROMPT, 0), (Reuse.SEED, 0)])
def test_all_and_remix_bring_the_reference_images_back(
    cast: Cast, with_references: Generation, reuse: Reuse, count: int
) -> None:
    page = log_in(cast.creator.user).get(reuse_link(cast.organization, with_references, reuse)).content.decode()
    assert page.count('name="references"') == count
    assert ("images.test" in page) == bool(count)


def test_they_are_sent_again_as_they_were(cast: Cast, with_references: Generation) -> None:
    creator = log_in(cast.creator.user)
    data = {**values_of(with_references), "width": "64", "height": "64"}
    assert creator.post(permalink(cast.organization, {}), data).status_code == 303
    again = Generation.objects.exclude(pk=with_references.pk).get()
    assert as_sent(again.references) == as_sent(with_references.references)
    assert again.references[0]["file"] != with_references.references[0]["file"]


# --- Links: short for the organization, whole for whoever it is sent to --------------------------------------------


def test_full_link_carries_all_inputs_with_the_reference_images(cast: Cast, with_references: Generation) -> None:
    query = query_of(full_link(cast.organization, with_references))
    assert query["prompt"] == "TOK in the rain"
    assert query.getlist("references") == [f"kept-{with_references.pk}-{place}" for place in range(2)]


def test_full_link_leads_members_into_their_organization_and_others_into_theirs(
    cast: Cast, generation: Generation
) -> None:
    link = full_link(cast.organization, generation)
    theirs = log_in(cast.creator.user).get(link, follow=True)
    assert theirs.redirect_chain[0][0].startswith(f"/o/{cast.organization.org_id}/playground/?")
    assert 'value="ink-portrait" selected' in theirs.content.decode()
    others = log_in(cast.outsider.user).get(link, follow=True)
    assert others.redirect_chain[0][0].startswith(f"/o/{cast.outsider.organization.org_id}/playground/?")
    assert f"This asks for <code>{cast.organization.org_id}/ink-portrait</code>." in others.content.decode()
    assert escape(generation.prompt) in others.content.decode()


def test_full_link_that_no_address_holds_is_the_short_one(cast: Cast) -> None:
    long = submit_one(cast.organization, "ink-portrait", "雨" * 3_000)
    assert full_link(cast.organization, long) == reuse_link(cast.organization, long, Reuse.ALL)
    page = log_in(cast.creator.user).get(full_link(cast.organization, long)).content.decode()
    assert "雨" * 3_000 in page


def test_cards_hold_a_long_prompt_no_more_often_for_their_links(cast: Cast) -> None:
    long = submit_one(cast.organization, "ink-portrait", "rain " * 10_000)
    page = log_in(cast.creator.user).get(permalink(cast.organization, {})).content.decode()
    assert str(long.pk) in page
    assert len(page) < 50_000 * 4


def test_link_says_itself_what_is_to_be_otherwise(cast: Cast, generation: Generation) -> None:
    link = reuse_link(cast.organization, generation, Reuse.ALL) + "&seed=12"
    filled = read_link(cast.creator, query_of(link)).query
    assert (filled["seed"], filled["prompt"]) == ("12", ALL["prompt"])


@pytest.mark.parametrize("whose", ["none", "foreign", "no id"])
def test_result_that_is_not_here_is_told_and_fills_nothing(cast: Cast, whose: str) -> None:
    theirs = submit_one(
        cast.recipient.organization, str(cast.granted), "their secret", endpoint="flux-2-klein-9b-kv-bf16-finetuned"
    )
    pk = {"none": uuid4(), "foreign": theirs.pk, "no id": "x"}[whose]
    page = log_in(cast.creator.user).get(permalink(cast.organization, {"from": str(pk), "take": "all"}))
    assert page.status_code == 200
    assert GONE.replace("'", "&#x27;") in page.content.decode()
    assert "their secret" not in page.content.decode()


# --- Into a form that stands already -------------------------------------------------------------------------------


def fill_standing(
    cast: Cast, generation: Generation, reuse: Reuse, standing: dict[str, Any]
) -> tuple[GenerateForm, Any]:
    response = log_in(cast.creator.user).post(
        f"/o/{cast.organization.org_id}/playground/fill/?from={generation.pk}&take={reuse}",
        standing,
        headers={"HX-Request": "true"},
    )
    assert response.status_code == 200
    return response.context["form"], json.loads(response["HX-Trigger-After-Settle"])["form-filled"]


STANDING = {"model": "ink-portrait", "prompt": "mine", "seed": "1", "width": "", "height": "", "count": "4"}


def test_seed_alone_leaves_all_else_even_what_is_empty(cast: Cast, generation: Generation) -> None:
    standing = {**STANDING, "count": "1"}
    form, told = fill_standing(cast, generation, Reuse.SEED, standing)
    assert {name: form[name].value() for name in standing} == {**standing, "seed": ALL["seed"]}
    assert told == {"words": "seed", "focus": "id_seed"}
    assert not form.errors


def test_all_replaces_what_it_names_and_leaves_the_count(cast: Cast, generation: Generation) -> None:
    form, told = fill_standing(cast, generation, Reuse.ALL, STANDING)
    assert {name: form[name].value() for name in ALL} == ALL
    assert form["count"].value() == "4"
    assert told == {"words": "8 fields", "focus": "id_prompt"}


def test_all_of_a_result_without_reference_images_takes_them_out(
    cast: Cast, generation: Generation, with_references: Generation
) -> None:
    standing = {**STANDING, "references": values_of(with_references)["references"]}
    form, _ = fill_standing(cast, generation, Reuse.ALL, standing)
    assert form.images == []
    form, _ = fill_standing(cast, generation, Reuse.PROMPT, standing)
    assert len(form.images) == 2


def test_prompt_of_any_length_goes_into_the_form(cast: Cast) -> None:
    long = submit_one(cast.organization, "ink-portrait", "rain " * 19_999)
    form, _ = fill_standing(cast, long, Reuse.PROMPT, {**STANDING, "prompt": "snow " * 19_999})
    assert form["prompt"].value() == "rain " * 19_999


def test_standing_form_stays_where_the_result_is_gone(cast: Cast, generation: Generation) -> None:
    standing = QueryDict(mutable=True)
    standing.update(STANDING)
    link = take(cast.creator, QueryDict(f"from={uuid4()}&take=all"), standing)
    assert link.gone == GONE
    assert link.query.dict() == STANDING
