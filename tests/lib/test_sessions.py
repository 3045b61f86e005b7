"""Sessions: the cookie opens them, and what stands in the database does not."""

import pytest
from django.conf import settings as django_settings
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from dashboard.lib.sessions import SessionStore, digest
from dashboard.organizations.models import User
from tests.factories import PASSWORD, make_user

COOKIE = django_settings.SESSION_COOKIE_NAME
HOME = "/"


@pytest.fixture
def person(db: None) -> User:
    return make_user("ada@atelier.test")


def log_in_by_form(person: User) -> Client:
    client = Client()
    response = client.post(reverse("account_login"), {"login": person.email, "password": PASSWORD})
    assert response.status_code == 302
    return client


def is_logged_in(cookie: str) -> bool:
    client = Client()
    client.cookies[COOKIE] = cookie
    return client.get(reverse("account_email")).status_code == 200


def test_the_cookie_opens_the_session(person: User) -> None:
    client = log_in_by_form(person)
    assert is_logged_in(client.cookies[COOKIE].value)
    assert client.get(reverse("account_email")).status_code == 200


def test_the_database_holds_neither_the_cookie_nor_what_it_opens(person: User) -> None:
    secret = log_in_by_form(person).cookies[COOKIE].value
    row = Session.objects.get()
    assert row.session_key == digest(secret) != secret
    assert "_auth_user" not in row.session_data
    assert SessionStore(row.session_key)["_auth_user_id"] == str(person.pk)


def test_what_the_database_holds_opens_nothing(person: User) -> None:
    log_in_by_form(person)
    assert not is_logged_in(Session.objects.get().session_key)


def test_a_log_in_draws_a_new_secret(person: User) -> None:
    client = Client()
    client.cookies[COOKIE] = "chosen-by-an-attacker"
    client.post(reverse("account_login"), {"login": person.email, "password": PASSWORD})
    assert client.cookies[COOKIE].value != "chosen-by-an-attacker"
    assert not is_logged_in("chosen-by-an-attacker")


def test_a_cookie_of_no_session_makes_none(db: None) -> None:
    client = Client()
    client.cookies[COOKIE] = "unknown"
    client.get(reverse("account_login"))
    assert Session.objects.count() == 0


def test_the_cookie_keeps_its_attributes(person: User, settings: Settings) -> None:
    settings.SESSION_COOKIE_SECURE = True
    cookie = log_in_by_form(person).cookies[COOKIE]
    assert (cookie["httponly"], cookie["secure"], cookie["samesite"], cookie["path"]) == (True, True, "Lax", "/")


def test_a_changed_secret_key_ends_every_session_and_breaks_nothing(person: User, settings: Settings) -> None:
    secret = log_in_by_form(person).cookies[COOKIE].value
    settings.SECRET_KEY = "another key that is as long as they should be"
    assert not is_logged_in(secret)
    assert Client().get(HOME).status_code == 302


def test_logging_out_removes_the_session(person: User) -> None:
    client = log_in_by_form(person)
    secret = client.cookies[COOKIE].value
    client.post(reverse("account_logout"))
    assert Session.objects.filter(session_key=digest(secret)).count() == 0
    assert not is_logged_in(secret)
