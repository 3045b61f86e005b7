"""What the database itself keeps of people, organizations and memberships."""

import pytest
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from dashboard.lib.ids import ALPHABET, ORG_ID_LENGTH
from dashboard.organizations import queries
from dashboard.organizations.models import ORG_ID, Membership, Organization, User
from dashboard.organizations.roles import Role
from dashboard.organizations.services.members import add_member
from dashboard.organizations.services.organizations import create_organization
from tests.conftest import Cast
from tests.factories import PASSWORD, make_member, make_organization, make_user


@pytest.mark.django_db
def test_email_is_kept_in_lower_case_and_once_in_any_case() -> None:
    user = make_user("  Ada@Example.COM ")
    assert user.email == "ada@example.com"
    assert User.objects.get_by_natural_key("ADA@example.com") == user
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.filter(pk=make_user().pk).update(email="ADA@example.com")


@pytest.mark.django_db
def test_password_is_kept_as_a_hash() -> None:
    user = make_user()
    assert PASSWORD not in user.password
    assert user.check_password(PASSWORD)


@pytest.mark.django_db
def test_superuser_may_everything() -> None:
    user = User.objects.create_superuser("root@example.com", PASSWORD)
    assert user.is_staff
    assert user.is_superuser


@pytest.mark.django_db
def test_org_id_is_drawn_and_valid() -> None:
    drawn = [Organization.objects.create(name="A").org_id for _ in range(20)]
    assert len(set(drawn)) == 20
    for org_id in drawn:
        assert len(org_id) == ORG_ID_LENGTH
        assert set(org_id) <= set(ALPHABET)
        ORG_ID(org_id)


@pytest.mark.django_db
@pytest.mark.parametrize("org_id", ["", "a/b"])
def test_org_id_never_breaks_a_finetune_id(org_id: str) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Organization.objects.create(name="A", org_id=org_id)


@pytest.mark.django_db
def test_founder_becomes_administrator() -> None:
    founder = make_user()
    organization = create_organization("Atelier", administrator=founder)
    assert [(m.user, m.role) for m in organization.memberships.all()] == [(founder, Role.ADMINISTRATOR)]


def test_person_is_a_member_once_with_a_known_role(cast: Cast) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        add_member(cast.organization, cast.viewer.user, Role.DEVELOPER)
    with pytest.raises(IntegrityError), transaction.atomic():
        Membership.objects.filter(pk=cast.viewer.pk).update(role="owner")


def test_memberships_come_by_organization_name(cast: Cast) -> None:
    user = cast.outsider.user
    for name in ("Zebra", "Aardvark"):
        add_member(make_organization(name, credits=0), user, Role.VIEWER)
    names = [membership.organization.name for membership in queries.memberships_of(user)]
    assert names == ["Aardvark", "Elsewhere", "Zebra"]


def test_organization_with_a_ledger_cannot_be_deleted(cast: Cast) -> None:
    with pytest.raises(ProtectedError):
        cast.outsider.organization.delete()


@pytest.mark.django_db
def test_empty_organization_goes_with_its_memberships() -> None:
    member = make_member(make_organization(credits=0))
    member.organization.delete()
    assert not Membership.objects.filter(pk=member.pk).exists()
    assert User.objects.filter(pk=member.user.pk).exists()
