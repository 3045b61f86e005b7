"""API keys: shown once, kept as a digest, and dead once revoked."""

import io

import pytest
from django.core.management import call_command
from django.db import IntegrityError, transaction

from dashboard.lib.ids import digest_secret
from dashboard.organizations import queries
from dashboard.organizations.models import ApiKey
from dashboard.organizations.services.keys import mint_api_key, revoke_api_key
from tests.conftest import Cast


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
