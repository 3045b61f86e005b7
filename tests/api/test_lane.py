"""The lane of programs: nothing of a browser has a say there, and every answer that is no image is JSON."""

import json
import logging
from typing import Any

import pytest
import requests
from django.conf import settings as django_settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from dashboard.api.lane import is_for_programs
from dashboard.billing import queries as billing_queries
from dashboard.organizations.services.keys import mint_api_key
from playground import queries
from tests.api_matrix import API, UUID
from tests.conftest import Cast, log_in
from tests.running import RunningUp

GET_RESULT = f"/v1/get_result?id={UUID}"
OF_BROWSERS = ("django_session", "usersessions", "socialaccount", "organizations_membership")
SAFE = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
}


@pytest.mark.parametrize("name", API)
@pytest.mark.parametrize("is_keyed", [True, False])
def test_call_ignores_cookies_sets_none_and_stays_safe(cast: Cast, name: str, is_keyed: bool) -> None:
    browser = log_in(cast.owner.user)
    row = API[name]
    headers = {"x-key": mint_api_key(cast.organization, "lane")[1]} if is_keyed else {}
    options = {"content_type": "application/json"} if row.method in ("post", "patch") else {}
    data = {"prompt": "x"} if options else row.query
    with CaptureQueriesContext(connection) as asked:
        response: Any = getattr(browser, row.method)(row.path(name, cast), data, headers=headers, **options)
    assert "Set-Cookie" not in response.headers
    assert not response.cookies
    assert "Cookie" not in response.get("Vary", "")
    assert {name: response.get(name) for name in SAFE} == SAFE
    assert not [query["sql"] for query in asked if any(table in query["sql"] for table in OF_BROWSERS)]
    assert is_keyed or row.scope is None or response.status_code == 403


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("get", "/v1/nothing", 404, None),
        ("post", "/v1/nothing/at/all", 404, None),
        ("get", "/v1/", 404, None),
        ("options", "/v1/nothing", 404, None),
        ("post", GET_RESULT, 405, "GET, HEAD"),
        ("options", GET_RESULT, 405, "GET, HEAD"),
        ("options", "/v1/credits", 405, "GET"),
        ("get", "/v1/flux-2-klein-4b-finetuned", 405, "POST"),
        ("put", "/v1/finetunes/ink-portrait", 405, "DELETE, GET, PATCH"),
        ("post", "/samples/nothing", 404, None),
        ("post", f"/samples/{UUID}.png", 405, "GET, HEAD"),
        ("get", f"/samples/{UUID}.png", 403, None),
    ],
)
def test_refusal_is_told_in_json(db: None, method: str, path: str, status: int, allow: str | None) -> None:
    response = getattr(Client(), method)(path)
    assert (response.status_code, response.get("Allow")) == (status, allow)
    assert response["Content-Type"].startswith("application/json")
    assert response.json()["detail"]
    assert response.json()["message"]
    assert b'","message":"' in response.content  # compact, as all of the wire


@pytest.mark.parametrize("path", [GET_RESULT, "/v1/credits", f"/samples/{UUID}.png"])
def test_unknown_host_is_refused(db: None, path: str) -> None:
    response = Client().get(path, headers={"host": "elsewhere.example"})
    assert (response.status_code, response.json()["detail"]) == (400, "Bad Request")


@pytest.mark.parametrize(
    ("module", "function", "path"),
    [(queries, "find_result", GET_RESULT), (billing_queries, "balance_of", "/v1/credits")],
    ids=["a plain view", "through ninja"],
)
def test_what_broke_is_logged_once_and_told_to_nobody(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, module: Any, function: str, path: str
) -> None:
    def break_down(*args: object) -> None:
        raise RuntimeError("secret words")

    monkeypatch.setattr(module, function, break_down)
    key = mint_api_key(cast.organization, "lane")[1]
    with caplog.at_level(logging.WARNING):
        response = Client(raise_request_exception=False).get(path, headers={"x-key": key})
    text = "Internal Server Error"
    assert (response.status_code, response.json()) == (500, {"detail": text, "message": text})
    assert {name: response.get(name) for name in SAFE} == SAFE
    assert len([record for record in caplog.records if record.exc_info]) == 1


def test_https_is_asked_for_and_remembered(db: None, settings: Settings) -> None:
    settings.SECURE_SSL_REDIRECT, settings.SECURE_HSTS_SECONDS = True, 60
    plain = Client().get(GET_RESULT)
    assert (plain.status_code, plain["Location"]) == (301, f"https://testserver{GET_RESULT}")
    assert Client().get(GET_RESULT, secure=True)["Strict-Transport-Security"].startswith("max-age=60")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v1/get_result", True),
        ("/v1/docset", True),
        ("/samples/x.png", True),
        ("/v1/docs", False),
        ("/v1/docs/", False),
        ("/", False),
        ("/o/x/finetunes/", False),
    ],
)
def test_pages_stay_out_of_it(path: str, expected: bool) -> None:
    assert is_for_programs(path) is expected


def test_it_stands_before_all_that_pages_need() -> None:
    first = django_settings.MIDDLEWARE[:2]
    assert first == [
        "django.middleware.security.SecurityMiddleware",
        "dashboard.api.lane.ProgramLaneMiddleware",
    ]


def test_server_answers_head_without_a_body_and_keeps_the_connection(running_up: RunningUp) -> None:
    with requests.Session() as session:
        head = session.head(f"{running_up.base_url}{GET_RESULT}", timeout=10)
        whole = session.get(f"{running_up.base_url}{GET_RESULT}", cookies={"sessionid": "x"}, timeout=10)
        refused = session.options(f"{running_up.base_url}{GET_RESULT}", timeout=10)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Length"] == whole.headers["Content-Length"] == str(len(whole.content))
    assert (refused.status_code, refused.json()["detail"]) == (405, "OPTIONS means nothing here; GET, HEAD does.")
    assert json.loads(whole.content)["status"] == "Task not found"
    assert "Set-Cookie" not in whole.headers
