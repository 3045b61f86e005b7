"""The usage page, for every member: what was made and what it cost, by day, finetune, endpoint and caller."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from dashboard.lib.csv_download import send_csv
from dashboard.lib.errors import InvalidInputError
from dashboard.lib.htmx import render_page
from dashboard.organizations.access import get_membership
from dashboard.organizations.roles import Permission
from playground.forms.usage import DAYS, UsageForm
from playground.queries.usage import COLUMNS, Sums, csv_rows, read_usage

REFUSED = "The days in this address are not understood. Choose them on the usage page."
# Units of the drawing, which the page stretches to its own width.
CHART_HEIGHT = 100
BAR_WIDTH = 10
BAR_GAP = 2


@dataclass(frozen=True)
class Bar:
    """A day of the chart: what is ready stands on the ground, what failed on top of it."""

    day: date
    sums: Sums
    x: int
    ready_y: float
    ready_height: float
    failed_y: float
    failed_height: float


@login_required
@require_safe
def usage(request: HttpRequest, org_id: str) -> HttpResponse:
    organization = get_membership(request, org_id, Permission.SEE_CATALOG).organization
    form = UsageForm(request.GET)
    context: dict[str, Any] = {"form": form, "choices": DAYS}
    if not form.is_valid():
        return render_page(request, "playground/usage.html", context, fragment="usage", status=422)
    period = form.period(timezone.now().date())
    found = read_usage(organization, period)
    context |= {"usage": found, "period": period, "days_asked": form.days_asked, **_chart(found.days)}
    return render_page(request, "playground/usage.html", context, fragment="usage")


@login_required
@require_safe
def download(request: HttpRequest, org_id: str) -> StreamingHttpResponse:
    organization = get_membership(request, org_id, Permission.SEE_CATALOG).organization
    form = UsageForm(request.GET)
    if not form.is_valid():
        raise InvalidInputError(REFUSED)
    period = form.period(timezone.now().date())
    name = f"usage-{organization.org_id}-{period.since}-{period.until}"
    return send_csv(name, COLUMNS, csv_rows(organization, period))


def _chart(days: list[tuple[date, Sums]]) -> dict[str, Any]:
    most = max((sums.ready + sums.failed for _, sums in days), default=0)
    bars = [_bar(number, day, sums, max(most, 1)) for number, (day, sums) in enumerate(days)]
    return {"bars": bars, "most": most, "chart_width": len(bars) * BAR_WIDTH, "chart_height": CHART_HEIGHT}


def _bar(number: int, day: date, sums: Sums, most: int) -> Bar:
    ready, failed = (round(CHART_HEIGHT * count / most, 2) for count in (sums.ready, sums.failed))
    ground = round(CHART_HEIGHT - ready, 2)
    return Bar(day, sums, number * BAR_WIDTH + BAR_GAP // 2, ground, ready, round(ground - failed, 2), failed)
