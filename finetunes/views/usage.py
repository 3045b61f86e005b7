"""The tab of usage, for the owner: images by caller, week and strength, as a page and as a file."""

from dataclasses import dataclass

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from dashboard.lib.csv_download import send_csv
from finetunes.queries.usage import COLUMNS, Part, csv_rows, read_usage
from finetunes.views.panel import open_panel, render_panel

ROUTE = "finetune-usage"
WEEKS = (4, 12, 26)
DEFAULT_WEEKS = 12
# Units of the drawings, which the page stretches to its own width; a bar is as high as its percentage.
BAR_WIDTH = 10
BAR_GAP = 2


@dataclass(frozen=True)
class Bar:
    part: Part
    x: int
    y: int


@login_required
@require_safe
def usage(request: HttpRequest, org_id: str, finetune_id: str) -> HttpResponse:
    panel = open_panel(request, org_id, finetune_id, ROUTE)
    weeks = _weeks_asked(request)
    found = read_usage(panel.finetune, weeks, timezone.now().date())
    context = {
        "usage": found,
        "choices": WEEKS,
        "weeks_asked": weeks,
        "week_bars": _bars(found.weeks),
        "strength_bars": _bars(found.strengths),
    }
    return render_panel(request, panel, context)


@login_required
@require_safe
def download(request: HttpRequest, org_id: str, finetune_id: str) -> StreamingHttpResponse:
    panel = open_panel(request, org_id, finetune_id, ROUTE)
    weeks, today = _weeks_asked(request), timezone.now().date()
    name = f"usage-{panel.finetune.name}-{weeks}-weeks-{today}"
    return send_csv(name, COLUMNS, csv_rows(panel.finetune, weeks, today))


def _weeks_asked(request: HttpRequest) -> int:
    """What is no choice of the page is the usual one."""
    return next((weeks for weeks in WEEKS if str(weeks) == request.GET.get("weeks")), DEFAULT_WEEKS)


def _bars(parts: list[Part]) -> list[Bar]:
    return [Bar(part, number * BAR_WIDTH + BAR_GAP // 2, 100 - part.percent) for number, part in enumerate(parts)]
