"""Scopes of API keys on the wire: what a key may not, and that no call forgets to say what it needs."""

from typing import Any

import pytest
from django.test import Client, RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver
from ninja import Router
from ninja.testing import TestClient

from dashboard.api.wire import create_api
from dashboard.bfl.endpoints import FINETUNED_ENDPOINTS
from dashboard.lib.errors import ForbiddenError
from dashboard.organizations.models import ApiKey
from dashboard.organizations.roles import Scope
from dashboard.organizations.services.keys import mint_api_key, rotate_api_key
from tests.conftest import Cast
from tests.organizations.test_api_keys import HOUR

CREDITS = "/v1/credits"
GENERATE = "/v1/flux-2-klein-4b-finetuned"
BODY = {"finetune_id": "ink-portrait", "prompt": "TOK in the rain", "width": 64, "height": 64}


def test_refusal_names_the_scope_of_the_key_and_the_one_that_is_needed(cast: Cast) -> None:
    _, secret = mint_api_key(cast.organization, "look", scope=Scope.READ)
    response = Client().post(GENERATE, BODY, content_type="application/json", headers={"x-key": secret})
    assert response.status_code == 403
    body = response.json()
    assert body["detail"] == body["message"]
    assert body["detail"].startswith("This key's scope is Read; this call needs Generate.")


def test_key_that_manages_spends_nothing(cast: Cast) -> None:
    _, secret = mint_api_key(cast.organization, "upload", scope=Scope.MANAGE)
    client = Client(headers={"x-key": secret})
    assert client.get(CREDITS).status_code == 200
    assert client.post(GENERATE, BODY, content_type="application/json").status_code == 403
    assert client.get(CREDITS).json() == {"credits": 100.0}


def test_scope_is_checked_before_the_body_is_read(cast: Cast) -> None:
    _, secret = mint_api_key(cast.organization, "look", scope=Scope.READ)
    response = Client().post(GENERATE, b"{", content_type="application/json", headers={"x-key": secret})
    assert response.status_code == 403


def test_no_live_key_is_told_nothing_of_scopes(cast: Cast) -> None:
    expected = {"detail": "Not authenticated - Invalid Authentication"}
    response = Client().post(GENERATE, BODY, content_type="application/json", headers={"x-key": "bfl_wrong"})
    assert expected.items() <= response.json().items()
    assert "in the header x-key" in response.json()["message"]


def test_new_key_has_the_scope_of_the_one_that_it_replaces(cast: Cast) -> None:
    key, _ = mint_api_key(cast.organization, "look", scope=Scope.READ)
    _, secret = rotate_api_key(key, overlap=HOUR)
    response = Client().post(GENERATE, BODY, content_type="application/json", headers={"x-key": secret})
    assert response.status_code == 403


@pytest.mark.parametrize("scope", Scope)
def test_call_that_declares_nothing_takes_keys_for_everything_alone(cast: Cast, scope: Scope) -> None:
    router = Router()
    router.get("/forgotten")(_forgotten)
    api = create_api()
    api.urls_namespace = f"forgotten-{scope}"
    api.add_router("", router)
    _, secret = mint_api_key(cast.organization, "ci", scope=scope)
    response = TestClient(api).get("/forgotten", headers={"x-key": secret})
    assert response.status_code == (200 if scope is Scope.EVERYTHING else 403)


def test_every_call_is_refused_without_a_key_but_those_that_need_none() -> None:
    """Whatever is declared later is read here too; `get_result`, the document and what tus can are open."""
    open_calls = {
        (operation.url_name, *operation.methods) for operation in _operations() if not operation.auth_callbacks
    }
    document = ("openapi", "GET", "HEAD")
    assert open_calls == {("get_result", "GET"), document, ("uploads", "OPTIONS"), ("upload", "OPTIONS")}


def test_no_call_that_changes_something_takes_a_key_for_reading(cast: Cast) -> None:
    _, secret = mint_api_key(cast.organization, "look", scope=Scope.READ)
    request = RequestFactory(headers={"x-key": secret}).post("/")
    changing = [operation for operation in _operations() if not {"GET", "OPTIONS"} & set(operation.methods)]
    assert len(changing) > len(FINETUNED_ENDPOINTS)
    for operation in changing:
        with pytest.raises(ForbiddenError):
            operation.auth_callbacks[0](request)


def _operations() -> list[Any]:
    """Every operation under /v1, out of the closures in which ninja keeps them."""
    found = []
    for route in get_resolver().url_patterns:
        for pattern in route.url_patterns if isinstance(route, URLResolver) and route.namespace == "v1" else ():
            assert isinstance(pattern, URLPattern)
            cells = getattr(pattern.callback, "__closure__", None) or ()
            found += [each for cell in cells for each in getattr(cell.cell_contents, "operations", ())]
    return found


def _forgotten(request: Any) -> dict[str, str]:
    assert isinstance(request.auth, ApiKey)
    return {}
