"""The operators' pages of people and keys: e-mail as the name, and a secret that is seen once."""

import io

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from dashboard.organizations import queries
from dashboard.organizations.events import Action
from dashboard.organizations.models import ApiKey, AuditEvent, Membership, Organization, User
from dashboard.organizations.roles import Role
from dashboard.organizations.services.deletion import delete_organization
from dashboard.organizations.services.keys import mint_api_key, revoke_api_key
from tests.conftest import Cast, log_in
from tests.factories import PASSWORD
from tests.organizations.accounts import enter_password
from tests.organizations.test_api_keys import fill

NEW_PASSWORD = "a long and unusual phrase"


@pytest.fixture
def operator(db: None) -> Client:
    return log_in(User.objects.create_superuser("operator@example.com", PASSWORD))


def messages_of(response: object) -> list[str]:
    return [str(message) for message in response.context["messages"]]  # type: ignore[attr-defined]


def test_operator_logs_in_by_email(db: None) -> None:
    User.objects.create_superuser("operator@example.com", PASSWORD)
    client = Client()
    door = client.get(reverse("admin:index"), follow=True)
    assert door.redirect_chain[-1][0] == f"{reverse('account_login')}?next=%2Fadmin%2F"
    response = client.post(door.redirect_chain[-1][0], {"login": "Operator@example.com", "password": PASSWORD})
    assert response.status_code == 302
    assert response["location"] == reverse("admin:index")
    assert client.get(response["location"]).status_code == 200


@pytest.mark.parametrize("role", [Role.ADMINISTRATOR, Role.VIEWER])
def test_no_role_of_an_organization_opens_the_admin(cast: Cast, role: Role) -> None:
    member = cast.owner if role is Role.ADMINISTRATOR else cast.viewer
    assert log_in(member.user).get(reverse("admin:index")).status_code == 302


def test_person_is_added_by_email_with_a_password(operator: Client) -> None:
    data = {
        "email": "Ada@Example.com",
        "usable_password": "true",
        "password1": NEW_PASSWORD,
        "password2": NEW_PASSWORD,
    }
    response = operator.post(reverse("admin:organizations_user_add"), data)
    assert response.status_code == 302
    user = User.objects.get(email="ada@example.com")
    assert user.check_password(NEW_PASSWORD)
    assert not user.is_staff


def test_an_address_that_an_operator_replaced_opens_the_account_no_more(cast: Cast, operator: Client) -> None:
    person = cast.viewer.user
    data = {
        "email": "Right@example.com", "is_active": "on", "memberships-TOTAL_FORMS": "0",
        "memberships-INITIAL_FORMS": "0",
    }  # fmt: skip
    assert operator.post(reverse("admin:organizations_user_change", args=[person.pk]), data).status_code == 302
    addresses = EmailAddress.objects.filter(user=person)
    assert list(addresses.values_list("email", "verified", "primary")) == [("right@example.com", True, True)]
    Client().post(reverse("account_reset_password"), {"email": "viewer@example.com"})
    assert "reset/key" not in mail.outbox[0].body
    assert enter_password(Client(), "viewer@example.com") == ""
    assert enter_password(Client(), "right@example.com") == "/"


def test_person_with_a_known_email_is_refused_at_the_field(cast: Cast, operator: Client) -> None:
    data = {
        "email": "OWNER@example.com",
        "usable_password": "true",
        "password1": NEW_PASSWORD,
        "password2": NEW_PASSWORD,
    }
    response = operator.post(reverse("admin:organizations_user_add"), data)
    assert response.status_code == 200
    assert "email" in response.context["adminform"].form.errors


def test_password_is_changed_and_its_hash_never_shown(cast: Cast, operator: Client) -> None:
    user = cast.viewer.user
    page = operator.get(reverse("admin:organizations_user_change", args=[user.pk])).content.decode()
    assert user.password not in page
    url = reverse("admin:auth_user_password_change", args=[user.pk])
    data = {"usable_password": "true", "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    assert operator.post(url, data).status_code == 302
    user.refresh_from_db()
    assert user.check_password(NEW_PASSWORD)


def test_organization_is_founded_with_an_id_of_its_own(operator: Client) -> None:
    response = operator.post(reverse("admin:organizations_organization_add"), {"name": "Foundry"}, follow=True)
    assert response.status_code == 200
    assert "Foundry" in messages_of(response)[0]


def test_org_id_is_shown_and_not_changed(cast: Cast, operator: Client) -> None:
    organization = cast.organization
    url = reverse("admin:organizations_organization_change", args=[organization.pk])
    assert organization.org_id in operator.get(url).content.decode()
    no_rows = {"memberships-TOTAL_FORMS": "0", "memberships-INITIAL_FORMS": "0"}
    operator.post(url, {"name": "Atelier 2", "org_id": "hijacked"} | no_rows)
    before = organization.org_id
    organization.refresh_from_db()
    assert (organization.name, organization.org_id) == ("Atelier 2", before)


def test_search_finds_an_organization_by_member_and_counts_all_members(cast: Cast, operator: Client) -> None:
    response = operator.get(reverse("admin:organizations_organization_changelist"), {"q": "viewer@example.com"})
    found = response.context["cl"].result_list
    assert [(organization.name, organization.member_count) for organization in found] == [("Atelier", 5)]


def test_organization_with_a_ledger_is_not_deleted_and_the_page_says_why(cast: Cast, operator: Client) -> None:
    url = reverse("admin:organizations_organization_delete", args=[cast.outsider.organization.pk])
    assert "protected" in operator.get(url).content.decode()
    assert operator.post(url, {"post": "yes"}).status_code == 200
    assert queries.find_organization(cast.outsider.organization.org_id) is not None


def test_membership_is_given_by_an_operator(cast: Cast, operator: Client) -> None:
    data = {"user": cast.outsider.user.pk, "organization": cast.organization.pk, "role": Role.CREATOR}
    assert operator.post(reverse("admin:organizations_membership_add"), data).status_code == 302
    assert Membership.objects.get(user=cast.outsider.user, organization=cast.organization).role == Role.CREATOR


def test_nobody_is_made_a_member_of_a_deleted_organization(cast: Cast, operator: Client) -> None:
    delete_organization(cast.outsider.organization)
    data = {"user": cast.viewer.user.pk, "organization": cast.outsider.organization.pk, "role": Role.CREATOR}
    assert operator.post(reverse("admin:organizations_membership_add"), data).status_code == 200
    assert not cast.outsider.organization.memberships.exists()


def test_what_an_operator_does_to_members_stands_in_the_log(cast: Cast, operator: Client) -> None:
    data = {"user": cast.outsider.user.pk, "organization": cast.organization.pk, "role": Role.CREATOR}
    operator.post(reverse("admin:organizations_membership_add"), data)
    member = Membership.objects.get(user=cast.outsider.user, organization=cast.organization)
    operator.post(reverse("admin:organizations_membership_change", args=[member.pk]), {"role": Role.VIEWER})
    operator.post(reverse("admin:organizations_membership_delete", args=[member.pk]), {"post": "yes"})
    chosen = {"action": "delete_selected", "_selected_action": [cast.viewer.pk, cast.creator.pk], "post": "yes"}
    operator.post(reverse("admin:organizations_membership_changelist"), chosen)
    lines = AuditEvent.objects.of(cast.organization).exclude(action=Action.CREDITS_TOPPED_UP).order_by("pk")
    assert list(lines.values_list("action", "actor", "subject", "details")) == [
        ("member.joined", "outsider@example.com", "", {"role": "creator", "by": "Operator"}),
        ("member.role_changed", "Operator", "outsider@example.com", {"role": "viewer", "before": "creator"}),
        ("member.removed", "Operator", "outsider@example.com", {"role": "viewer"}),
        ("member.removed", "Operator", "viewer@example.com", {"role": "viewer"}),
        ("member.removed", "Operator", "creator@example.com", {"role": "creator"}),
    ]
    assert not Membership.objects.filter(pk__in=[member.pk, cast.viewer.pk, cast.creator.pk]).exists()


def test_members_who_go_with_their_account_stand_in_the_log(cast: Cast, operator: Client) -> None:
    operator.post(reverse("admin:organizations_user_delete", args=[cast.viewer.user.pk]), {"post": "yes"})
    chosen = {"action": "delete_selected", "_selected_action": [cast.creator.user.pk], "post": "yes"}
    operator.post(reverse("admin:organizations_user_changelist"), chosen)
    lines = AuditEvent.objects.filter(action=Action.MEMBER_REMOVED, actor="Operator").order_by("pk")
    assert list(lines.values_list("subject", flat=True)) == ["viewer@example.com", "creator@example.com"]
    assert not User.objects.filter(email__in=["viewer@example.com", "creator@example.com"]).exists()


def test_an_operators_organizations_and_names_stand_in_the_log(db: None, operator: Client) -> None:
    empty = {"memberships-TOTAL_FORMS": "0", "memberships-INITIAL_FORMS": "0"}
    operator.post(reverse("admin:organizations_organization_add"), {"name": "Atelier", **empty})
    url = reverse("admin:organizations_organization_change", args=[Organization.objects.get().pk])
    operator.post(url, {"name": "Studio", **empty})
    operator.post(url, {"name": "Studio", "storage_quota_bytes": "1", **empty})
    lines = AuditEvent.objects.order_by("pk")
    assert list(lines.values_list("action", "actor", "subject", "details")) == [
        ("settings.created", "Operator", "Atelier", {}),
        ("settings.renamed", "Operator", "Studio", {"before": "Atelier"}),
    ]


def test_a_deleted_key_stands_in_the_log_as_revoked(cast: Cast, operator: Client) -> None:
    one, two = (mint_api_key(cast.organization, name)[0] for name in ("one", "two"))
    operator.post(reverse("admin:organizations_apikey_delete", args=[one.pk]), {"post": "yes"})
    chosen = {"action": "delete_selected", "_selected_action": [two.pk], "post": "yes"}
    operator.post(reverse("admin:organizations_apikey_changelist"), chosen)
    assert not ApiKey.objects.exists()
    lines = AuditEvent.objects.filter(action=Action.KEY_REVOKED, actor="Operator").order_by("pk")
    assert list(lines.values_list("subject", flat=True)) == [str(one), str(two)]


def test_key_is_minted_and_its_secret_shown_once(cast: Cast, operator: Client) -> None:
    data = {"organization": cast.organization.pk, "name": "ci", "scope": "read"}
    response = operator.post(reverse("admin:organizations_apikey_add"), data, follow=True)
    key = ApiKey.objects.get()
    assert key.scope == "read"
    secret = messages_of(response)[0].rpartition(" ")[2]
    assert queries.find_live_key(secret) == key
    assert key.created_by == User.objects.get(email="operator@example.com")
    assert response.content.decode().count(secret) == 1
    out = io.StringIO()
    call_command("dumpdata", stdout=out)
    assert secret not in out.getvalue()
    for name, args in (("changelist", []), ("change", [key.pk]), ("history", [key.pk])):
        page = operator.get(reverse(f"admin:organizations_apikey_{name}", args=args)).content.decode()
        assert key.prefix in page
        assert secret not in page
        assert key.digest not in page


def test_operator_is_told_of_the_limit_and_of_an_expiry_that_cannot_be(cast: Cast, operator: Client) -> None:
    fill(cast.organization)
    data = {
        "organization": cast.organization.pk,
        "name": "ci",
        "scope": "read",
        "expires_at_0": "2020-01-01",
        "expires_at_1": "00:00",
    }
    response = operator.post(reverse("admin:organizations_apikey_add"), data)
    assert response.context["adminform"].form.errors == {"expires_at": ["Choose a day that is not over yet."]}
    response = operator.post(reverse("admin:organizations_apikey_add"), data | {"expires_at_0": "", "expires_at_1": ""})
    assert "Revoke one" in response.context["adminform"].form.non_field_errors()[0]


def test_key_is_renamed_and_nothing_else_of_it_changes(cast: Cast, operator: Client) -> None:
    key, secret = mint_api_key(cast.organization, "ci")
    data = {
        "name": "nightly",
        "organization": cast.outsider.organization.pk,
        "prefix": "bfl_xxxx",
        "digest": "0" * 64,
    }
    operator.post(reverse("admin:organizations_apikey_change", args=[key.pk]), data)
    found = queries.find_live_key(secret)
    assert found is not None
    assert (found.name, found.prefix, found.organization) == ("nightly", key.prefix, cast.organization)


def test_revoking_ends_a_key_once(cast: Cast, operator: Client) -> None:
    key, secret = mint_api_key(cast.organization, "ci")
    url = reverse("admin:organizations_apikey_changelist")
    data = {"action": "revoke", "_selected_action": [key.pk]}
    assert "is revoked" in messages_of(operator.post(url, data, follow=True))[0]
    assert queries.find_live_key(secret) is None
    assert "was revoked before" in messages_of(operator.post(url, data, follow=True))[0]


def test_keys_are_filtered_by_whether_they_live(cast: Cast, operator: Client) -> None:
    live, _ = mint_api_key(cast.organization, "live")
    dead, _ = mint_api_key(cast.organization, "dead")
    revoke_api_key(dead)
    url = reverse("admin:organizations_apikey_changelist")
    for state, expected in (("live", {live}), ("revoked", {dead}), ("", {live, dead})):
        assert set(operator.get(url, {"state": state} if state else {}).context["cl"].result_list) == expected
