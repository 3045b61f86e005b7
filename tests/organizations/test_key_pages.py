"""The pages of API keys: minted once, listed masked, rotated with an overlap, revoked after a question."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from dashboard.organizations import queries
from dashboard.organizations.models import ApiKey, User
from dashboard.organizations.roles import Scope
from dashboard.organizations.services.keys import mint_api_key, revoke_api_key, rotate_api_key
from tests.conftest import Cast, log_in
from tests.organizations.test_api_keys import DAY, fill

SECRET = re.compile(r"bfl_[\w-]{43}")
HTMX = {"HX-Request": "true"}


@pytest.fixture
def client(cast: Cast) -> Client:
    return log_in(cast.developer.user)


def url_of(cast: Cast, name: str = "keys", *args: Any) -> str:
    return reverse(name, args=[cast.organization.org_id, *args])


def create(client: Client, cast: Cast, headers: Any = None, **given: Any) -> Any:
    data = {"name": "render farm", "scope": "everything", "lifetime": "never", "expires_at": "", **given}
    return client.post(url_of(cast, "key-create"), data, headers=headers or {})


def secret_in(response: Any) -> str:
    found = SECRET.search(response.content.decode())
    assert found is not None
    return found[0]


def text_of(response: Any) -> str:
    content: bytes = response.content
    return content.decode()


# --- Minting -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_secret_is_shown_by_the_answer_alone(client: Client, cast: Cast, headers: dict[str, str]) -> None:
    response = create(client, cast, headers)
    assert response.status_code == 200
    assert response["Cache-Control"] == "no-store"
    secret = secret_in(response)
    key = queries.find_live_key(secret)
    assert key is not None
    assert (key.name, key.scope, key.created_by) == ("render farm", Scope.EVERYTHING, cast.developer.user)
    page = client.get(url_of(cast))
    assert key.prefix in text_of(page)
    assert not SECRET.search(text_of(page))
    assert secret not in str(dict(client.session))
    assert secret not in client.cookies.output()


def test_answer_to_htmx_is_a_fragment_and_makes_the_list_ask_again(client: Client, cast: Cast) -> None:
    response = create(client, cast, HTMX)
    assert "<html" not in text_of(response)
    assert "keys:changed" in response["HX-Trigger"]
    assert "keys:changed from:body" in text_of(client.get(url_of(cast)))


def test_same_form_sent_twice_makes_one_key_and_says_so(client: Client, cast: Cast) -> None:
    form = client.get(url_of(cast, "key-create"))
    token = form.context["form"]["request_id"].value()
    assert create(client, cast, request_id=token).status_code == 200
    again = create(client, cast, request_id=token)
    assert again.status_code == 422
    assert "was sent before" in text_of(again)
    assert ApiKey.objects.count() == 1
    assert client.get(url_of(cast, "key-create")).context["form"]["request_id"].value() != token


def test_refused_form_may_be_sent_again(client: Client, cast: Cast) -> None:
    first, *_ = fill(cast.organization)
    token = "7d1c3c9a-55f4-4d8e-9a51-0b1de94c3f11"
    response = create(client, cast, request_id=token)
    assert response.status_code == 422
    assert "Revoke one" in text_of(response)
    assert 'value="render farm"' in text_of(response)
    assert revoke_api_key(first)
    assert create(client, cast, request_id=token).status_code == 200


@pytest.mark.parametrize(
    ("given", "field", "sentence"),
    [
        ({"name": ""}, "name", "Give the key a name"),
        ({"name": "x" * 81}, "name", "80"),
        ({"scope": "admin"}, "scope", "valid choice"),
        ({"lifetime": "8"}, "lifetime", "valid choice"),
        ({"lifetime": "until"}, "expires_at", "Choose the last day"),
        ({"lifetime": "until", "expires_at": "soon"}, "expires_at", "year, month and day"),
        ({"lifetime": "until", "expires_at": "2020-01-01"}, "expires_at", "not over yet"),
        ({"lifetime": "until", "expires_at": "2999-01-01"}, "expires_at", "next five years"),
        ({"lifetime": "until", "expires_at": "9999-12-31"}, "expires_at", "next five years"),
    ],
)
def test_what_is_wrong_stands_at_its_field(
    client: Client, cast: Cast, given: dict[str, str], field: str, sentence: str
) -> None:
    response = create(client, cast, **given)
    assert response.status_code == 422
    assert list(response.context["form"].errors) == [field]
    assert sentence in response.context["form"].errors[field][0]
    assert not ApiKey.objects.exists()


def test_key_works_until_its_last_day_is_over(client: Client, cast: Cast) -> None:
    today = timezone.now().date()
    assert create(client, cast, lifetime="until", expires_at=today.isoformat()).status_code == 200
    midnight = ApiKey.objects.get().expires_at
    assert midnight is not None
    assert midnight.date() == today + DAY
    assert (midnight.hour, midnight.minute) == (0, 0)


@pytest.mark.parametrize("days", [7, 30, 90, 365])
def test_key_lives_for_as_long_as_was_chosen(client: Client, cast: Cast, days: int) -> None:
    assert create(client, cast, lifetime=str(days), scope="read").status_code == 200
    key = ApiKey.objects.get()
    assert key.expires_at is not None
    assert abs(key.expires_at - key.created_at - timedelta(days=days)) < timedelta(minutes=1)
    assert key.scope == Scope.READ


# --- The list ------------------------------------------------------------------------------------------------------


def test_list_is_paged_and_its_queries_do_not_grow(
    client: Client, cast: Cast, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    revoke_api_key(mint_api_key(cast.organization, "ci", created_by=cast.owner.user)[0])
    client.get(url_of(cast))  # what is written on a first visit
    with CaptureQueriesContext(connection) as few:
        client.get(url_of(cast), {"tab": "ended"})
    ended = fill(cast.organization, 59)
    ApiKey.objects.update(revoked_at=timezone.now(), created_by=cast.owner.user, replaced_by=ended[0])
    with django_assert_num_queries(len(few)):
        page = client.get(url_of(cast), {"tab": "ended"})
    assert len(page.context["page"]) == 50
    assert len(client.get(url_of(cast), {"tab": "ended", "page": "2"}).context["page"]) == 10
    assert client.get(url_of(cast), {"tab": "all"}).status_code == 404


def test_list_shows_nothing_of_another_organization(client: Client, cast: Cast) -> None:
    other, _ = mint_api_key(cast.outsider.organization, "theirs")
    assert "theirs" not in text_of(client.get(url_of(cast)))
    for name in ("key-rotate", "key-revoke"):
        assert client.post(url_of(cast, name, other.pk), {"overlap": "0"}).status_code == 404
    other.refresh_from_db()
    assert other.is_live


def test_list_says_who_created_a_key_and_whether_they_are_still_here(client: Client, cast: Cast) -> None:
    operator = User.objects.create_superuser("operator@example.com", "a long password")
    for person in (cast.creator.user, operator, cast.viewer.user):
        mint_api_key(cast.organization, "ci", created_by=person)
    cast.creator.delete()
    page = text_of(client.get(url_of(cast)))
    assert "creator@example.com, no longer a member" in page
    assert "by viewer@example.com<" in page
    assert "by Operator" in page
    assert "operator@example.com" not in page


def test_empty_list_tells_what_to_do(client: Client, cast: Cast) -> None:
    assert "No API key yet" in text_of(client.get(url_of(cast)))
    assert "No key has ended" in text_of(client.get(url_of(cast), {"tab": "ended"}))


# --- Rotating and revoking -----------------------------------------------------------------------------------------


def test_rotation_explains_itself_and_shows_the_new_secret_once(client: Client, cast: Cast) -> None:
    key, old = mint_api_key(cast.organization, "ci")
    url = url_of(cast, "key-rotate", key.pk)
    assert "both work" in text_of(client.get(url, headers=HTMX))
    response = client.post(url, {"overlap": "24"}, headers=HTMX)
    assert response["Cache-Control"] == "no-store"
    new = queries.find_live_key(secret_in(response))
    assert new is not None
    assert queries.find_live_key(old) == key
    page = text_of(client.get(url_of(cast)))
    assert f"Works until then (UTC). Replaced by {new.prefix}…" in page
    assert url not in page
    again = client.post(url, {"overlap": "24"}, headers=HTMX)
    assert again.status_code == 422
    assert "rotated before" in text_of(again)


def test_revoking_asks_first_and_then_leads_back(client: Client, cast: Cast) -> None:
    key, secret = mint_api_key(cast.organization, "ci")
    url = url_of(cast, "key-revoke", key.pk)
    assert "from their next request on" in text_of(client.get(url))
    assert queries.find_live_key(secret) == key
    response = client.post(url, follow=True)
    assert response.redirect_chain == [(url_of(cast), 302)]
    assert "is revoked" in text_of(response)
    assert queries.find_live_key(secret) is None
    assert "had ended before" in text_of(client.post(url, follow=True))


def test_replaced_key_is_revoked_before_its_overlap_is_over(client: Client, cast: Cast) -> None:
    key, secret = mint_api_key(cast.organization, "ci")
    rotate_api_key(key, overlap=DAY)
    client.post(url_of(cast, "key-revoke", key.pk))
    assert queries.find_live_key(secret) is None
