"""Commands on organizations: found one, rename it, give it an avatar."""

from typing import Any

from django.core.files.base import File
from django.db import transaction

from dashboard.lib.errors import InvalidInputError
from dashboard.organizations import actors, audit, avatars, queries
from dashboard.organizations.events import Action
from dashboard.organizations.locks import lock_live, lock_person
from dashboard.organizations.models import Membership, Organization, User
from dashboard.organizations.roles import Role

FOUNDED_MOST = 10
NAME_MAX = 80
TOO_MANY = (
    f"You have created {FOUNDED_MOST} organizations, which is the most for one person. "
    "Delete one that you no longer need, or ask a colleague to create this one and invite you."
)
NO_NAME = "Give the organization a name."


@transaction.atomic
def create_organization(name: str, *, administrator: User | None = None) -> Organization:
    """Raises InvalidInputError where the person has created as many as one may."""
    if administrator is not None:
        lock_person(administrator)
        _check_may_found(administrator)
    organization = Organization.objects.create(name=_clean(name), founder=administrator)
    if administrator is not None:
        Membership.objects.create(organization=organization, user=administrator, role=Role.ADMINISTRATOR)
    actor = actors.of_person(administrator)
    audit.record(organization, Action.SETTINGS_CREATED, organization.name, actor=actor)
    return organization


def create_personal(user: User) -> Organization | None:
    """The first organization of a person who belongs nowhere and waits for nobody; None for everyone else."""
    if user.is_staff or not queries.needs_organization(user):
        return None  # as nearly always: without a lock
    with transaction.atomic():
        lock_person(user)
        if not queries.needs_organization(user):
            return None
        return create_organization(personal_name(user), administrator=user)


@transaction.atomic
def rename_organization(organization: Organization, name: str) -> bool:
    """Whether it was another name."""
    lock_live(organization)
    name, before = _clean(name), Organization.objects.values_list("name", flat=True).get(pk=organization.pk)
    if name == before:
        return False
    Organization.objects.filter(pk=organization.pk).update(name=name)
    audit.record(organization, Action.SETTINGS_RENAMED, name, details={"before": before})
    return True


def change_avatar(organization: Organization, file: "File[Any]") -> None:
    """Raises InvalidInputError for what is not a picture that we show."""
    name = avatars.keep(organization, avatars.draw(file))
    try:
        _set_avatar(organization, name)
    except BaseException:
        avatars.discard(name)
        raise


def remove_avatar(organization: Organization) -> bool:
    """Whether there was one."""
    return _set_avatar(organization, "")


def personal_name(user: User) -> str:
    local, _, _ = user.email.partition("@")
    words = local.partition("+")[0].replace(".", " ").replace("_", " ").replace("-", " ").split()
    person = user.get_full_name().strip() or " ".join(word[:1].upper() + word[1:] for word in words) or user.email
    suffix = "’s organization"
    return person[: NAME_MAX - len(suffix)].strip() + suffix


def _check_may_found(user: User) -> None:
    if Organization.objects.live().filter(founder=user).count() >= FOUNDED_MOST:
        raise InvalidInputError(TOO_MANY, field="name")


def _clean(name: str) -> str:
    """In one line: it stands in the subject of e-mails too."""
    name = " ".join(name.split())
    if not name:
        raise InvalidInputError(NO_NAME, field="name")
    if len(name) > NAME_MAX:
        raise InvalidInputError(f"Use at most {NAME_MAX} characters; this has {len(name)}.", field="name")
    return name


@transaction.atomic
def _set_avatar(organization: Organization, name: str) -> bool:
    lock_live(organization)
    before: str = Organization.objects.values_list("avatar", flat=True).get(pk=organization.pk)
    if name == before:
        return False
    Organization.objects.filter(pk=organization.pk).update(avatar=name)
    details: dict[str, str | int] = {} if name else {"removed": "yes"}
    audit.record(organization, Action.SETTINGS_AVATAR_CHANGED, details=details)
    if before:
        # Robust: with the storage away, the new one is in place all the same.
        transaction.on_commit(lambda: avatars.discard(before), robust=True)
    return True
