"""Sessions: the list, signing out here and elsewhere, and that the database holds no cookie."""

import pytest
from allauth.usersessions.models import UserSession
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from dashboard.organizations.services.keys import mint_api_key
from dashboard.templatetags.accounts import device
from tests.conftest import Cast, log_in
from tests.organizations.accounts import enter_password, is_logged_in

SESSIONS = "/account/sessions/"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
EDGE = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0"
SAFARI = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile Safari/604.1"

pytestmark = pytest.mark.django_db


def browser(email: str, user_agent: str, ip: str) -> Client:
    client = Client(HTTP_USER_AGENT=user_agent, REMOTE_ADDR=ip)
    assert enter_password(client, email) == "/"
    return client


@pytest.fixture
def here(cast: Cast) -> Client:
    return browser("owner@example.com", FIREFOX, "198.51.100.1")


@pytest.fixture
def there(cast: Cast) -> Client:
    return browser("owner@example.com", EDGE, "203.0.113.2")


def row_of(client: Client) -> UserSession:
    return UserSession.objects.get(ip=client.defaults["REMOTE_ADDR"])


def test_list_names_each_browser_and_marks_this_one(here: Client, there: Client) -> None:
    page = here.get(SESSIONS).content.decode()
    for words in ("Firefox on Linux", "Edge on Windows", "198.51.100.1", "203.0.113.2"):
        assert words in page
    assert page.count("This device") == 1
    assert page.index("This device") > page.index("Firefox on Linux")
    assert f"{SESSIONS}{row_of(there).pk}/end/" in page
    assert f"{SESSIONS}{row_of(here).pk}/end/" not in page


def test_sign_out_everywhere_else_ends_the_other_browser(here: Client, there: Client, cast: Cast) -> None:
    stranger = browser("viewer@example.com", SAFARI, "203.0.113.3")
    assert here.post(SESSIONS, follow=True).status_code == 200
    assert [is_logged_in(client) for client in (here, there, stranger)] == [True, False, True]


def test_one_session_is_ended_by_its_owner_alone(here: Client, there: Client, cast: Cast) -> None:
    url = f"{SESSIONS}{row_of(there).pk}/end/"
    assert log_in(cast.viewer.user).post(url).status_code == 404
    assert is_logged_in(there)
    assert here.post(url)["location"] == SESSIONS
    assert [is_logged_in(client) for client in (here, there)] == [True, False]
    assert here.post(url).status_code == 404


def test_cookie_stands_nowhere_in_the_database(here: Client) -> None:
    here.get(SESSIONS)
    cookie = here.cookies["sessionid"].value
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names():
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            assert not any(cookie in str(row) for row in cursor.fetchall()), table


def test_use_is_written_down_at_most_once_a_minute(here: Client) -> None:
    here.get(SESSIONS)
    with CaptureQueriesContext(connection) as queries:
        for _ in range(3):
            assert here.get("/account/email/").status_code == 200
    assert [query["sql"] for query in queries if not query["sql"].startswith("SELECT")] == []


def test_programs_touch_no_session(here: Client, cast: Cast) -> None:
    secret = mint_api_key(cast.organization, "program")[1]
    Client().get("/v1/credits", headers={"x-key": secret})
    with CaptureQueriesContext(connection) as queries:
        assert here.get("/v1/credits", headers={"x-key": secret}).status_code == 200
    assert not [query["sql"] for query in queries if "session" in query["sql"]]


@pytest.mark.parametrize(
    ("user_agent", "words"),
    [
        (FIREFOX, "Firefox on Linux"),
        (EDGE, "Edge on Windows"),
        (SAFARI, "Safari on iPhone"),
        ("curl/8.9.1", "curl/8.9.1"),
        ("", "Unknown browser"),
    ],
)
def test_browser_has_a_name(user_agent: str, words: str) -> None:
    assert device(user_agent) == words
