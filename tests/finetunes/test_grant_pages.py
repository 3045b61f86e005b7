"""Sharing through the pages: by ID, confirmed by name and terms, seen by the recipient, changed, ended again."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from dashboard.organizations.models import Organization
from dashboard.organizations.services.keys import mint_api_key
from finetunes.forms import grants as forms
from finetunes.models import Finetune, Grant, Use
from finetunes.services import catalog, grants
from tests.conftest import Cast, log_in
from tests.factories import make_finetune, make_organization

HTMX = {"HX-Request": "true"}
CONFIRMED = {"confirmed": "1"}


@pytest.fixture
def owner(cast: Cast) -> Client:
    return log_in(cast.owner.user)


def url_of(finetune: Finetune, recipient: Organization | None = None) -> str:
    args = [finetune.organization.org_id, finetune.name]
    return reverse("grant-revoke", args=[*args, recipient.org_id]) if recipient else reverse("grant", args=args)


def page_of(client: Client, finetune: Finetune, **query: int) -> str:
    url = reverse("finetune-sharing", args=[finetune.organization.org_id, finetune.name])
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
    monkeypatch.setattr(grants, "LOOKUPS", 3)
    for number in range(3):
        assert "No organization has this ID" in give(owner, cast.finetune, f"guess-{number}")[1]
    status, page = give(owner, cast.finetune, cast.recipient.organization.org_id)
    assert (status, grants.TOO_MANY_LOOKUPS in page) == (422, True)


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


def test_over_the_tab_the_name_opens_a_dialog_and_a_refusal_replaces_the_form(cast: Cast, owner: Client) -> None:
    recipient = cast.recipient.organization
    url = url_of(cast.finetune)
    refused = owner.post(url, {"org_id": "nobody", "monthly_cap": "40"}, headers=HTMX)
    assert (refused.status_code, refused["HX-Retarget"], refused["HX-Reswap"]) == (422, "this", "outerHTML")
    form = refused.content.decode()
    assert form.lstrip().startswith("<form")
    assert ('value="nobody"' in form, 'value="40"' in form) == (True, True)
    asked = owner.post(url, {"org_id": recipient.org_id}, headers=HTMX)
    assert "HX-Retarget" not in asked
    assert "modal-header" in asked.content.decode()
    assert "<html" not in asked.content.decode()
    done = owner.post(url, {"org_id": recipient.org_id, **CONFIRMED}, headers=HTMX)
    assert (done.status_code, cast.finetune.grants.count()) == (200, 1)
    again = owner.post(url, {"org_id": recipient.org_id, **CONFIRMED}, headers=HTMX)
    assert (again.status_code, "HX-Retarget" in again, "modal-header" in again.content.decode()) == (422, False, True)


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
    recipients = [make_organization(f"Recipient {number:02}", credits=0) for number in range(51)]
    Grant.objects.bulk_create(
        Grant(finetune=cast.finetune, organization=recipient, monthly_cap=50) for recipient in recipients
    )
    Use.objects.bulk_create(
        Use(finetune=cast.finetune, organization=recipient, day=timezone.now().date(), strength=strength, images=3)
        for recipient in recipients
        for strength in (5, 10)
    )
    with CaptureQueriesContext(connection) as many:
        first = page_of(owner, cast.finetune)
    assert len(many) == len(few)
    assert ("Recipient 00" in first, "Recipient 50" in first) == (True, False)
    assert first.count("<strong>6</strong> of 50 images this month") == 50
    assert "Recipient 50" in page_of(owner, cast.finetune, page=2)


# --- Limits ------------------------------------------------------------------------------------------------


def edit_url(finetune: Finetune, recipient: Organization) -> str:
    return reverse("grant-edit", args=[finetune.organization.org_id, finetune.name, recipient.org_id])


def next_week() -> date:
    return timezone.now().date() + timedelta(days=7)


def test_terms_are_shown_before_anything_is_given_and_kept_on_the_way_back(cast: Cast, owner: Client) -> None:
    limits = {"expires_at": next_week().isoformat(), "monthly_cap": "1200"}
    org_id = cast.recipient.organization.org_id
    status, page = give(owner, cast.finetune, org_id, **limits)
    assert (status, cast.finetune.grants.count()) == (200, 0)
    assert "at most 1,200" in page
    for value in (org_id, *limits.values()):
        assert f'value="{value}"' in page
    status, back = give(owner, cast.finetune, org_id, **limits, edit="1")
    assert (status, cast.finetune.grants.count()) == (200, 0)
    for value in (org_id, *limits.values()):
        assert f'value="{value}"' in back
    assert give(owner, cast.finetune, org_id, **limits, **CONFIRMED)[0] == 302
    grant = cast.finetune.grants.get()
    assert grant.monthly_cap == 1200
    assert grant.expires_at == datetime.combine(next_week(), time.max, UTC)


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("expires_at", "2001-01-01", "This has passed"),
        ("expires_at", "soon", "Enter a date"),
        ("monthly_cap", "0", "from 1 to 1,000,000"),
        ("monthly_cap", "1000001", "from 1 to 1,000,000"),
        ("monthly_cap", "many", "from 1 to 1,000,000"),
    ],
)
def test_wrong_limits_are_told_at_the_field_and_kept(
    cast: Cast, owner: Client, field: str, value: str, sentence: str
) -> None:
    recipient = cast.recipient.organization
    status, page = give(owner, cast.finetune, recipient.org_id, **{field: value}, **CONFIRMED)
    assert (status, sentence in page, f'value="{value}"' in page) == (422, True, True)
    assert recipient.name not in page
    edited = owner.post(edit_url(cast.granted, recipient), {field: value})
    assert (edited.status_code, sentence in edited.content.decode()) == (422, True)
    assert not cast.finetune.grants.exists()


def test_who_has_it_already_is_offered_other_limits(cast: Cast, owner: Client) -> None:
    recipient = cast.recipient.organization
    page = give(owner, cast.granted, recipient.org_id)[1]
    assert f'href="{edit_url(cast.granted, recipient)}"' in page


def test_limits_are_edited_and_stand_in_the_form(cast: Cast, owner: Client) -> None:
    recipient = cast.recipient.organization
    url = edit_url(cast.granted, recipient)
    assert owner.post(url, {"expires_at": next_week().isoformat(), "monthly_cap": "40"}).status_code == 302
    assert cast.granted.grants.get().monthly_cap == 40
    form = owner.get(url).content.decode()
    assert (f'value="{next_week()}"' in form, 'value="40"' in form) == (True, True)
    assert "of 40 images this month" in page_of(owner, cast.granted)
    assert owner.post(url, {}).status_code == 302
    grant = cast.granted.grants.get()
    assert (grant.expires_at, grant.monthly_cap) == (None, None)


def test_expired_grant_shows_as_such_and_is_renewed(cast: Cast, owner: Client) -> None:
    recipient = cast.recipient.organization
    cast.granted.grants.update(expires_at=timezone.now() - timedelta(days=1))
    page = page_of(owner, cast.granted)
    assert ("grant-expired" in page, f"Renew: {recipient.name}" in page) == (True, True)
    form = owner.get(edit_url(cast.granted, recipient)).content.decode()
    assert "Renew</button>" in form
    assert owner.post(edit_url(cast.granted, recipient), {"monthly_cap": "3"}, follow=True).status_code == 200
    assert cast.granted.grants.get().is_live
    cast.granted.grants.update(expires_at=timezone.now())
    assert give(owner, cast.granted, recipient.org_id, **CONFIRMED)[0] == 302
    assert cast.granted.grants.get().is_live


def test_other_organizations_cannot_reach_the_limits(cast: Cast, owner: Client) -> None:
    recipient = cast.recipient.organization
    assert owner.get(edit_url(cast.finetune, recipient)).status_code == 404
    theirs = reverse("grant-edit", args=[recipient.org_id, cast.granted.name, recipient.org_id])
    assert log_in(cast.recipient.user).post(theirs, {"monthly_cap": "9"}).status_code == 404
    assert log_in(cast.viewer.user).post(edit_url(cast.granted, recipient), {}).status_code == 403


def test_recipient_reads_its_terms_in_one_statement_more(cast: Cast) -> None:
    def read(finetune: Finetune) -> tuple[str, int]:
        url = reverse("finetune", args=[recipient.org_id, str(finetune)])
        with CaptureQueriesContext(connection) as statements:
            page = client.get(url).content.decode()
        return page, len(statements)

    recipient, client = cast.recipient.organization, log_in(cast.recipient.user)
    unlimited = make_finetune(cast.organization, granted_to=recipient)
    read(unlimited)
    cast.granted.grants.update(expires_at=timezone.now() + timedelta(days=1), monthly_cap=2)
    page, cost = read(cast.granted)
    assert "<strong>0 of 2</strong> images used this month" in page
    assert cost == read(unlimited)[1]
    assert "shares this finetune with you" not in read(unlimited)[0]
    Use.objects.create(finetune=cast.granted, organization=recipient, day=timezone.now().date(), strength=10, images=2)
    assert "no more until" in read(cast.granted)[0]
    catalog.publish_official(cast.granted)
    assert "used this month" not in read(cast.granted)[0]


def test_official_is_explained(cast: Cast, owner: Client) -> None:
    sentence = "every organization on this server may use it"
    assert sentence not in page_of(owner, cast.finetune)
    catalog.publish_official(cast.finetune)
    assert sentence in page_of(owner, cast.finetune)
