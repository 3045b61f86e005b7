"""Links into the Playground that can't be followed to the letter: a finetune that is lacking, values that are wrong."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from finetunes.models import Grant
from finetunes.services.catalog import delete_finetune
from finetunes.services.names import rename_finetune
from playground.models import Generation
from playground.reuse import permalink
from tests.conftest import Cast, log_in
from tests.factories import make_finetune, make_member, make_organization


def revoke(cast: Cast) -> None:
    Grant.objects.all().delete()


def expire(cast: Cast) -> None:
    Grant.objects.update(expires_at=timezone.now() - timedelta(minutes=1))


def delete(cast: Cast) -> None:
    delete_finetune(cast.granted)


def rename_it(cast: Cast) -> None:
    rename_finetune(cast.granted, "velvet-night")


@pytest.fixture
def recipient(cast: Cast) -> Client:
    make_finetune(cast.recipient.organization, "aaa-first")
    return log_in(cast.recipient.user)


def open_link(cast: Cast, client: Client, **query: str) -> str:
    return client.get(permalink(cast.recipient.organization, query)).content.decode()


@pytest.mark.parametrize("change", [revoke, expire, delete, rename_it])
def test_finetune_that_is_lacking_is_told_and_no_other_is_picked(cast: Cast, recipient: Client, change: object) -> None:
    lacking = str(cast.granted)
    assert "This asks for" not in open_link(cast, recipient, model=lacking)
    change(cast)  # type: ignore[operator]
    page = open_link(cast, recipient, model=lacking, prompt="a pier", seed="7")
    assert f"This asks for <code>{lacking}</code>." in page
    assert '<option value="">Pick a model</option>' in page
    assert "Pick a model to see the price." in page
    assert "a pier</textarea>" in page
    assert 'value="7"' in page
    assert ("velvet-night" in page) == (change is rename_it)


def test_finetune_that_was_never_granted_is_told_like_none(cast: Cast, recipient: Client) -> None:
    theirs = f"{cast.organization.org_id}/ink-portrait"
    foreign, none = (open_link(cast, recipient, model=name) for name in (theirs, "nothing"))
    assert f"This asks for <code>{theirs}</code>." in foreign
    told = "none of this name is shared with it"
    assert told in foreign
    assert told in none


def test_organization_without_any_finetune_is_told_too(db: None) -> None:
    fresh = make_organization("Fresh")
    page = log_in(make_member(fresh).user).get(permalink(fresh, {"model": "gone"})).content.decode()
    assert "This asks for <code>gone</code>." in page
    assert "Pick a model to see the price." in page


def test_lacking_finetune_can_not_be_submitted(cast: Cast, recipient: Client) -> None:
    data = {"model": "", "prompt": "a pier", "width": "64", "height": "64"}
    response = recipient.post(permalink(cast.recipient.organization, {}), data, headers={"HX-Request": "true"})
    assert response.status_code == 422
    assert "Pick a model." in response.content.decode()
    assert '<option value="" selected>' in response.content.decode()


def test_wrong_values_are_told_at_their_fields_and_the_rest_is_kept(cast: Cast, recipient: Client) -> None:
    page = open_link(cast, recipient, prompt="a pier", finetune_strength="9", seed="many", height="20", width="128")
    for sentence in ("Use 2 or less.", "Enter a whole number", "Height: Use 64 or more."):
        assert sentence in page
    for kept in ("a pier</textarea>", 'value="9"', 'value="many"', 'value="128"'):
        assert kept in page
    assert not Generation.objects.exists()


def test_link_with_a_part_of_the_inputs_complains_of_nothing(cast: Cast, recipient: Client) -> None:
    page = open_link(cast, recipient, seed="7")
    assert "field-errors" not in page
    assert 'name="width" value="1024"' in page
    assert "1.4 credits" in page


def test_too_large_a_size_is_told_where_the_link_gives_one_side(cast: Cast, recipient: Client) -> None:
    assert "over 4 MP; use a smaller size." in open_link(cast, recipient, height="8192")
