"""Commands on grants: give one, change its limits, end one."""

from datetime import UTC, datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from dashboard.lib import rates
from dashboard.lib.errors import InvalidInputError, NotFoundError, TooManyError
from dashboard.organizations import actors, audit
from dashboard.organizations.actors import Actor
from dashboard.organizations.events import Action
from dashboard.organizations.locks import lock_live
from dashboard.organizations.models import Organization, User
from dashboard.organizations.queries import find_organization
from finetunes.models import Finetune, Grant

MOST_IMAGES = 1_000_000
NO_RECIPIENT = "No organization has this ID. Ask a member of the recipient for it and enter it as it is written."
OWN_GRANT = "That is the owner's own ID; an organization always has its own finetunes. Enter the recipient's."
PAST = "This has passed. Choose a later day, or leave it empty for a grant that does not expire."
NO_CAP = f"Enter a number of images from 1 to {MOST_IMAGES:,}, or leave it empty for no cap."

IN_TRASH = "{} was deleted. Restore it from the trash, then share it."
NO_LIMITS: dict[str, str | int] = {"expires": "never", "monthly_cap": "none"}
# Two look-ups a grant; who guesses at IDs needs far more of them.
LOOKUPS, LOOKUP_SECONDS = 60, 3600
TOO_MANY_LOOKUPS = "Your organization looked up many IDs within the hour. Wait a while, then try again."


class TooManyLookupsError(TooManyError):
    """Whoever guesses at organization IDs learns of few."""

    code = "too_many_lookups"
    retry_after = LOOKUP_SECONDS


def count_lookup(organization: Organization) -> None:
    """Before a name is told for an ID. Raises TooManyLookupsError."""
    if rates.count(f"recipients:{organization.pk}", seconds=LOOKUP_SECONDS) > LOOKUPS:
        raise TooManyLookupsError(TOO_MANY_LOOKUPS)


def find_recipient(finetune: Finetune, org_id: str) -> Organization:
    """The organization with this very ID. Raises InvalidInputError for none, and for the owner's own."""
    recipient = find_organization(org_id.strip().lower())
    if recipient is None:
        raise InvalidInputError(NO_RECIPIENT, field="org_id")
    check_recipient(finetune, recipient)
    return recipient


def grant(
    finetune: Finetune,
    org_id: str,
    *,
    granted_by: User | None,
    expires_at: datetime | None = None,
    monthly_cap: int | None = None,
) -> Grant:
    """Leave for the organization with this ID, within these limits; one that expired is renewed.

    A live grant that it has already stays as it is: `change` is for its limits. Raises InvalidInputError, whose field
    is the argument that it is about.
    """
    recipient = find_recipient(finetune, org_id)
    check_limits(expires_at, monthly_cap)
    limits: dict[str, Any] = {"expires_at": expires_at, "monthly_cap": monthly_cap}
    with transaction.atomic():
        # Neither is deleted meanwhile: an organization goes when nobody holds anything of it.
        lock_live(finetune.organization, recipient)
        _check_listed(finetune)
        made, is_new = Grant.objects.get_or_create(
            finetune=finetune, organization=recipient, defaults={"granted_by": granted_by, **limits}
        )
        if is_new or _renew(made, granted_by, limits):
            actor = actors.on_behalf_of(user=granted_by)
            _record(made, Action.GRANT_GIVEN, Action.GRANT_RECEIVED, actor, _facts_of(made))
    return made


@transaction.atomic
def change(grant: Grant, **limits: Any) -> bool:
    """Another `expires_at` or `monthly_cap`, from the recipient's next request on; for one that expired, leave anew.

    A limit that is left out stays as it is. Whether this call changed them: it does not where they are these already,
    or where the grant was ended meanwhile. Raises InvalidInputError.
    """
    current = Grant.objects.select_for_update().filter(pk=grant.pk).first()
    if current is None:
        return False
    # Of two who change one limit each at once, neither takes back what the other did.
    kept = {"expires_at": current.expires_at, "monthly_cap": current.monthly_cap}
    wanted = kept | limits
    check_limits(**wanted)
    if wanted == kept:
        return False
    theirs = Action.GRANT_CHANGED if current.is_live else Action.GRANT_RECEIVED
    Grant.objects.filter(pk=grant.pk).update(**wanted)
    grant.expires_at, grant.monthly_cap = wanted["expires_at"], wanted["monthly_cap"]
    _record(grant, Action.GRANT_CHANGED, theirs, actors.current(), NO_LIMITS | _facts_of(grant))
    return True


@transaction.atomic
def revoke(grant: Grant) -> bool:
    """Whether this call ended it; a grant ends once."""
    if Grant.objects.filter(pk=grant.pk).delete()[0] != 1:
        return False
    _record(grant, Action.GRANT_REVOKED, Action.GRANT_LOST, actors.current())
    return True


def record_lost(finetune: Finetune) -> None:
    """For the logs of those whose grants end with the finetune; call it before it is deleted.

    Who held one that had expired loses nothing.
    """
    _record_for_recipients(finetune, Action.GRANT_LOST)


def record_received(finetune: Finetune) -> None:
    """For the logs of those who may use it again, or from now on under its new name."""
    _record_for_recipients(finetune, Action.GRANT_RECEIVED)


def _record_for_recipients(finetune: Finetune, action: Action) -> None:
    held = Grant.objects.live(timezone.now()).filter(finetune=finetune)
    recipients = Organization.objects.live().filter(grants__in=held)
    actor = actors.of_organization(finetune.organization)
    audit.record_for_each(recipients, action, str(finetune), actor=actor)


def _check_listed(finetune: Finetune) -> None:
    if not Finetune.objects.owned_by(finetune.organization).filter(pk=finetune.pk).exists():
        raise NotFoundError(IN_TRASH.format(finetune.name))


def check_recipient(finetune: Finetune, recipient: Organization) -> None:
    if finetune.deleted_at:
        raise InvalidInputError(IN_TRASH.format(finetune.name), field="org_id")
    if recipient.pk == finetune.organization_id:
        raise InvalidInputError(OWN_GRANT, field="org_id")


def check_limits(expires_at: datetime | None, monthly_cap: int | None) -> None:
    """Raises InvalidInputError for an expiry that has passed and for a cap that is none."""
    if expires_at is not None and expires_at <= timezone.now():
        raise InvalidInputError(PAST, field="expires_at")
    if monthly_cap is not None and not 1 <= monthly_cap <= MOST_IMAGES:
        raise InvalidInputError(NO_CAP, field="monthly_cap")


def _renew(grant: Grant, granted_by: User | None, limits: dict[str, Any]) -> bool:
    """Whether this call did: of two at once one finds the grant expired."""
    now = timezone.now()
    fields = {"granted_by": granted_by, "created_at": now, **limits}
    if Grant.objects.filter(pk=grant.pk, expires_at__lte=now).update(**fields) != 1:
        return False
    for name, value in fields.items():
        setattr(grant, name, value)
    return True


def _record(
    grant: Grant, action: Action, theirs: Action, actor: Actor, facts: dict[str, str | int] | None = None
) -> None:
    """In both logs; the recipient reads which organization it was, and not which person."""
    finetune, owner, recipient = grant.finetune, grant.finetune.organization, grant.organization
    facts = facts or {}
    audit.record(owner, action, finetune.name, actor=actor, details={"recipient": str(recipient), **facts})
    audit.record(recipient, theirs, str(finetune), actor=actors.of_organization(owner), details=facts)


def _facts_of(grant: Grant) -> dict[str, str | int]:
    """The limits that there are."""
    facts: dict[str, str | int] = {}
    if grant.expires_at:
        facts["expires"] = grant.expires_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
    if grant.monthly_cap:
        facts["monthly_cap"] = grant.monthly_cap
    return facts
