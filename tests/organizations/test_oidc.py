"""Log-in with OpenID Connect, against a real provider that runs beside the tests."""

import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount, SocialToken
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from dashboard.organizations.models import Invitation, User
from dashboard.organizations.roles import Role
from tests.conftest import Cast, log_in
from tests.factories import PASSWORD, make_user
from tests.organizations.accounts import LOGIN, give_second_factor, invite, is_logged_in
from tests.running import free_ports

START = "/account/oidc/acme/login/"
CONNECTIONS = "/account/3rdparty/"
WELL_KNOWN = "/.well-known/openid-configuration"
TIMEOUT = 5  # seconds
START_SECONDS = 30
NEW = "new@example.com"

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    """A process of its own, so that what its libraries warn of is not ours."""
    port = free_ports()[0]
    command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://localhost:{port}"
    try:
        wait_for(url)
        yield url
    finally:
        process.terminate()
        process.wait(TIMEOUT)


def wait_for(url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            requests.get(f"{url}{WELL_KNOWN}", timeout=TIMEOUT).raise_for_status()
        except requests.RequestException:
            time.sleep(0.1)
        else:
            return
    pytest.fail("The OpenID Connect provider did not start.")


@pytest.fixture(autouse=True)
def provider(settings: Settings, issuer: str) -> None:
    app = {"provider_id": "acme", "name": "Acme", "client_id": "dashboard", "secret": "s"}
    settings.SOCIALACCOUNT_PROVIDERS = {
        "openid_connect": {"APPS": [app | {"settings": {"server_url": issuer}}], "OAUTH_PKCE_ENABLED": True}
    }


def knows(issuer: str, email: str, *, verified: bool = True, sub: str = "") -> str:
    """Tells the provider of a person; the name it knows them by."""
    sub = sub or email
    claims = {"email": email, "email_verified": verified, "name": "A Person"}
    requests.put(f"{issuer}/users/{sub}", json=claims, timeout=TIMEOUT).raise_for_status()
    return sub


def log_in_by(client: Client, sub: str, *, process: str = "login", way: str = "") -> Any:
    """From our button through the provider and back; our answer."""
    start = client.get(START, {"process": process, **({"next": way} if way else {})})
    allowed = requests.post(start["location"], data={"sub": sub}, allow_redirects=False, timeout=TIMEOUT)
    return client.get(allowed.headers["location"].replace("http://testserver", ""))


def test_log_in_page_offers_the_provider() -> None:
    page = Client().get(f"{LOGIN}?next=/account/email/").content.decode()
    assert "Continue with Acme" in page
    assert START in page


def test_no_button_and_no_entry_where_no_provider_is_configured(settings: Settings, cast: Cast) -> None:
    assert "Connected accounts" in log_in(cast.owner.user).get("/account/email/").content.decode()
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": []}}
    assert "Continue with" not in Client().get(LOGIN).content.decode()
    assert "Connected accounts" not in log_in(cast.owner.user).get("/account/email/").content.decode()
    assert Client().get(START).status_code == 404


def test_verified_address_logs_in_its_person(cast: Cast, issuer: str) -> None:
    client = Client()
    answer = log_in_by(client, knows(issuer, "Owner@Example.com"), way="/account/email/")
    assert answer["location"] == "/account/email/"
    assert is_logged_in(client)
    assert SocialAccount.objects.get().user == cast.owner.user
    assert not SocialToken.objects.exists()
    again = log_in_by(Client(), "Owner@Example.com")
    assert again["location"] == "/"


def test_second_factor_is_asked_for_here_too(cast: Cast, issuer: str) -> None:
    give_second_factor(cast.owner.user)
    client = Client()
    assert log_in_by(client, knows(issuer, "owner@example.com"))["location"] == "/account/2fa/authenticate/"
    assert not is_logged_in(client)


@pytest.mark.parametrize("mode", ["open", "invite-only", "closed"])
def test_unverified_address_opens_nobody(settings: Settings, cast: Cast, issuer: str, mode: str) -> None:
    settings.SIGN_UP = mode
    client = Client()
    log_in_by(client, knows(issuer, "owner@example.com", verified=False, sub="impostor"))
    assert not is_logged_in(client)
    assert not SocialAccount.objects.exists()


@pytest.mark.parametrize("mode", ["invite-only", "closed"])
def test_stranger_is_told_why(settings: Settings, issuer: str, mode: str) -> None:
    settings.SIGN_UP = mode
    answer = log_in_by(Client(), knows(issuer, NEW))
    assert answer.status_code == 403
    assert "Acme knows you as <strong>new@example.com</strong>." in answer.content.decode()
    assert not User.objects.exists()


def test_stranger_gets_an_account_where_sign_up_is_open(settings: Settings, issuer: str) -> None:
    settings.SIGN_UP = "open"
    client = Client()
    assert log_in_by(client, knows(issuer, "New@Example.com"))["location"] == "/"
    user = User.objects.get()
    assert (user.email, user.has_usable_password()) == (NEW, False)
    assert EmailAddress.objects.get(user=user).verified
    assert is_logged_in(client)
    assert client.get("/account/password/set/").status_code == 200


@pytest.mark.parametrize("verified", [True, False])
def test_opened_invitation_lets_its_address_in(issuer: str, verified: bool) -> None:
    client = Client()
    invite(client, NEW)
    assert log_in_by(client, knows(issuer, NEW, verified=verified))["location"] == "/"
    assert is_logged_in(client)
    assert list(EmailAddress.objects.values_list("email", "verified")) == [(NEW, True)]


def test_opened_invitation_lets_no_other_address_in(issuer: str) -> None:
    client = Client()
    invite(client, "invited@example.com")
    assert log_in_by(client, knows(issuer, NEW)).status_code == 403
    assert not User.objects.exists()


@pytest.mark.parametrize("verified", [True, False])
def test_invited_address_comes_in_when_the_provider_vouches_for_it(cast: Cast, issuer: str, verified: bool) -> None:
    now = timezone.now()
    Invitation.objects.create(
        organization=cast.organization, email=NEW, role=Role.VIEWER, digest="d", sent_at=now,
        expires_at=now + timedelta(days=1),
    )  # fmt: skip
    client = Client()
    log_in_by(client, knows(issuer, NEW, verified=verified, sub=f"{NEW}-{verified}"))
    assert is_logged_in(client) == verified


def test_account_is_connected_after_the_password_and_disconnected(cast: Cast, issuer: str) -> None:
    """The password, so that no other site can connect its own account by a link."""
    client = log_in(cast.owner.user)
    assert "Connect Acme" in client.get(CONNECTIONS).content.decode()
    answer = log_in_by(client, knows(issuer, "private@example.com"), process="connect")
    assert not SocialAccount.objects.exists()
    client.post(answer["location"], {"password": PASSWORD})
    account = SocialAccount.objects.get(user=cast.owner.user)
    assert "private@example.com" in client.get(CONNECTIONS).content.decode()
    client.post(CONNECTIONS, {"account": account.pk})
    assert not SocialAccount.objects.exists()


def test_person_who_turns_back_at_the_provider(issuer: str) -> None:
    client = Client()
    state = parse_qs(urlsplit(client.get(START)["location"]).query)["state"][0]
    answer = client.get(f"{START}callback/", {"error": "access_denied", "state": state}, follow=True)
    assert "Log-in cancelled" in answer.content.decode()


def test_provider_that_is_away(settings: Settings) -> None:
    app = {"provider_id": "acme", "name": "Acme", "client_id": "d", "secret": "s"}
    away = app | {"settings": {"server_url": "http://127.0.0.1:9"}}
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": [away]}}
    answer = Client().get(START)
    assert "Your provider did not let you in" in answer.content.decode()


def test_provider_that_cannot_be_is_not_found() -> None:
    assert Client().get("/account/oidc/%00/login/").status_code == 404
    assert Client().get("/account/oidc/a%00/login/callback/").status_code == 404


def test_switched_off_account_stays_out(issuer: str) -> None:
    make_user("off@example.com", is_active=False)
    client = Client()
    log_in_by(client, knows(issuer, "off@example.com"))
    assert not is_logged_in(client)
