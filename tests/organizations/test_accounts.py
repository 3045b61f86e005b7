"""Accounts: who may sign up, that an address is proven, and what a new password does."""

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from dashboard.organizations.models import Invitation, User
from tests.conftest import Cast, log_in
from tests.factories import PASSWORD, make_user
from tests.organizations.accounts import (
    LOGIN,
    NEW_PASSWORD,
    SIGN_UP,
    enter_password,
    invite,
    is_logged_in,
    link_in,
    path_of,
    session_of,
    sign_up,
)

pytestmark = pytest.mark.django_db


def addresses_of(user: User) -> list[tuple[str, bool, bool]]:
    return list(EmailAddress.objects.filter(user=user).values_list("email", "verified", "primary"))


# --- Sign-up ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "is_invited", "is_open"),
    [
        ("open", False, True),
        ("open", True, True),
        ("invite-only", False, False),
        ("invite-only", True, True),
        ("closed", False, False),
        ("closed", True, False),
    ],
)
def test_setting_says_who_may_sign_up(settings: Settings, mode: str, is_invited: bool, is_open: bool) -> None:
    settings.SIGN_UP = mode
    client = Client()
    if is_invited:
        invite(client, "new@example.com")
    assert ('name="password1"' in client.get(SIGN_UP).content.decode()) == is_open
    assert (SIGN_UP in client.get(LOGIN).content.decode()) == is_open
    sign_up(client, "new@example.com")
    assert User.objects.filter(email="new@example.com").exists() == is_open


@pytest.mark.parametrize(("mode", "words"), [("invite-only", "Administrator of your team"), ("closed", "the operator")])
def test_closed_page_says_whom_to_ask(settings: Settings, mode: str, words: str) -> None:
    settings.SIGN_UP = mode
    assert words in Client().get(SIGN_UP).content.decode()


def test_stranger_proves_the_address_and_ends_where_it_was_going(settings: Settings) -> None:
    settings.SIGN_UP = "open"
    client = Client()
    assert sign_up(client, "New.Person@Example.com", next="/account/sessions/") == "/account/confirm-email/"
    user = User.objects.get(email="new.person@example.com")
    assert addresses_of(user) == [("new.person@example.com", False, True)]
    assert not is_logged_in(client)

    assert mail.outbox[0].subject == "[Finetunes Dashboard] Confirm your e-mail"
    link = link_in(mail.outbox[0])
    assert link.startswith(settings.BASE_URL)
    assert "Yes, confirm it" in client.get(path_of(link)).content.decode()
    assert client.post(path_of(link))["location"] == "/account/sessions/"
    assert addresses_of(user) == [("new.person@example.com", True, True)]
    assert is_logged_in(client)


def test_invited_person_is_in_at_once_because_the_secret_link_came_by_mail() -> None:
    client = Client()
    invite(client, "new@example.com")
    page = client.get(SIGN_UP).content.decode()
    assert 'value="new@example.com"' in page
    assert "readonly" in page
    assert sign_up(client, "NEW@example.com", next="/account/sessions/") == "/account/sessions/"
    assert addresses_of(User.objects.get(email="new@example.com")) == [("new@example.com", True, True)]
    assert is_logged_in(client)
    assert session_of(client)["invitation_email"] == "new@example.com"


@pytest.mark.parametrize("end", ["cancelled_at", "expires_at"])
def test_invitation_that_ended_after_it_was_opened_lets_nobody_in(end: str) -> None:
    client = Client()
    invitation = invite(client, "new@example.com")
    Invitation.objects.filter(pk=invitation.pk).update(**{end: timezone.now()})
    sign_up(client, "new@example.com")
    assert not User.objects.exists()


def test_invited_person_may_use_no_other_address() -> None:
    client = Client()
    invite(client, "new@example.com")
    page = client.post(SIGN_UP, {"email": "other@example.com", "password1": NEW_PASSWORD, "password2": NEW_PASSWORD})
    assert "Your invitation was sent to new@example.com: sign up with that address." in page.content.decode()
    assert not User.objects.filter(email="other@example.com").exists()


def test_sign_up_does_not_tell_who_has_an_account(settings: Settings) -> None:
    settings.SIGN_UP = "open"
    user = make_user("known@example.com")
    known, new = Client(), Client()
    assert sign_up(known, "known@example.com") == sign_up(new, "unknown@example.com")
    assert [message.to for message in mail.outbox] == [["known@example.com"], ["unknown@example.com"]]
    assert "There is an account with this address already" in mail.outbox[0].body
    assert User.objects.filter(email="known@example.com").get() == user
    assert user.check_password(PASSWORD)


def test_weak_password_is_refused_at_its_field() -> None:
    client = Client()
    invite(client, "new@example.com")
    fields = {"email": "new@example.com", "password1": "short", "password2": "short"}
    assert "at least 10 characters" in client.post(SIGN_UP, fields).content.decode()


# --- Log-in ----------------------------------------------------------------------------------------------------


def test_log_in_takes_the_address_in_any_case_and_goes_on(cast: Cast) -> None:
    assert enter_password(Client(), "OWNER@example.com", next="/account/email/") == "/account/email/"
    assert enter_password(Client(), "owner@example.com", next="https://evil.test/") == "/"


def test_sixth_failure_is_refused_here_and_not_elsewhere(cast: Cast) -> None:
    client, elsewhere = Client(REMOTE_ADDR="203.0.113.7"), Client(REMOTE_ADDR="203.0.113.8")
    for _ in range(5):
        assert enter_password(client, "owner@example.com", "wrong password") == ""
    page = client.post(LOGIN, {"login": "owner@example.com", "password": PASSWORD}).content.decode()
    assert "Too many failed attempts. Wait five minutes, or reset your password." in page
    assert enter_password(elsewhere, "owner@example.com") == "/"


def test_failures_from_one_network_of_ipv6_count_together(cast: Cast) -> None:
    for number in range(6):
        browser = Client(REMOTE_ADDR=f"2001:db8::{number:x}")
        answer = browser.post(LOGIN, {"login": "viewer@example.com", "password": "wrong"})
        assert ("Too many failed attempts" in answer.content.decode()) == (number == 5)
    for elsewhere in ("2001:db8:0:1::1", "::ffff:192.0.2.1", "fe80::1%eth0"):
        assert enter_password(Client(REMOTE_ADDR=elsewhere), "viewer@example.com") == "/"


def test_too_many_attempts_get_a_page_of_ours(cast: Cast) -> None:
    client = Client()
    statuses = [client.post(LOGIN, {"login": f"{number}@example.com"}).status_code for number in range(31)]
    assert statuses == [200] * 30 + [429]
    assert "Please wait a minute" in client.post(LOGIN).content.decode()


# --- Passwords and addresses -----------------------------------------------------------------------------------


def test_new_password_ends_the_other_sessions(cast: Cast) -> None:
    here, there = log_in(cast.owner.user), log_in(cast.owner.user)
    fields = {"oldpassword": PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    assert here.post("/account/password/change/", fields).status_code == 302
    assert (is_logged_in(here), is_logged_in(there)) == (True, False)
    assert mail.outbox[-1].subject == "[Finetunes Dashboard] Your password was changed"


def test_reset_by_mail_ends_every_session(settings: Settings, cast: Cast) -> None:
    there, client = log_in(cast.owner.user), Client(HTTP_HOST="localhost")
    client.post("/account/password/reset/", {"email": "owner@example.com"})
    link = link_in(mail.outbox[0])
    assert link.startswith(settings.BASE_URL)
    form = client.get(path_of(link), follow=True).request["PATH_INFO"]
    client.post(form, {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD})
    assert not is_logged_in(there)
    assert enter_password(Client(), "owner@example.com", NEW_PASSWORD) == "/"
    assert "This link does not work" in Client().get(path_of(link)).content.decode()


def test_reset_says_the_same_of_an_unknown_address(settings: Settings) -> None:
    answer = Client().post("/account/password/reset/", {"email": "nobody@example.com"})
    assert answer["location"] == "/account/password/reset/done/"
    assert "/signup/" not in mail.outbox[0].body
    settings.SIGN_UP = "open"
    Client().post("/account/password/reset/", {"email": "nobody@example.com"})
    assert "/signup/" in mail.outbox[1].body


def change_email(client: Client, email: str) -> str:
    """Until the link is sent: asks for the password once more on the way."""
    answer = client.post("/account/email/", {"action_add": "", "email": email})
    if "reauthenticate" in answer.headers.get("location", ""):
        answer = client.post(answer["location"], {"password": PASSWORD, "next": "/account/email/"})
    return answer.content.decode()


def test_changed_address_counts_once_it_is_confirmed(cast: Cast) -> None:
    user, client = cast.owner.user, log_in(cast.owner.user)
    change_email(client, "Renamed@example.com")
    user.refresh_from_db()
    assert user.email == "owner@example.com"
    assert "renamed@example.com" in client.get("/account/email/").content.decode()

    client.post(path_of(link_in(mail.outbox[-1])))
    user.refresh_from_db()
    assert user.email == "renamed@example.com"
    assert addresses_of(user) == [("renamed@example.com", True, True)]
    assert mail.outbox[-1].to == ["owner@example.com"]
    assert enter_password(Client(), "renamed@example.com") == "/"
    assert enter_password(Client(), "owner@example.com") == ""


def test_address_of_another_is_not_taken_over(cast: Cast) -> None:
    client = log_in(cast.owner.user)
    change_email(client, "viewer@example.com")
    cast.owner.user.refresh_from_db()
    assert cast.owner.user.email == "owner@example.com"
    assert not EmailAddress.objects.filter(user=cast.owner.user, email="viewer@example.com", verified=True).exists()


def test_notification_that_cannot_be_sent_undoes_nothing(settings: Settings, cast: Cast) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9  # nobody listens at discard
    fields = {"oldpassword": PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    assert log_in(cast.owner.user).post("/account/password/change/", fields).status_code == 302
    assert enter_password(Client(), "owner@example.com", NEW_PASSWORD) == "/"
