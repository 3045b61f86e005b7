"""Granting within limits and revoking, official finetunes, and who sees what because of them."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from dashboard.lib.errors import InvalidInputError
from dashboard.organizations.activity import ActorKind, line_of
from dashboard.organizations.events import Action
from dashboard.organizations.models import AuditEvent, Organization
from dashboard.organizations.signals import deletion_asked
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


# --- Limits ------------------------------------------------------------------------------------------------


def tomorrow() -> datetime:
    return timezone.now() + timedelta(days=1)


def expire(grant: Grant) -> None:
    Grant.objects.filter(pk=grant.pk).update(expires_at=timezone.now())
    grant.refresh_from_db()


def log_of(organization: Organization) -> list[tuple[str, dict[str, Any]]]:
    events = AuditEvent.objects.of(organization).filter(action__startswith="grant").order_by("pk")
    return list(events.values_list("action", "details"))


def test_grant_ends_by_itself_at_its_moment(cast: Cast) -> None:
    grant = cast.granted.grants.get()
    Grant.objects.filter(pk=grant.pk).update(expires_at=timezone.now() + timedelta(minutes=1))
    assert sees(cast, cast.granted) == {"owner", "recipient"}
    expire(grant)
    assert not grant.is_live
    assert sees(cast, cast.granted) == {"owner"}


@pytest.mark.parametrize(
    ("limits", "field"),
    [
        ({"expires_at": timezone.now() - timedelta(seconds=1)}, "expires_at"),
        ({"monthly_cap": 0}, "monthly_cap"),
        ({"monthly_cap": -5}, "monthly_cap"),
        ({"monthly_cap": services.MOST_IMAGES + 1}, "monthly_cap"),
    ],
)
def test_limits_that_are_none_are_refused_at_their_field(cast: Cast, limits: dict[str, Any], field: str) -> None:
    everything = {"expires_at": None, "monthly_cap": None, **limits}
    with pytest.raises(InvalidInputError) as refused:
        services.grant(cast.finetune, cast.recipient.organization.org_id, granted_by=None, **limits)
    with pytest.raises(InvalidInputError) as unchanged:
        services.change(cast.granted.grants.get(), **everything)
    assert (refused.value.field, unchanged.value.field) == (field, field)
    assert not cast.finetune.grants.exists()


def test_expired_grant_is_renewed_in_its_row_and_both_logs_say_so(cast: Cast) -> None:
    grant, recipient = cast.granted.grants.get(), cast.recipient.organization
    expire(grant)
    again = services.grant(cast.granted, recipient.org_id, granted_by=cast.developer.user, monthly_cap=9)
    assert (again.pk, again.granted_by) == (grant.pk, cast.developer.user)
    grant.refresh_from_db()
    assert (grant.expires_at, grant.monthly_cap, grant.granted_by) == (None, 9, cast.developer.user)
    assert sees(cast, cast.granted) == {"owner", "recipient"}
    assert log_of(cast.organization) == [("grant.given", {"recipient": str(recipient), "monthly_cap": 9})]
    assert log_of(recipient) == [("grant.received", {"monthly_cap": 9})]


def test_live_grant_keeps_its_limits_when_it_is_given_again(cast: Cast) -> None:
    org_id = cast.recipient.organization.org_id
    services.grant(cast.finetune, org_id, granted_by=None, monthly_cap=5)
    services.grant(cast.finetune, org_id, granted_by=None, monthly_cap=500)
    assert cast.finetune.grants.get().monthly_cap == 5
    assert len(log_of(cast.organization)) == 1


def test_limits_change_once_and_both_logs_tell_them(cast: Cast) -> None:
    grant, until = cast.granted.grants.get(), tomorrow()
    assert services.change(grant, expires_at=until, monthly_cap=3)
    assert not services.change(grant, expires_at=until, monthly_cap=3)
    assert (grant.expires_at, grant.monthly_cap) == (until, 3)
    assert Grant.objects.get(pk=grant.pk).monthly_cap == 3
    [(mine, told), *none] = log_of(cast.organization)
    [(theirs, heard), *nor] = log_of(cast.recipient.organization)
    assert (mine, theirs, none, nor) == ("grant.changed", "grant.changed", [], [])
    assert (told["monthly_cap"], heard["monthly_cap"]) == (3, 3)
    assert "recipient" not in heard


def test_limit_that_is_left_out_stays_as_another_set_it_meanwhile(cast: Cast) -> None:
    stale, until = cast.granted.grants.get(), tomorrow()
    services.change(cast.granted.grants.get(), expires_at=until)
    assert services.change(stale, monthly_cap=3)
    assert (stale.expires_at, cast.granted.grants.get().expires_at) == (until, until)
    assert cast.granted.grants.get().monthly_cap == 3


def test_recipient_s_log_shows_the_organization_that_changed_the_limits(cast: Cast) -> None:
    services.change(cast.granted.grants.get(), expires_at=None, monthly_cap=3)
    event = AuditEvent.objects.of(cast.recipient.organization).get(action=Action.GRANT_CHANGED)
    line = line_of(event)
    assert (line.actor_kind, event.actor) == (ActorKind.ORGANIZATION, str(cast.organization))
    assert line.facts == (("Expires", "never"), ("Monthly cap", "3"))


def test_change_of_an_expired_grant_gives_it_anew(cast: Cast) -> None:
    grant = cast.granted.grants.get()
    expire(grant)
    assert services.change(grant, expires_at=None, monthly_cap=None)
    assert sees(cast, cast.granted) == {"owner", "recipient"}
    assert [action for action, _ in log_of(cast.recipient.organization)] == ["grant.received"]


def test_change_of_a_grant_that_ended_meanwhile_does_nothing(cast: Cast) -> None:
    grant = cast.granted.grants.get()
    assert services.revoke(Grant.objects.get(pk=grant.pk))
    assert not services.change(grant, expires_at=None, monthly_cap=3)
    assert not Grant.objects.exists()


def test_expired_grant_keeps_no_organization_from_being_deleted(cast: Cast) -> None:
    def obstacles() -> list[Any]:
        answers: list[Any] = [answer for _, answer in deletion_asked.send(sender=None, organization=cast.organization)]
        return [obstacle for answer in answers for obstacle in answer.obstacles]

    assert len(obstacles()) == 1
    expire(cast.granted.grants.get())
    assert obstacles() == []


def test_who_held_an_expired_grant_loses_nothing_with_the_finetune(cast: Cast) -> None:
    expire(cast.granted.grants.get())
    services.record_lost(cast.granted)
    assert log_of(cast.recipient.organization) == []
