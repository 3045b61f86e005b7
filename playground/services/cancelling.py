"""Cancelling: a generation that still waits is called back, by who asked for it, an Administrator or a program."""

from dashboard.lib.errors import DashboardError, ForbiddenError, NotFoundError
from dashboard.organizations.models import Membership
from dashboard.organizations.roles import Role
from playground import workflow
from playground.access import NO_GENERATION
from playground.models import Generation, State


class TooLateError(DashboardError):
    """The provider has the generation, or it has ended."""

    code = "too_late"
    status = 409


def may_cancel(member: Membership, generation: Generation) -> bool:
    """Whether it can work, for this member: what the button stands for."""
    return generation.state == State.QUEUED and _is_for(member, generation)


def cancel(generation: Generation, *, by: Membership) -> None:
    """Ends it uncharged. Raises ForbiddenError for another's, TooLateError for what no longer waits."""
    if generation.state == State.QUEUED and not _is_for(by, generation):
        raise ForbiddenError("Somebody else asked for this image. They can cancel it, and so can an Administrator.")
    if generation.state != State.QUEUED or not workflow.cancel(generation):
        _look_again(generation)
        raise TooLateError(_why_late(generation))


def cancel_for_key(generation: Generation) -> None:
    """The same for a key of its organization, of what is then as it stands; once more is no error."""
    is_ours = workflow.cancel(generation)
    _look_again(generation)
    if not (is_ours or generation.is_cancelled):
        raise TooLateError(_why_late(generation))


def _is_for(member: Membership, generation: Generation) -> bool:
    return member.role == Role.ADMINISTRATOR or generation.user_id == member.user_id


def _look_again(generation: Generation) -> None:
    """Raises NotFoundError where it was deleted in the same moment."""
    try:
        generation.refresh_from_db()
    except Generation.DoesNotExist:
        raise NotFoundError(NO_GENERATION) from None


def _why_late(generation: Generation) -> str:
    if generation.is_open:
        return "The provider has this image already: it can't be called back, and is charged when it is ready."
    return "This image is finished: there is nothing left to cancel."
