"""The second factor: enrolling, logging in, recovery, and the setting that asks administrators for it."""

import re

import pytest
from allauth.mfa.models import Authenticator
from django.core import mail
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from dashboard.organizations.models import Membership
from dashboard.organizations.roles import Role
from dashboard.organizations.services.keys import mint_api_key
from tests.conftest import Cast, log_in
from tests.factories import PASSWORD, make_user
from tests.organizations.accounts import code_now, enter_password, give_second_factor, is_logged_in, link_in, path_of

TWO_FACTOR = "/account/2fa/"
ACTIVATE = "/account/2fa/totp/activate/"
AUTHENTICATE = "/account/2fa/authenticate/"

pytestmark = pytest.mark.django_db


def confirm_password(client: Client, path: str) -> None:
    assert client.get(path)["location"].startswith("/account/reauthenticate/")
    assert client.post("/account/reauthenticate/", {"password": PASSWORD, "next": path})["location"] == path


def test_enrolling_asks_for_the_password_and_ends_at_recovery_codes(cast: Cast) -> None:
    client = log_in(cast.owner.user)
    assert "Your password alone opens your account" in client.get(TWO_FACTOR).content.decode()
    confirm_password(client, ACTIVATE)
    page = client.get(ACTIVATE).content.decode()
    assert 'src="data:image/svg+xml' in page
    secret = re.findall(r'data-copy="([A-Z2-7]{32})"', page)[0]
    assert "This code is wrong" in client.post(ACTIVATE, {"code": "000000"}).content.decode()
    assert client.post(ACTIVATE, {"code": code_now(secret)})["location"] == "/account/2fa/recovery-codes/"
    codes = re.findall(r"<code>(\d{8})</code>", client.get("/account/2fa/recovery-codes/").content.decode())
    assert len(set(codes)) == 10
    assert client.get("/account/2fa/recovery-codes/download/").content.decode().split() == codes
    stored = str(list(Authenticator.objects.values_list("data", flat=True)))
    assert secret not in stored
    assert not any(code in stored for code in codes)


def test_log_in_needs_the_code_and_keeps_its_way(cast: Cast) -> None:
    give_second_factor(cast.owner.user)
    client = Client()
    assert enter_password(client, "owner@example.com", next="/account/email/") == AUTHENTICATE
    assert not is_logged_in(client)
    assert "This code is wrong" in client.post(AUTHENTICATE, {"code": "000000"}).content.decode()
    assert client.post(AUTHENTICATE, {"code": code_now()})["location"] == "/account/email/"
    assert is_logged_in(client)


def test_code_and_recovery_code_work_once(cast: Cast) -> None:
    recovery = give_second_factor(cast.owner.user)[0]
    for code in (code_now(), recovery):
        first, second = Client(), Client()
        for client in (first, second):
            enter_password(client, "owner@example.com")
            client.post(AUTHENTICATE, {"code": code})
        assert (is_logged_in(first), is_logged_in(second)) == (True, False)
    assert "9 left" in first.get(TWO_FACTOR).content.decode()


def test_wrong_codes_are_counted(cast: Cast) -> None:
    give_second_factor(cast.owner.user)
    client = Client()
    enter_password(client, "owner@example.com")
    pages = [client.post(AUTHENTICATE, {"code": "000000"}).content.decode() for _ in range(6)]
    assert ["Too many failed attempts" in page for page in pages] == [False] * 5 + [True]


def test_removing_the_app_removes_the_recovery_codes(cast: Cast) -> None:
    give_second_factor(cast.owner.user)
    client = log_in(cast.owner.user)
    confirm_password(client, "/account/2fa/totp/deactivate/")
    assert client.post("/account/2fa/totp/deactivate/").status_code == 302
    assert not Authenticator.objects.filter(user=cast.owner.user).exists()
    assert mail.outbox[-1].subject == "[Finetunes Dashboard] Authenticator app removed"


def test_second_factor_does_not_bar_a_new_address(cast: Cast) -> None:
    give_second_factor(cast.owner.user)
    client = log_in(cast.owner.user)
    confirm = client.post("/account/email/", {"action_add": "", "email": "renamed@example.com"})["location"]
    client.post(confirm, {"password": PASSWORD})
    client.post(path_of(link_in(mail.outbox[-1])))
    cast.owner.user.refresh_from_db()
    assert cast.owner.user.email == "renamed@example.com"


def open_page(member: Membership) -> int:
    url = reverse("finetunes", args=[member.organization.org_id])
    return log_in(member.user).get(url).status_code


def test_setting_asks_administrators_alone(settings: Settings, cast: Cast) -> None:
    assert open_page(cast.owner) == 200
    settings.REQUIRE_TWO_FACTOR = True
    opened = {role: open_page(member) for role, member in cast.members.items()}
    assert opened == {role: 403 if role == Role.ADMINISTRATOR else 200 for role in opened}
    assert open_page(cast.owner) == 403
    give_second_factor(cast.owner.user)
    assert open_page(cast.owner) == 200


def test_page_says_why_and_leads_on(settings: Settings, cast: Cast) -> None:
    settings.REQUIRE_TWO_FACTOR = True
    client = log_in(cast.owner.user)
    page = client.get(reverse("finetunes", args=[cast.organization.org_id])).content.decode()
    assert "On this server Administrators need two-factor authentication." in page
    assert f'href="{TWO_FACTOR}">Set it up' in page
    assert client.get(TWO_FACTOR).status_code == 200
    hidden = client.get(reverse("finetunes", args=[cast.outsider.organization.org_id]))
    assert hidden.status_code == 404


def test_recovery_codes_alone_are_no_second_factor(settings: Settings, cast: Cast) -> None:
    settings.REQUIRE_TWO_FACTOR = True
    give_second_factor(cast.owner.user)
    Authenticator.objects.filter(type=Authenticator.Type.TOTP).delete()
    assert open_page(cast.owner) == 403


def test_passkey_counts(settings: Settings, cast: Cast) -> None:
    settings.REQUIRE_TWO_FACTOR = True
    Authenticator.objects.create(user=cast.owner.user, type=Authenticator.Type.WEBAUTHN, data={"name": "Phone"})
    assert open_page(cast.owner) == 200


def test_programs_need_no_second_factor(settings: Settings, cast: Cast) -> None:
    settings.REQUIRE_TWO_FACTOR = True
    secret = mint_api_key(cast.organization, "program")[1]
    assert Client().get("/v1/credits", headers={"x-key": secret}).status_code == 200


def test_operator_is_led_to_set_it_up(settings: Settings) -> None:
    settings.REQUIRE_TWO_FACTOR = True
    operator = make_user("operator@example.com", is_staff=True, is_superuser=True)
    client = log_in(operator)
    page = client.get("/admin/", follow=True)
    assert page.status_code == 403
    assert "On this server operators need two-factor authentication." in page.content.decode()
    give_second_factor(operator)
    assert client.get("/admin/").status_code == 200


def test_without_the_setting_nothing_is_asked() -> None:
    operator = make_user("operator@example.com", is_staff=True, is_superuser=True)
    assert log_in(operator).get("/admin/").status_code == 200


def test_factor_sealed_with_another_key_says_what_to_do(settings: Settings, cast: Cast) -> None:
    codes = give_second_factor(cast.viewer.user)
    settings.SECRET_KEY = "another key, of fifty characters and more, as they are"
    client = Client()
    enter_password(client, cast.viewer.user.email)
    for code in (code_now(), codes[0]):
        answer = client.post("/account/2fa/authenticate/", {"code": code})
        assert answer.status_code == 409
        assert "its SECRET_KEY was changed" in answer.content.decode()
    assert not is_logged_in(client)
