"""API keys: shown once, kept as a digest, counted, rotated to another, and dead once revoked."""

import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from dashboard.lib.errors import InvalidInputError
from dashboard.lib.ids import digest_secret
from dashboard.organizations import queries
from dashboard.organizations.events import Action, Kind, actions_of
from dashboard.organizations.models import ApiKey, AuditEvent, Organization
from dashboard.organizations.roles import Scope
from dashboard.organizations.services.keys import (
    MAX_LIVE_KEYS,
    MAX_WITH_REPLACED,
    mint_api_key,
    revoke_api_key,
    rotate_api_key,
)
from tests.conftest import Cast
from tests.factories import make_organization

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def database_dump() -> str:
    out = io.StringIO()
    call_command("dumpdata", stdout=out)
    return out.getvalue()


@pytest.fixture
def minted(cast: Cast) -> tuple[ApiKey, str]:
    return mint_api_key(cast.organization, "ci", created_by=cast.developer.user)


def test_secret_is_nowhere_in_the_database(minted: tuple[ApiKey, str]) -> None:
    key, secret = minted
    dump = database_dump()
    assert key.prefix in dump
    assert secret not in dump
    assert secret[len(key.prefix) :] not in dump


def test_key_keeps_a_digest_and_enough_to_tell_it_apart(minted: tuple[ApiKey, str]) -> None:
    key, secret = minted
    assert key.digest == digest_secret(secret)
    assert secret.startswith(key.prefix)
    assert len(secret) - len(key.prefix) > 30
    assert secret not in str(key)


def test_secret_finds_its_key_and_organization(cast: Cast, minted: tuple[ApiKey, str]) -> None:
    key, secret = minted
    found = queries.find_live_key(secret)
    assert found == key
    assert found is not None
    assert found.organization == cast.organization


@pytest.mark.parametrize("damage", [lambda s: s[:-1], lambda s: s + "x", str.upper, digest_secret, lambda s: ""])
def test_another_secret_finds_nothing(minted: tuple[ApiKey, str], damage: object) -> None:
    assert callable(damage)
    assert queries.find_live_key(damage(minted[1])) is None


def test_revoked_key_finds_nothing_and_ends_once(minted: tuple[ApiKey, str]) -> None:
    key, secret = minted
    assert revoke_api_key(key)
    assert queries.find_live_key(secret) is None
    key.refresh_from_db()
    ended = key.revoked_at
    assert ended is not None
    assert not revoke_api_key(key)
    key.refresh_from_db()
    assert key.revoked_at == ended


def test_no_two_keys_are_alike(cast: Cast) -> None:
    secrets = {mint_api_key(cast.organization, "ci")[1] for _ in range(50)}
    assert len(secrets) == 50


def test_database_keeps_a_digest_once(cast: Cast, minted: tuple[ApiKey, str]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        ApiKey.objects.create(organization=cast.organization, name="twin", digest=minted[0].digest)


# --- Use -----------------------------------------------------------------------------------------------------------


def use(secret: str) -> int:
    return Client().get("/v1/credits", headers={"x-key": secret}).status_code


def test_last_use_is_written_at_most_once_a_minute(minted: tuple[ApiKey, str]) -> None:
    key, secret = minted
    assert use(secret) == 200
    key.refresh_from_db()
    first = key.last_used_at
    assert first is not None
    assert use(secret) == 200
    key.refresh_from_db()
    assert key.last_used_at == first
    ApiKey.objects.update(last_used_at=first - timedelta(seconds=61))
    assert use(secret) == 200
    key.refresh_from_db()
    assert key.last_used_at is not None
    assert key.last_used_at >= first


def test_every_call_asks_the_database_so_that_revoking_holds_at_once_in_every_process(
    minted: tuple[ApiKey, str], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    key, secret = minted
    assert use(secret) == 200
    with django_assert_num_queries(2):  # the key and the balance: nothing is remembered
        assert use(secret) == 200
    ApiKey.objects.filter(pk=key.pk).update(revoked_at=timezone.now())  # as another process does
    assert use(secret) == 403


# --- Limits --------------------------------------------------------------------------------------------------------


def fill(organization: Organization, count: int = MAX_LIVE_KEYS) -> list[ApiKey]:
    return ApiKey.objects.bulk_create(
        ApiKey(organization=organization, name=f"key {number}", prefix="bfl_none", digest=f"{organization.pk}-{number}")
        for number in range(count)
    )


def test_one_more_than_the_most_is_refused_until_one_is_revoked(cast: Cast) -> None:
    first, *_ = fill(cast.organization)
    with pytest.raises(InvalidInputError, match="Revoke one"):
        mint_api_key(cast.organization, "one more")
    assert revoke_api_key(first)
    mint_api_key(cast.organization, "one more")
    mint_api_key(cast.outsider.organization, "of another organization")


def test_expired_keys_do_not_count(cast: Cast) -> None:
    fill(cast.organization)
    ApiKey.objects.filter(name="key 7").update(expires_at=timezone.now())
    mint_api_key(cast.organization, "one more")


def at_once(*calls: Callable[[], Any]) -> list[bool]:
    """Whether each passed, all of them started together."""
    start = Barrier(len(calls))

    def run(call: Callable[[], Any]) -> bool:
        start.wait(timeout=30)
        try:
            call()
        except InvalidInputError:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(run, calls))


@pytest.mark.django_db(transaction=True)
def test_race_for_the_last_place_has_one_winner() -> None:
    organization = make_organization()
    fill(organization, MAX_LIVE_KEYS - 1)
    passed = at_once(*[lambda: mint_api_key(organization, "last")] * 6)
    assert passed.count(True) == 1
    assert ApiKey.objects.live().filter(organization=organization).count() == MAX_LIVE_KEYS


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (timedelta(), "not over yet"),
        (-DAY, "not over yet"),
        (timedelta(days=5 * 366 + 1), "within the next five years"),
    ],
)
def test_expiry_is_in_the_future_and_in_sight(cast: Cast, given: timedelta, sentence: str) -> None:
    with pytest.raises(InvalidInputError, match=sentence) as caught:
        mint_api_key(cast.organization, "ci", expires_at=timezone.now() + given)
    assert caught.value.field == "expires_at"
    assert not ApiKey.objects.exists()


# --- Rotation ------------------------------------------------------------------------------------------------------


def test_both_keys_work_for_the_overlap_and_then_the_new_one_alone(cast: Cast, minted: tuple[ApiKey, str]) -> None:
    key, secret = minted
    new, new_secret = rotate_api_key(key, overlap=DAY, created_by=cast.owner.user)
    assert (use(secret), use(new_secret)) == (200, 200)
    key.refresh_from_db()
    assert key.replaced_by == new
    assert key.expires_at is not None
    assert abs(key.expires_at - timezone.now() - DAY) < HOUR
    assert (new.name, new.scope, new.expires_at, new.created_by) == (key.name, key.scope, None, cast.owner.user)
    ApiKey.objects.filter(pk=key.pk).update(expires_at=timezone.now())
    assert (use(secret), use(new_secret)) == (403, 200)


def test_without_an_overlap_the_old_key_ends_at_once(minted: tuple[ApiKey, str]) -> None:
    key, secret = minted
    _, new_secret = rotate_api_key(key, overlap=timedelta())
    assert (use(secret), use(new_secret)) == (403, 200)


def test_overlap_never_lengthens_a_life_and_the_new_key_lives_as_long_as_the_old_one_was_to(cast: Cast) -> None:
    ends = timezone.now() + HOUR
    key, _ = mint_api_key(cast.organization, "ci", scope=Scope.GENERATE, expires_at=ends)
    ApiKey.objects.filter(pk=key.pk).update(created_at=ends - timedelta(days=30))
    key.refresh_from_db()
    new, _ = rotate_api_key(key, overlap=DAY)
    key.refresh_from_db()
    assert key.expires_at == ends
    assert new.scope == Scope.GENERATE
    assert new.expires_at is not None
    assert abs(new.expires_at - timezone.now() - timedelta(days=30)) < HOUR


def test_key_that_was_rotated_or_has_ended_is_not_rotated(cast: Cast, minted: tuple[ApiKey, str]) -> None:
    ended, _ = mint_api_key(cast.organization, "ended")
    assert revoke_api_key(ended)
    rotate_api_key(minted[0], overlap=DAY)
    for key in (minted[0], ended):
        with pytest.raises(InvalidInputError, match="has ended or was rotated before"):
            rotate_api_key(key, overlap=DAY)
    assert ApiKey.objects.count() == 3


def test_rotation_passes_at_the_limit_and_replaced_keys_have_one_of_their_own(cast: Cast) -> None:
    keys = fill(cast.organization)
    with pytest.raises(InvalidInputError):
        mint_api_key(cast.organization, "one more")
    for key in keys:
        rotate_api_key(key, overlap=DAY)
    newest = ApiKey.objects.filter(replaced_by=None).earliest("pk")
    with pytest.raises(InvalidInputError, match="Too many replaced keys"):
        rotate_api_key(newest, overlap=DAY)
    assert ApiKey.objects.live().count() == MAX_WITH_REPLACED
    assert revoke_api_key(keys[0])
    rotate_api_key(newest, overlap=DAY)


@pytest.mark.django_db(transaction=True)
def test_two_rotations_at_once_make_one_key() -> None:
    key, _ = mint_api_key(make_organization(), "ci")
    assert at_once(*[lambda: rotate_api_key(key, overlap=DAY)] * 4).count(True) == 1
    assert ApiKey.objects.count() == 2


# --- Activity ------------------------------------------------------------------------------------------------------


def test_log_tells_of_each_step_and_of_no_secret(cast: Cast) -> None:
    key, secret = mint_api_key(cast.organization, "ci", created_by=cast.developer.user)
    new, new_secret = rotate_api_key(key, overlap=DAY, created_by=cast.developer.user)
    assert revoke_api_key(new)
    assert not revoke_api_key(new)
    of_keys = AuditEvent.objects.of(cast.organization).filter(action__in=actions_of(Kind.KEYS))
    events = of_keys.order_by("pk").values_list("action", "subject")
    assert list(events) == [
        (Action.KEY_CREATED, str(key)),
        (Action.KEY_ROTATED, str(key)),
        (Action.KEY_REVOKED, str(new)),
    ]
    dump = database_dump()
    assert secret not in dump
    assert new_secret not in dump
