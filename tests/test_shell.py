"""The page shell, the account pages and the pages that say what went wrong."""

import re
from html.parser import HTMLParser

import pytest
from allauth.account.models import EmailAddress
from django.conf import settings
from django.test import Client, RequestFactory
from django.urls import reverse

from dashboard import views
from dashboard.lib.sessions import SessionStore, digest
from dashboard.organizations.models import Membership, User
from dashboard.organizations.roles import Role
from dashboard.organizations.shell import SECTIONS
from tests.conftest import Cast, log_in
from tests.factories import PASSWORD, make_organization, make_user

HTMX = {"HX-Request": "true"}


class Outline(HTMLParser):
    """Counts what a page must have once, and collects its links."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.starts: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.starts.append((tag, dict(attrs)))

    def count(self, tag: str) -> int:
        return sum(start == tag for start, _ in self.starts)

    @property
    def links(self) -> list[str]:
        return [str(attrs["href"]) for tag, attrs in self.starts if tag == "a" and "href" in attrs]


def url_in(org_id: str, route: str) -> str:
    """The API reference is everybody's, and told the organization."""
    return f"/v1/docs?organization={org_id}" if route == "api-docs" else reverse(route, args=[org_id])


def get(membership: Membership, route: str = "finetunes") -> str:
    url = url_in(membership.organization.org_id, route)
    response = log_in(membership.user).get(url)
    assert response.status_code == 200
    return response.content.decode()


def test_switcher_leads_to_the_same_section_of_each_organization(cast: Cast) -> None:
    other = Membership.objects.create(user=cast.owner.user, organization=make_organization("Studio"), role=Role.VIEWER)
    page = Outline(get(cast.owner))
    items = {attrs["href"]: attrs for tag, attrs in page.starts if "switcher-item" in str(attrs.get("class"))}
    ids = [cast.organization.org_id, other.organization.org_id]
    assert list(items) == [reverse("finetunes", args=[org_id]) for org_id in ids]
    assert [item.get("aria-current") for item in items.values()] == ["true", None]


def test_switcher_leads_elsewhere_where_the_role_may_not_open_the_section(cast: Cast) -> None:
    other = Membership.objects.create(user=cast.owner.user, organization=make_organization("Studio"), role=Role.VIEWER)
    page = get(cast.owner, "playground")
    assert f'href="{reverse("finetunes", args=[other.organization.org_id])}"' in page
    assert reverse("playground", args=[other.organization.org_id]) not in page


def test_shell_shows_role_organization_id_and_balance(cast: Cast) -> None:
    page = get(cast.viewer)
    assert "Viewer" in page
    assert f'data-copy="{cast.organization.org_id}"' in page
    assert "100 credits" in page


EVERYBODY = ["get-started", "usage", "api-docs", "finetunes", "members"]
NAVIGATION = {
    Role.ADMINISTRATOR: {*EVERYBODY, "playground", "keys", "webhooks", "billing", "activity", "organization-settings"},
    Role.DEVELOPER: {*EVERYBODY, "playground", "keys", "webhooks"},
    Role.BILLING_MANAGER: {*EVERYBODY, "billing"},
    Role.VIEWER: {*EVERYBODY},
    Role.CREATOR: {*EVERYBODY, "playground"},
}


@pytest.mark.parametrize("role", Role)
def test_sidebar_shows_what_the_role_may_open_and_no_more(cast: Cast, role: Role) -> None:
    page = Outline(get(cast.members[role]))
    shown = [attrs["href"] for _, attrs in page.starts if "sidebar-link" in str(attrs.get("class"))]
    assert set(shown) == {url_in(cast.organization.org_id, route) for route in NAVIGATION[role]}
    assert len(shown) == len(set(shown))


def test_every_route_of_an_organization_s_pages_belongs_to_one_section_at_most() -> None:
    for route in ("key-create", "finetune-add", "version-add", "generation", "invite", "organization-delete"):
        assert sum(section.holds(route) for section in SECTIONS) == 1, route


@pytest.mark.parametrize("route", sorted(NAVIGATION[Role.ADMINISTRATOR]))
def test_page_has_one_main_one_heading_and_marks_its_section(cast: Cast, route: str) -> None:
    page = Outline(get(cast.owner, route))
    assert (page.count("main"), page.count("h1")) == (1, 1)
    assert (page.links[0], next(attrs["id"] for tag, attrs in page.starts if tag == "main")) == ("#main", "main")
    current = [
        attrs["href"]
        for _, attrs in page.starts
        if "sidebar-link" in str(attrs.get("class")) and "aria-current" in attrs
    ]
    assert current == [url_in(cast.organization.org_id, route)]


def test_theme_is_set_before_the_style_sheets_load(cast: Cast) -> None:
    page = Outline(get(cast.owner))
    assets = [attrs for tag, attrs in page.starts if tag == "script" or attrs.get("rel") == "stylesheet"]
    assert str(assets[0]["src"]).endswith("theme.js")
    assert "defer" not in assets[0]


def test_policy_allows_nothing_inline(cast: Cast) -> None:
    url = reverse("finetunes", args=[cast.organization.org_id])
    policy = log_in(cast.owner.user).get(url)["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy


def test_home_leads_to_what_the_role_may_open(cast: Cast) -> None:
    org_id = cast.organization.org_id
    assert log_in(cast.creator.user).get("/")["Location"] == reverse("playground", args=[org_id])
    assert log_in(cast.viewer.user).get("/")["Location"] == reverse("finetunes", args=[org_id])


def test_home_leads_back_to_the_organization_that_was_worked_in_last(cast: Cast) -> None:
    other = Membership.objects.create(user=cast.owner.user, organization=make_organization("Studio"), role=Role.VIEWER)
    client = log_in(cast.owner.user)
    for organization in (other.organization, cast.organization, other.organization):
        client.get(reverse("finetunes", args=[organization.org_id]))
        assert organization.org_id in client.get("/")["Location"]
    other.delete()
    assert cast.organization.org_id in client.get("/")["Location"]


def test_a_page_that_was_refused_is_not_remembered(cast: Cast) -> None:
    client = log_in(cast.outsider.user)
    client.get(reverse("finetunes", args=[cast.organization.org_id]))
    assert "organization" not in client.cookies


@pytest.mark.django_db
def test_person_without_organization_reads_what_to_do() -> None:
    user = make_user("new@atelier.test")
    client = log_in(user)
    user.memberships.all().delete()  # the first log-in made an organization of their own
    page = client.get("/").content.decode()
    assert "No organization yet" in page
    assert "invite new@atelier.test" in page
    assert reverse("organization-create") in page


# --- Account pages -----------------------------------------------------------------------------------------

ACCOUNT_ROUTES = [
    "account_login",
    "account_logout",
    "account_inactive",
    "account_signup",
    "account_reauthenticate",
    "account_email",
    "account_email_verification_sent",
    "account_change_password",
    "account_set_password",
    "account_reset_password",
    "account_reset_password_done",
    "account_reset_password_from_key_done",
]


def session_of(client: Client) -> SessionStore:
    return SessionStore(digest(client.cookies[settings.SESSION_COOKIE_NAME].value))


@pytest.fixture
def person(db: None) -> User:
    return make_user("ada@atelier.test")


@pytest.fixture
def clients(person: User) -> list[Client]:
    return [Client(), log_in(person)]


@pytest.mark.parametrize("route", ACCOUNT_ROUTES)
def test_account_page_wears_the_look(clients: list[Client], route: str) -> None:
    for client in clients:
        response = client.get(reverse(route))
        assert response.status_code in (200, 302)
        if response.status_code == 200:
            page = response.content.decode()
            assert "css/tokens.css" in page
            assert (page.count("<h1"), page.count("<main")) == (1, 1)
            assert "example.com" not in page


def test_person_logs_in_by_email_and_out_by_post(person: User) -> None:
    client = Client()
    fields = {"login": "Ada@Atelier.test", "password": PASSWORD, "remember": "on"}
    assert client.post(reverse("account_login"), fields)["Location"] == "/"
    assert session_of(client).get_expiry_age() > 24 * 3600
    assert client.get(reverse("account_logout")).status_code == 200
    assert "_auth_user_id" in session_of(client)
    client.post(reverse("account_logout"))
    assert "_auth_user_id" not in session_of(client)


def test_wrong_password_is_said_at_the_form(person: User) -> None:
    page = Client().post(reverse("account_login"), {"login": person.email, "password": "wrong"}).content.decode()
    assert re.search(r'class="error-summary" role="alert".*No account has this e-mail and password', page, re.DOTALL)
    assert f'value="{person.email}"' in page


def test_too_many_guesses_get_a_page_of_ours(person: User) -> None:
    client = Client()
    fields = {"email": person.email}
    statuses = [client.post(reverse("account_reset_password"), fields).status_code for _ in range(30)]
    assert statuses[0] == 302
    response = client.post(reverse("account_reset_password"), fields)
    assert response.status_code == 429
    assert "Too many attempts" in response.content.decode()


def test_sign_up_is_closed(db: None) -> None:
    assert "by invitation" in Client().get(reverse("account_signup")).content.decode()


def test_dead_reset_link_offers_a_new_one(db: None) -> None:
    response = Client().get(reverse("account_reset_password_from_key", args=["1", "set-password-dead"]))
    assert "This link does not work" in response.content.decode()


# --- What went wrong ---------------------------------------------------------------------------------------


def test_outsider_reads_a_page_without_the_organization(cast: Cast) -> None:
    response = log_in(cast.outsider.user).get(reverse("finetunes", args=[cast.organization.org_id]))
    page = response.content.decode()
    assert response.status_code == 404
    assert "There is no such organization" in page
    assert cast.organization.name not in page


def test_member_reads_why_the_role_may_not(cast: Cast) -> None:
    response = log_in(cast.viewer.user).get(reverse("finetune-add", args=[cast.organization.org_id]))
    assert response.status_code == 403
    assert "may not add, edit or delete finetunes" in response.content.decode()
    assert Outline(response.content.decode()).count("h1") == 1


def test_error_of_an_htmx_request_is_a_toast(cast: Cast) -> None:
    url = reverse("finetune-add", args=[cast.organization.org_id])
    response = log_in(cast.viewer.user).get(url, headers=HTMX)
    assert (response.status_code, response["HX-Retarget"], response["HX-Reswap"]) == (403, "#toasts", "beforeend")
    page = response.content.decode()
    assert "may not add" in page
    assert "<html" not in page


def test_unknown_address_is_said(cast: Cast) -> None:
    for client in (Client(), log_in(cast.owner.user)):
        response = client.get("/nothing/here/")
        assert response.status_code == 404
        assert "Page not found" in response.content.decode()


def test_expired_form_is_explained(cast: Cast) -> None:
    client = Client(enforce_csrf_checks=True)
    response = client.post(reverse("account_login"), {"login": "a@b.test", "password": "x"})
    assert response.status_code == 403
    assert "This form has expired" in response.content.decode()


def test_server_error_page_needs_no_database() -> None:
    response = views.server_error(RequestFactory().get("/"))
    assert response.status_code == 500
    assert "Something went wrong" in response.content.decode()


def test_nobody_adds_the_address_of_another_person(person: User) -> None:
    other = make_user("operator@example.org")
    client = log_in(person)
    for action in ("action_add", "action_primary"):
        response = client.post(reverse("account_email"), {action: "", "email": other.email})
        assert response.status_code < 500
    assert not EmailAddress.objects.filter(user=person, email=other.email).exists()
