"""The model picker's list: its groups and their order, the search, its parts, and what it costs to read."""

import re
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from finetunes.models import Finetune, Sample, Source
from finetunes.services.catalog import delete_finetune
from finetunes.services.labels import add_tag, star
from playground.queries import MOST_LISTED, picking
from playground.queries.picking import Group, Picker
from tests.conftest import Cast, log_in
from tests.factories import make_finetune
from tests.playground.conftest import submit_one

BASE_NAMES = [
    "FLUX.2 [klein] 4B",
    "FLUX.2 [klein] 9B",
    "FLUX.2 [klein] 9B Preview",
    "FLUX.2 [pro]",
    "FLUX.2 [max]",
    "FLUX.2 [flex]",
    "FLUX.1 Kontext [pro]",
    "FLUX.1 Kontext [max]",
    "FLUX 1.1 [pro] Ultra",
    "FLUX 1.1 [pro]",
    "FLUX.1 [dev]",
]


def names_of(group: Group) -> list[str]:
    return [option.model.name for option in group.options]


def shown(cast: Cast, search: str = "", member: str = "owner") -> dict[str, list[str]]:
    person = getattr(cast, member)
    return {group.label: names_of(group) for group in Picker(person.organization, person.user, search).groups()}


def make_many(cast: Cast, count: int, name: str = "many") -> None:
    """Rows alone: a list reads no checkpoint."""
    fields = {"organization": cast.organization, "base_model": "flux-2-klein-4b", "trigger_phrase": "TOK"}
    Finetune.objects.bulk_create(Finetune(name=f"{name}-{number:03}", **fields) for number in range(count))


def get(client: Client, cast: Cast, **query: str) -> str:
    response = client.get(f"/o/{cast.organization.org_id}/playground/models/", query, headers={"HX-Request": "true"})
    assert response.status_code == 200
    return response.content.decode()


def test_groups_are_owned_shared_official_and_base(cast: Cast) -> None:
    make_finetune(cast.outsider.organization, "house-style", is_official=True)
    assert shown(cast) == {
        "Finetunes · Owned": ["ink-portrait", "velvet-noir"],
        "Finetunes · Official": ["house-style · Elsewhere"],
        "Base models": BASE_NAMES,
    }
    assert shown(cast, member="recipient") == {
        "Finetunes · Shared with us": ["velvet-noir · Atelier"],
        "Finetunes · Official": ["house-style · Elsewhere"],
        "Base models": BASE_NAMES,
    }
    assert shown(cast, member="outsider")["Finetunes · Official"] == ["house-style"]


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("NOIR", ["velvet-noir"]),
        ("woken", ["ink-portrait"]),  # its trigger phrase
        ("silk", ["velvet-noir"]),  # its tag
        ("atelier ink", ["ink-portrait"]),  # owner and name
        ("klein 9b", ["FLUX.2 [klein] 9B", "FLUX.2 [klein] 9B Preview"]),
        ("kontext", ["FLUX.1 Kontext [pro]", "FLUX.1 Kontext [max]"]),
        ("base", BASE_NAMES),
        ("nothing of this", []),
        ("\0", ["ink-portrait", "velvet-noir", *BASE_NAMES]),
        ("%", []),
    ],
)
def test_search_finds_what_the_catalogs_search_finds_and_base_models(
    cast: Cast, search: str, expected: list[str]
) -> None:
    Finetune.objects.filter(pk=cast.finetune.pk).update(trigger_phrase="woken by words")
    add_tag(cast.organization, [cast.granted], "raw silk")
    page = get(log_in(cast.owner.user), cast, q=search)
    assert re.findall('data-name="([^"]+)"', page) == expected
    assert ("No model matches" in page) == (not expected)
    assert f">{len(expected)} m" in page


def test_favourites_of_the_person_come_first_in_their_group(cast: Cast) -> None:
    star(cast.owner.user, cast.granted)
    assert shown(cast)["Finetunes · Owned"] == ["velvet-noir", "ink-portrait"]
    assert shown(cast, member="developer")["Finetunes · Owned"] == ["ink-portrait", "velvet-noir"]


def test_what_the_person_used_last_stands_apart_in_a_long_list(cast: Cast) -> None:
    generation = submit_one(cast.organization, "velvet-noir", endpoint="flux-2-klein-9b-kv-bf16-finetuned")
    type(generation).objects.update(user=cast.owner.user)
    assert "Used last" not in shown(cast)
    make_many(cast, picking.AT_A_GLANCE)
    assert shown(cast)["Used last"] == ["velvet-noir"]
    assert "velvet-noir" not in shown(cast)["Finetunes · Owned"]
    assert "Used last" not in shown(cast, "velvet")
    assert "Used last" not in shown(cast, member="developer")
    delete_finetune(cast.granted)
    assert "Used last" not in shown(cast)


@pytest.mark.parametrize("search", ["", "many"])
def test_long_group_comes_in_parts_and_each_finetune_once(cast: Cast, search: str) -> None:
    make_many(cast, 70)
    star(cast.owner.user, Finetune.objects.get(name="many-069"))
    picker = Picker(cast.organization, cast.owner.user, search)
    first = picker.groups()[0]
    assert (len(first.options), first.count) == (10, 70 if search else 72)
    found, cursor = names_of(first), first.next
    while cursor:
        part = picker.more(Source.OWNED, cursor)
        assert len(part.options) <= picking.PAGE_SIZE
        found, cursor = found + names_of(part), part.next
    names = sorted(f"many-{number:03}" for number in range(69)) if search else None
    assert found[0] == "many-069"
    assert found[1:] == (names or sorted(found[1:]))
    assert len(set(found)) == len(found) == first.count


def test_list_costs_the_same_at_500_finetunes(cast: Cast) -> None:
    client = log_in(cast.owner.user)
    make_many(cast, 35)
    make_finetune(cast.outsider.organization, "house-style", is_official=True)
    submit_one(cast.organization, "ink-portrait")
    get(client, cast)  # the first request of a session notes where it comes from
    with CaptureQueriesContext(connection) as few:
        get(client, cast)
    make_many(cast, 465, "more")
    with CaptureQueriesContext(connection) as many:
        page = get(client, cast)
    assert len(many) == len(few) <= 12
    assert page.count('class="picker-option"') <= picking.PAGE_SIZE + len(BASE_NAMES)
    with CaptureQueriesContext(connection) as more:
        cursor = re.search("cursor=([^&]+)&", page)
        get(client, cast, group="owned", cursor=cursor[1] if cursor else "")
    assert len(more) <= len(many)


def test_other_organizations_finetune_is_never_offered(cast: Cast) -> None:
    make_finetune(cast.outsider.organization, "secret-style")
    client = log_in(cast.recipient.user)
    url = f"/o/{cast.recipient.organization.org_id}/playground/models/"
    for query in ({}, {"q": "secret"}, {"q": f"{cast.outsider.organization.org_id}/"}, {"group": "third_party"}):
        assert "secret-style" not in client.get(url, query).content.decode()


@pytest.mark.parametrize(("group", "status"), [("owned", 200), ("base", 404), ("nonsense", 404)])
def test_part_of_a_group_that_is_none_is_not_found(cast: Cast, group: str, status: int) -> None:
    url = f"/o/{cast.organization.org_id}/playground/models/"
    assert log_in(cast.owner.user).get(url, {"group": group, "cursor": "anything"}).status_code == status


def test_organization_without_finetunes_is_led_to_add_one_if_the_role_may(cast: Cast) -> None:
    Finetune.objects.all().delete()
    page = get(log_in(cast.developer.user), cast)
    assert f'href="/o/{cast.organization.org_id}/finetunes/add/"' in page
    page = get(log_in(cast.creator.user), cast)
    assert "Ask an Administrator or a Developer of Atelier" in page
    assert "finetunes/add/" not in page
    assert re.findall('data-name="([^"]+)"', page) == BASE_NAMES


def test_option_shows_cover_owner_base_model_and_trigger_phrase(cast: Cast) -> None:
    page = get(log_in(cast.owner.user), cast, q="velvet")
    for told in (">VN<", "velvet-noir", "FLUX.2 [klein] 9B (KV-cached)", "BF16", "<code>TOK</code>"):
        assert told in page
    facts = {"image": "samples/a.png", "thumbnail": "samples/a.webp", "width": 64, "height": 64, "strength": 1}
    cover = Sample.objects.create(finetune=cast.granted, prompt="TOK", generation_id=uuid4(), **facts)
    Finetune.objects.filter(pk=cast.granted.pk).update(cover=cover)
    org_id = cast.recipient.organization.org_id
    page = log_in(cast.recipient.user).get(f"/o/{org_id}/playground/models/").content.decode()
    assert f"/finetune/{cast.organization.org_id}~velvet-noir/samples/{cover.pk}/thumbnail/" in page
    assert f'<span class="picker-prefix">{cast.organization.org_id}/</span>velvet-noir' in page
    assert '<span class="picker-owner">Atelier</span>' in page


def test_wrong_model_is_told_at_the_button_too(cast: Cast) -> None:
    url = f"/o/{cast.organization.org_id}/playground/"
    page = log_in(cast.creator.user).post(url, {"model": "gone", "prompt": "a pier"}).content.decode()
    assert 'aria-describedby="id_model_error model-note" aria-invalid="true" data-picker-open hidden' in page


def test_plain_list_ends_and_leads_to_the_catalog(cast: Cast) -> None:
    client = log_in(cast.creator.user)
    url = f"/o/{cast.organization.org_id}/playground/"
    assert "search there" not in client.get(url).content.decode()
    make_many(cast, MOST_LISTED)
    page = client.get(url).content.decode()
    assert "search there" in page
    assert page.count("<option") - page.count('<option value="/v1/') < MOST_LISTED + 10
    linked = client.get(url, {"model": "velvet-noir"}).content.decode()
    assert '<option value="velvet-noir" selected' in linked
    assert "/v1/flux-2-klein-9b-kv-bf16-finetuned" in linked


def test_note_tells_endpoint_base_model_precision_and_the_terms_of_a_grant(cast: Cast) -> None:
    cast.granted.grants.update(monthly_cap=1)
    client = log_in(cast.recipient.user)
    org_id = cast.recipient.organization.org_id
    url = f"/o/{org_id}/playground/parameters/"

    def note(model: str) -> str:
        return client.get(url, {"model": model}).content.decode()

    page = note(str(cast.granted))
    assert "Routes to <code>/v1/flux-2-klein-9b-kv-bf16-finetuned</code>" in page
    assert "<span>FLUX.2 [klein] 9B (KV-cached)</span>" in page
    assert f'href="/o/{org_id}/finetune/{cast.organization.org_id}~velvet-noir/"' in page
    assert "0 of 1" in page
    assert 'id="model-picked" hx-swap-oob="true"' in page
    submit_one(cast.recipient.organization, str(cast.granted), endpoint="flux-2-klein-9b-kv-bf16-finetuned")
    assert "unless Atelier raises the cap" in note(str(cast.granted))
    assert "without a finetune" in note("/v1/flux-2-klein-4b")
    Finetune.objects.update(current_version=None)
    assert "Its file lies upstream" in note(str(cast.granted))
