"""Grants under /v1: given, limited and ended by the owner's programs, and no way to learn who else is here."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from dashboard.organizations.models import AuditEvent
from dashboard.organizations.roles import Scope
from finetunes.models import Grant, Use
from finetunes.services.grants import LOOKUPS
from tests.conftest import Cast, log_in
from tests.factories import make_organization
from tests.finetunes.calling import LIST, OWN, fields_of, patch, post, program
from tests.finetunes.uploading import json_of

GRANTS = f"{OWN}/grants"
SOON = datetime(2999, 1, 31, 12, tzinfo=UTC)


@pytest.fixture
def owner(cast: Cast) -> Client:
    return program(cast.organization, Scope.MANAGE)


def give(client: Client, org_id: str, **limits: Any) -> Any:
    return post(client, GRANTS, org_id=org_id, **limits)


def grant_of(cast: Cast) -> Grant:
    return Grant.objects.get(finetune=cast.finetune, organization=cast.recipient.organization)


def test_a_grant_with_limits_reaches_its_recipient_at_once(cast: Cast, owner: Client) -> None:
    bureau = cast.recipient.organization
    answer = give(owner, bureau.org_id, expires_at="2999-01-31T13:00:00+01:00", monthly_cap=40)
    assert answer.status_code == 201, answer.content
    expected = {"org_id": bureau.org_id, "name": "Bureau", "expires_at": "2999-01-31T12:00:00Z", "monthly_cap": 40}
    assert expected.items() <= answer.json().items()
    assert (grant_of(cast).expires_at, grant_of(cast).monthly_cap) == (SOON, 40)
    assert owner.get(GRANTS).json() == {"grants": [answer.json()], "next": None}
    assert f"{cast.organization.org_id}/ink-portrait" in program(bureau).get("/v1/my_finetunes").json()["finetunes"]
    logged = AuditEvent.objects.get(organization=bureau, subject=f"{cast.organization.org_id}/ink-portrait")
    assert "program" not in logged.actor  # of the owner's people and keys the recipient reads nothing


def test_given_again_it_stays_and_what_is_sent_holds(cast: Cast, owner: Client) -> None:
    org_id = cast.recipient.organization.org_id
    assert give(owner, org_id, monthly_cap=40).status_code == 201
    assert (give(owner, org_id).status_code, grant_of(cast).monthly_cap) == (200, 40)
    assert give(owner, org_id, expires_at="2999-01-31T12:00:00").status_code == 200
    assert (grant_of(cast).expires_at, grant_of(cast).monthly_cap) == (SOON, 40)
    Grant.objects.filter(pk=grant_of(cast).pk).update(expires_at=timezone.now() - timedelta(days=1))
    assert owner.get(GRANTS).json()["grants"][0]["is_live"] is False
    renewed = give(owner, org_id)
    assert (renewed.status_code, renewed.json()["is_live"], renewed.json()["monthly_cap"]) == (201, True, None)


def test_limits_change_one_by_one_and_null_lifts(cast: Cast, owner: Client) -> None:
    path = f"{GRANTS}/{cast.recipient.organization.org_id}"
    give(owner, cast.recipient.organization.org_id, monthly_cap=40)
    assert patch(owner, path, expires_at=SOON.isoformat(), unknown=1).json()["monthly_cap"] == 40
    assert patch(owner, path, monthly_cap=None).json()["expires_at"] == "2999-01-31T12:00:00Z"
    assert (grant_of(cast).expires_at, grant_of(cast).monthly_cap) == (SOON, None)


@pytest.mark.parametrize(
    ("limits", "field"),
    [
        ({"monthly_cap": 0}, "monthly_cap"),
        ({"monthly_cap": -1}, "monthly_cap"),
        ({"monthly_cap": 10**18}, "monthly_cap"),
        ({"monthly_cap": "many"}, "monthly_cap"),
        ({"monthly_cap": 1.5}, "monthly_cap"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": "9999-12-31T23:59:59-12:00"}, "expires_at"),
        ({"expires_at": "0001-01-01T00:00:00+12:00"}, "expires_at"),
        ({"expires_at": "tomorrow"}, "expires_at"),
        ({"expires_at": 10**30}, "expires_at"),
        ({"expires_at": []}, "expires_at"),
    ],
)
def test_a_limit_that_is_none_is_refused_at_its_field(
    cast: Cast, owner: Client, limits: dict[str, Any], field: str
) -> None:
    assert fields_of(give(owner, cast.recipient.organization.org_id, **limits)) == [["body", field]]
    shared = f"{LIST}/velvet-noir/grants/{cast.recipient.organization.org_id}"
    assert fields_of(patch(owner, shared, **limits)) == [["body", field]]
    assert Grant.objects.filter(finetune=cast.finetune).count() == 0


@pytest.mark.parametrize("org_id", ["", " ", "nobody", "\x00", "half \ud800", "x" * 41, None, 7, {}])
def test_an_id_of_nobody_is_refused(cast: Cast, owner: Client, org_id: Any) -> None:
    assert fields_of(give(owner, org_id)) == [["body", "org_id"]]


def test_an_id_is_taken_as_the_form_takes_it_and_the_own_one_is_refused(cast: Cast, owner: Client) -> None:
    assert give(owner, f" {cast.recipient.organization.org_id.upper()} ").status_code == 201
    assert "owner's own ID" in give(owner, cast.organization.org_id).json()["message"]


def test_programs_and_people_share_the_look_ups_of_an_hour(cast: Cast, owner: Client) -> None:
    cache.set(f"rate:recipients:{cast.organization.pk}", LOOKUPS - 1, 3600)
    assert give(owner, "nobody").status_code == 422
    refused = give(owner, cast.recipient.organization.org_id)
    assert (refused.status_code, "within the hour" in json_of(refused)["detail"]) == (429, True)
    url = reverse("grant", args=[cast.organization.org_id, "ink-portrait"])
    page = log_in(cast.owner.user).post(url, {"org_id": cast.recipient.organization.org_id})
    assert (page.status_code, "within the hour" in page.content.decode()) == (422, True)
    assert program(cast.recipient.organization).get(GRANTS).status_code == 404  # others go on


def test_the_owner_reads_how_much_each_recipient_used(cast: Cast, owner: Client) -> None:
    day = timezone.now().date()
    for at, images in ((day, 2), (day - timedelta(days=40), 5)):
        Use.objects.create(
            finetune=cast.granted, organization=cast.recipient.organization, day=at, strength=10, images=images
        )
    (found,) = owner.get(f"{LIST}/velvet-noir/grants").json()["grants"]
    assert (found["used_this_month"], found["used"]) == (2, 7)


def test_revoked_it_is_gone_for_the_recipient_and_a_second_time_404(cast: Cast, owner: Client) -> None:
    path = f"{LIST}/velvet-noir/grants/{cast.recipient.organization.org_id}"
    theirs = program(cast.recipient.organization)
    assert theirs.get(f"{LIST}/{cast.organization.org_id}/velvet-noir").status_code == 200
    answer = owner.delete(path)
    assert (answer.status_code, answer.content) == (204, b"")
    assert theirs.get(f"{LIST}/{cast.organization.org_id}/velvet-noir").status_code == 404
    nobody = owner.delete(f"{LIST}/velvet-noir/grants/nobody")
    assert json_of(owner.delete(path)) == json_of(nobody)
    assert patch(owner, path, monthly_cap=1).status_code == 404


def test_grants_are_the_owners_alone(cast: Cast) -> None:
    shared = f"{LIST}/{cast.organization.org_id}~velvet-noir/grants"
    org_id = cast.recipient.organization.org_id
    for membership, status in ((cast.recipient, 403), (cast.outsider, 404)):
        client = program(membership.organization)
        answers = [
            client.get(shared),
            post(client, shared, org_id=cast.outsider.organization.org_id),
            patch(client, f"{shared}/{org_id}", monthly_cap=1),
            client.delete(f"{shared}/{org_id}"),
        ]
        assert [answer.status_code for answer in answers] == [status] * 4
    assert Grant.objects.filter(finetune=cast.granted, monthly_cap=None).count() == 1


def test_the_list_of_grants_has_pages_and_a_constant_cost(
    cast: Cast, owner: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(5):
        Grant.objects.create(finetune=cast.finetune, organization=make_organization(credits=0))
    owner.get(GRANTS)
    with django_assert_num_queries(3):  # the key, the finetune, the page
        first = owner.get(GRANTS, {"limit": 3}).json()
    second = owner.get(GRANTS, {"limit": 3, "after": first["next"]}).json()
    found = [each["org_id"] for page in (first, second) for each in page["grants"]]
    assert (len(first["grants"]), len(set(found)), second["next"]) == (3, 5, None)
    assert "@" not in str(first)
