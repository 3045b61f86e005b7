"""Requests a second: counted for each key, over all calls that take one."""

from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from pytest_django.fixtures import Settings

from dashboard.organizations.roles import Scope
from dashboard.organizations.services.keys import mint_api_key
from tests.conftest import Cast

MOST = 3


@pytest.fixture(autouse=True)
def low_limit(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second that never ends, so that a busy machine changes nothing."""
    settings.REQUESTS_PER_SECOND = MOST
    add = cache.add
    monkeypatch.setattr(cache, "add", lambda key, value, seconds: add(key, value, 600))


def ask(key: str, path: str = "/v1/credits", method: str = "get") -> Any:
    return getattr(Client(), method)(path, headers={"x-key": key})


def test_one_more_is_429_with_retry_after_until_the_second_is_over(cast: Cast) -> None:
    key = mint_api_key(cast.organization, "test")[1]
    assert [ask(key).status_code for _ in range(MOST)] == [200] * MOST
    refused = ask(key)
    assert (refused.status_code, refused["Retry-After"]) == (429, "1")
    assert refused.json()["detail"] == refused.json()["message"]
    assert "more than 3 times within a second" in refused.json()["detail"]
    cache.clear()
    assert ask(key).status_code == 200


def test_every_call_of_a_key_counts_and_other_keys_do_not(cast: Cast) -> None:
    key, other = (mint_api_key(cast.organization, name, scope=Scope.READ)[1] for name in ("one", "two"))
    assert [ask(key, path).status_code for path in ("/v1/my_finetunes", "/v1/finetunes")] == [200, 200]
    assert ask(key, "/v1/uploads", "post").status_code == 403  # of another scope
    assert ask(key).status_code == 429
    assert ask(other).status_code == 200


def test_polls_and_wrong_keys_are_not_counted(cast: Cast) -> None:
    for _ in range(2 * MOST):
        assert ask("bfl_wrong").status_code == 403
        assert ask("bfl_wrong", "/v1/get_result?id=none").status_code == 200


def test_pieces_of_uploads_count(cast: Cast) -> None:
    key = mint_api_key(cast.organization, "test")[1]
    path = "/v1/uploads/7d1c3c9a-55f4-4d8e-9a51-0b1de94c3f11"
    found = [ask(key, path, "patch").status_code for _ in range(MOST + 1)]
    assert found == [412] * MOST + [429]
