"""Sharing through the pages: by ID, confirmed by name, seen by the recipient at once, ended again."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from dashboard.organizations.models import Organization
from dashboard.organizations.services.keys import mint_api_key
from finetunes import forms
from finetunes.models import Finetune, Grant
from tests.conftest import Cast, log_in
from tests.factories import make_organization

HTMX = {"HX-Request": "true"}
CONFIRMED = {"confirmed": "1"}


@pytest.fixture
def owner(cast: Cast) -> Client:
    return log_in(cast.owner.user)


def url_of(finetune: Finetune, recipient: Organization | None = None) -> str:
    args = [finetune.organization.org_id, finetune.name]
    return reverse("grant-revoke", args=[*args, recipient.org_id]) if recipient else reverse("grant", args=args)


def page_of(client: Client, finetune: Finetune, **query: int) -> str:
    url = reverse("finetune", args=[finetune.organization.org_id, finetune.name])
    return client.get(url, query).content.decode()


def give(client: Client, finetune: Finetune, org_id: str, **more: str) -> tuple[int, str]:
    response = client.post(url_of(finetune), {"org_id": org_id, **more})
    return response.status_code, response.content.decode()


def test_name_is_shown_before_anything_is_given(cast: Cast, owner: Client) -> None:
    recipient = cast.recipient.organization
    status, page = give(owner, cast.finetune, recipient.org_id)
    assert (status, cast.finetune.grants.count()) == (200, 0)
    assert recipient.name in page
    assert f'value="{recipient.org_id}"' in page


def test_recipient_has_it_with_its_next_request(cast: Cast, owner: Client) -> None:
    recipient = cast.recipient.organization
    status, _ = give(owner, cast.finetune, recipient.org_id, **CONFIRMED)
    assert status == 302
    grant = cast.finetune.grants.get()
    assert (grant.organization, grant.granted_by) == (recipient, cast.owner.user)
    shared = log_in(cast.recipient.user).get(reverse("finetunes", args=[recipient.org_id]), {"tab": "shared"})
    assert f"{cast.organization.org_id}/ink-portrait" in shared.content.decode()
    page = page_of(owner, cast.finetune)
    assert recipient.name in page
    assert cast.owner.user.email in page


def test_id_is_taken_as_people_type_it(cast: Cast, owner: Client) -> None:
    status, _ = give(owner, cast.finetune, f" {cast.recipient.organization.org_id.upper()} ", **CONFIRMED)
    assert (status, cast.finetune.grants.count()) == (302, 1)


@pytest.mark.parametrize(
    ("org_id", "sentence"),
    [
        ("", forms.REQUIRED_ORG_ID),
        ("nobody-has-it", "No organization has this ID"),
        ("x" * 41, "at most 40 characters"),
        ("a\x00b", "Null characters are not allowed"),
    ],
)
def test_wrong_id_is_told_at_the_field_and_kept(cast: Cast, owner: Client, org_id: str, sentence: str) -> None:
    for more in ({}, CONFIRMED):
        status, page = give(owner, cast.finetune, org_id, **more)
        assert (status, sentence in page, cast.finetune.grants.count()) == (422, True, 0)


def test_own_id_and_one_that_has_it_are_told(cast: Cast, owner: Client) -> None:
    assert "own ID" in give(owner, cast.finetune, cast.organization.org_id)[1]
    assert "has this finetune already" in give(owner, cast.granted, cast.recipient.organization.org_id)[1]
    assert cast.granted.grants.count() == 1


def test_part_of_an_id_tells_no_name(cast: Cast, owner: Client) -> None:
    recipient = cast.recipient.organization
    for part in (recipient.org_id[:-1], recipient.name, str(recipient.pk), f"{recipient.org_id}%"):
        status, page = give(owner, cast.finetune, part)
        assert status == 422
        assert "Share <strong>" not in page


def test_a_deleted_organization_is_none(cast: Cast, owner: Client) -> None:
    recipient = make_organization("Gone")
    Organization.objects.filter(pk=recipient.pk).update(deleted_at=recipient.created_at)
    assert "No organization has this ID" in give(owner, cast.finetune, recipient.org_id)[1]


def test_guessing_at_ids_comes_to_an_end(cast: Cast, owner: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forms, "LOOKUPS", 3)
    for number in range(3):
        assert "No organization has this ID" in give(owner, cast.finetune, f"guess-{number}")[1]
    status, page = give(owner, cast.finetune, cast.recipient.organization.org_id)
    assert (status, forms.TOO_MANY_LOOKUPS in page) == (422, True)


def test_revoking_asks_and_then_acts_on_the_next_request(cast: Cast, owner: Client) -> None:
    recipient = cast.recipient.organization
    secret = mint_api_key(recipient, "program")[1]
    question = owner.get(url_of(cast.granted, recipient)).content.decode()
    assert recipient.name in question
    assert cast.granted.grants.count() == 1
    assert owner.post(url_of(cast.granted, recipient)).status_code == 302
    assert cast.granted.grants.count() == 0
    body = {"finetune_id": str(cast.granted), "prompt": "x"}
    path = reverse(f"v1:{cast.granted.endpoint.name}")
    answer = Client().post(path, body, content_type="application/json", headers={"x-key": secret})
    assert answer.status_code == 404
    assert owner.post(url_of(cast.granted, recipient)).status_code == 404


def test_in_the_dialog_each_step_takes_the_place_of_the_one_before(cast: Cast, owner: Client) -> None:
    recipient = cast.recipient.organization
    url = url_of(cast.finetune)
    assert "modal-header" in owner.get(url, headers=HTMX).content.decode()
    asked = owner.post(url, {"org_id": recipient.org_id}, headers=HTMX).content.decode()
    assert "<html" not in asked
    assert "Grant</button>" in asked
    done = owner.post(url, {"org_id": recipient.org_id, **CONFIRMED}, headers=HTMX)
    assert (done.status_code, cast.finetune.grants.count()) == (200, 1)


def test_another_organization_s_finetune_is_nothing(cast: Cast) -> None:
    client = log_in(cast.recipient.user)
    theirs = reverse("grant", args=[cast.recipient.organization.org_id, cast.granted.name])
    assert client.post(theirs, {"org_id": cast.outsider.organization.org_id, **CONFIRMED}).status_code == 404
    assert Grant.objects.count() == 1


def test_who_may_not_grant_sees_no_grants(cast: Cast) -> None:
    assert cast.recipient.organization.name not in page_of(log_in(cast.viewer.user), cast.granted)
    assert cast.recipient.organization.name in page_of(log_in(cast.developer.user), cast.granted)


def test_many_grants_come_in_pages_at_the_same_cost(cast: Cast, owner: Client) -> None:
    page_of(owner, cast.finetune)
    with CaptureQueriesContext(connection) as few:
        page_of(owner, cast.granted)
    Grant.objects.bulk_create(
        Grant(finetune=cast.finetune, organization=make_organization(f"Recipient {number:02}", credits=0))
        for number in range(51)
    )
    with CaptureQueriesContext(connection) as many:
        first = page_of(owner, cast.finetune)
    assert len(many) == len(few)
    assert ("Recipient 00" in first, "Recipient 50" in first) == (True, False)
    assert "Recipient 50" in page_of(owner, cast.finetune, shared=2)
