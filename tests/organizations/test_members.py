"""Members: what each role sees of them, role changes and departures, and the Administrator who always remains."""

from collections.abc import Callable
from functools import partial

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from dashboard.lib.errors import DashboardError
from dashboard.organizations.events import Action
from dashboard.organizations.models import AuditEvent, Membership
from dashboard.organizations.queries import PAGE_SIZE
from dashboard.organizations.roles import Role
from dashboard.organizations.services.members import change_role, leave, remove_member
from tests.conftest import Cast, log_in
from tests.factories import make_member, make_organization
from tests.organizations.racing import at_once

LAST = "is the only Administrator here. Make someone else an Administrator first."
HTMX = {"HX-Request": "true"}


def url_of(cast: Cast, name: str = "members", *args: int) -> str:
    return reverse(name, args=[cast.organization.org_id, *args])


def text(client: Client, url: str) -> str:
    return client.get(url).content.decode()


def test_every_member_sees_who_belongs_and_administrators_alone_the_controls(cast: Cast) -> None:
    for role, member in cast.members.items():
        page = text(log_in(member.user), url_of(cast))
        assert all(other.user.email in page for other in cast.members.values())
        controls = (
            url_of(cast, "invite"),
            url_of(cast, "member-role", cast.viewer.pk),
            ">Invitations<",
            "Two-factor</th>",
        )
        assert [shown in page for shown in controls] == [role is Role.ADMINISTRATOR] * 4
        assert page.count(">You</span>") == 1
        assert url_of(cast, "member-leave") in page


def test_a_list_of_any_length_takes_as_many_queries(
    cast: Cast, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(PAGE_SIZE):
        make_member(cast.organization, Role.VIEWER)
    client = log_in(cast.owner.user)
    with django_assert_max_num_queries(14):
        page = text(client, url_of(cast))
    assert page.count("role-form") == PAGE_SIZE
    assert f"1–50 of {PAGE_SIZE + 5}" in page
    assert text(client, url_of(cast) + "?page=2").count("role-form") == 5


def test_a_changed_role_acts_on_the_next_request_and_stands_in_the_log(cast: Cast) -> None:
    viewer, keys = log_in(cast.viewer.user), url_of(cast, "keys")
    assert viewer.get(keys).status_code == 403
    url = url_of(cast, "member-role", cast.viewer.pk)
    response = log_in(cast.owner.user).post(url + "?page=3", {"role": "developer"})
    assert response["Location"] == url_of(cast) + "?page=3"
    assert viewer.get(keys).status_code == 200
    event = AuditEvent.objects.get(action=Action.MEMBER_ROLE_CHANGED)
    assert (event.subject, event.details) == (cast.viewer.user.email, {"role": "developer", "before": "viewer"})
    assert event.user == cast.owner.user
    assert not change_role(Membership.objects.get(pk=cast.viewer.pk), Role.DEVELOPER)


def test_an_unknown_role_is_refused_at_its_row(cast: Cast) -> None:
    response = log_in(cast.owner.user).post(url_of(cast, "member-role", cast.viewer.pk), {"role": "god"})
    assert response.status_code == 422
    assert f'id="{cast.viewer.pk}-role_error"' in response.content.decode()
    cast.viewer.refresh_from_db()
    assert cast.viewer.role == Role.VIEWER


def test_a_removed_member_is_an_outsider_on_the_next_request(cast: Cast) -> None:
    viewer, url = log_in(cast.viewer.user), url_of(cast, "member-remove", cast.viewer.pk)
    owner = log_in(cast.owner.user)
    assert f"Remove {cast.viewer.user.email}?" in text(owner, url)
    assert viewer.get(url_of(cast)).status_code == 200
    assert owner.post(url).status_code == 302
    assert viewer.get(url_of(cast)).status_code == 404
    assert owner.post(url).status_code == 404
    event = AuditEvent.objects.get(action=Action.MEMBER_REMOVED)
    assert (event.subject, event.details) == (cast.viewer.user.email, {"role": "viewer"})


def test_members_of_another_organization_are_nobody_here(cast: Cast) -> None:
    owner = log_in(cast.owner.user)
    for name in ("member-role", "member-remove"):
        assert owner.post(url_of(cast, name, cast.recipient.pk), {"role": "viewer"}).status_code == 404
    cast.recipient.refresh_from_db()
    assert cast.recipient.role == Role.ADMINISTRATOR


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMINISTRATOR])
def test_whoever_leaves_is_led_home(cast: Cast, role: Role) -> None:
    client = log_in(cast.members[role].user)
    assert f"Leave {cast.organization.name}?" in text(client, url_of(cast, "member-leave"))
    response = client.post(url_of(cast, "member-leave"), headers=HTMX)
    assert response["HX-Redirect"] == reverse("home")
    assert client.get(url_of(cast)).status_code == 404
    assert AuditEvent.objects.get(action=Action.MEMBER_LEFT).user == cast.members[role].user


def test_the_last_administrator_stays_and_reads_what_to_do(cast: Cast) -> None:
    client, own = log_in(cast.owner.user), cast.owner.pk
    refused = [
        client.post(url_of(cast, "member-role", own), {"role": "viewer"}),
        client.post(url_of(cast, "member-role", own), {"role": "viewer"}, headers=HTMX),
        client.post(url_of(cast, "member-leave")),
        client.post(url_of(cast, "member-remove", own)),
    ]
    assert {response.status_code for response in refused} == {422}
    assert all(LAST in response.content.decode() for response in refused)
    cast.owner.refresh_from_db()
    assert cast.owner.role == Role.ADMINISTRATOR
    assert not AuditEvent.objects.filter(action__startswith="member").exists()


def test_one_of_two_administrators_may_step_back(cast: Cast) -> None:
    make_member(cast.organization, Role.ADMINISTRATOR)
    response = log_in(cast.owner.user).post(
        url_of(cast, "member-role", cast.owner.pk), {"role": "viewer"}, headers=HTMX
    )
    assert response["HX-Redirect"] == url_of(cast)  # whole: the page has no controls any more


def test_an_administrator_who_cannot_log_in_does_not_count(cast: Cast) -> None:
    locked = make_member(cast.organization, Role.ADMINISTRATOR).user
    locked.is_active = False
    locked.save()
    assert log_in(cast.owner.user).post(url_of(cast, "member-leave")).status_code == 422


Step = Callable[[Membership], object]
demote = partial(change_role, role=Role.VIEWER)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("steps", [(demote, demote), (leave, leave), (remove_member, demote)])
def test_of_two_administrators_at_the_same_moment_one_remains(
    steps: tuple[Callable[[Membership], object], ...],
) -> None:
    organization = make_organization()
    pair = [make_member(organization), make_member(organization)]
    answers = at_once(*[partial(step, member) for step, member in zip(steps, pair, strict=True)])
    assert sum(isinstance(answer, DashboardError) for answer in answers) == 1
    assert organization.memberships.filter(role=Role.ADMINISTRATOR).count() == 1
