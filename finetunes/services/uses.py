"""The only writer of `Use`: an image is counted when it is submitted, and given back when it ends without one.

Both belong into the transaction of the event that they count. Rows are held in one order, the finetune before the
caller's account before the grant before the counter, so that two that wait for each other do not come about.
"""

from datetime import UTC, date, datetime

from django.db import connection
from django.db.models import F

from dashboard.lib.errors import DashboardError
from dashboard.organizations.models import Organization
from finetunes.models import Finetune, Grant, Use
from finetunes.queries import usage

TENTHS = 10
# In one statement on either database, which Django's own upsert is not: of two that make the row at once the second
# adds to what the first made.
COUNT_ONE = """
    INSERT INTO finetunes_use (finetune_id, organization_id, day, strength, images) VALUES (%s, %s, %s, %s, 1)
    ON CONFLICT (finetune_id, organization_id, day, strength) DO UPDATE SET images = finetunes_use.images + 1
"""


# As a reference from another row holds it; ours are checked at the commit alone, which is too late.
HOLD = "SELECT FROM finetunes_finetune WHERE id = %s FOR KEY SHARE"


class CapReachedError(DashboardError):
    """The grant's images of this calendar month are used up."""

    code = "monthly_cap_reached"
    status = 403


def hold(finetune_id: int) -> None:
    """Keeps the finetune from being deleted until the transaction ends: its deletion takes counters and generations.

    Call it before anything else is held. One statement; none on SQLite, which has one writer at a time.
    """
    if connection.features.has_select_for_update:
        with connection.cursor() as cursor:
            cursor.execute(HOLD, [finetune_id])


def take(finetune: Finetune, caller: Organization, strength: float, at: datetime) -> None:
    """Counts one image of this moment. Raises CapReachedError; then nothing is counted.

    One statement; three where a grant has a cap.
    """
    # What every organization may use has no cap for those who have a grant besides.
    if caller.pk != finetune.organization_id and not finetune.is_official:
        _check_cap(finetune, caller, at)
    with connection.cursor() as cursor:
        cursor.execute(COUNT_ONE, [finetune.pk, caller.pk, _day_of(at).isoformat(), _tenths(strength)])


def give_back(finetune_id: int, caller_id: int, strength: float, at: datetime) -> None:
    """Takes back one image that was counted `at` that moment: on its day, also where that lies in an earlier month."""
    counter = Use.objects.filter(
        finetune=finetune_id, organization=caller_id, day=_day_of(at), strength=_tenths(strength)
    )
    # What was submitted before there were counters may be in none.
    counter.filter(images__gt=0).update(images=F("images") - 1)


def _check_cap(finetune: Finetune, caller: Organization, at: datetime) -> None:
    """Holds the capped grant until the transaction ends: of many at once each sees what the one before it took."""
    capped = Grant.objects.live(at).filter(finetune=finetune, organization=caller, monthly_cap__isnull=False)
    cap = capped.select_for_update().values_list("monthly_cap", flat=True).first()
    if cap is not None and usage.used_in_month(finetune, caller, at) >= cap:
        raise CapReachedError(
            f"{caller.name} has used its {cap:,} image{'' if cap == 1 else 's'} of {finetune} this month. "
            f"The count starts again on {usage.next_month(at):%-d %B %Y} (UTC); "
            f"ask {finetune.organization.name}, which shares it, for a higher cap."
        )


def _day_of(at: datetime) -> date:
    return at.astimezone(UTC).date()


def _tenths(strength: float) -> int:
    return round(strength * TENTHS)
