"""Granting and revoking, official finetunes, and who sees what because of them."""

import pytest
from django.db import IntegrityError, transaction

from dashboard.lib.errors import InvalidInputError
from finetunes.models import Finetune, Grant, Source
from finetunes.services import catalog
from finetunes.services import grants as services
from tests.conftest import Cast


def sees(cast: Cast, finetune: Finetune) -> set[str]:
    """Who of the cast's three organizations sees the finetune."""
    organizations = {
        "owner": cast.organization,
        "recipient": cast.recipient.organization,
        "outsider": cast.outsider.organization,
    }
    return {
        role
        for role, organization in organizations.items()
        if Finetune.objects.visible_to(organization).filter(pk=finetune.pk).exists()
    }


def test_grant_lets_one_organization_in(cast: Cast) -> None:
    assert sees(cast, cast.finetune) == {"owner"}
    grant = services.grant(cast.finetune, cast.recipient.organization.org_id, granted_by=cast.developer.user)
    assert (grant.finetune, grant.organization) == (cast.finetune, cast.recipient.organization)
    assert grant.granted_by == cast.developer.user
    assert sees(cast, cast.finetune) == {"owner", "recipient"}


def test_org_id_may_be_pasted_with_spaces_and_in_capitals(cast: Cast) -> None:
    org_id = f"  {cast.recipient.organization.org_id.upper()}\n"
    grant = services.grant(cast.finetune, org_id, granted_by=None)
    assert grant.organization == cast.recipient.organization


def test_granting_twice_gives_the_grant_that_stands(cast: Cast) -> None:
    org_id = cast.recipient.organization.org_id
    first = services.grant(cast.finetune, org_id, granted_by=cast.owner.user)
    second = services.grant(cast.finetune, org_id, granted_by=cast.developer.user)
    assert second.pk == first.pk
    assert second.granted_by == cast.owner.user
    assert cast.finetune.grants.count() == 1


@pytest.mark.parametrize("org_id", ["", "nobody", "../x", "x" * 500])
def test_unknown_id_is_refused_at_its_field(cast: Cast, org_id: str) -> None:
    with pytest.raises(InvalidInputError, match="No organization has this ID") as caught:
        services.grant(cast.finetune, org_id, granted_by=None)
    assert caught.value.field == "org_id"


def test_owners_own_id_is_refused_at_its_field(cast: Cast) -> None:
    with pytest.raises(InvalidInputError, match="owner's own ID") as caught:
        services.grant(cast.finetune, cast.organization.org_id, granted_by=None)
    assert caught.value.field == "org_id"
    assert not cast.finetune.grants.exists()


def test_database_keeps_one_grant_a_recipient(cast: Cast) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Grant.objects.create(finetune=cast.granted, organization=cast.recipient.organization)


def test_revoking_shuts_the_organization_out_once(cast: Cast) -> None:
    grant = cast.granted.grants.get()
    assert services.revoke(grant)
    assert sees(cast, cast.granted) == {"owner"}
    assert not services.revoke(grant)


def test_official_finetune_is_seen_by_all_until_withdrawn(cast: Cast) -> None:
    before = cast.finetune.updated_at
    assert catalog.publish_official(cast.finetune)
    assert not catalog.publish_official(cast.finetune)
    assert sees(cast, cast.finetune) == {"owner", "recipient", "outsider"}
    cast.finetune.refresh_from_db()
    assert cast.finetune.updated_at > before
    assert cast.finetune.source_for(cast.outsider.organization) == Source.OFFICIAL
    assert catalog.withdraw_official(cast.finetune)
    assert not catalog.withdraw_official(cast.finetune)
    assert sees(cast, cast.finetune) == {"owner"}
