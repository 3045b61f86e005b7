"""The billing page: what is left, what was spent, and every entry of the ledger, also as CSV."""

from functools import partial
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from dashboard.billing import queries
from dashboard.billing.forms import LedgerFilterForm
from dashboard.lib.credits import as_text
from dashboard.lib.csv_download import send_csv
from dashboard.lib.errors import InvalidInputError
from dashboard.lib.htmx import render_page
from dashboard.lib.keyset import read_cursor, read_page
from dashboard.organizations.access import get_membership
from dashboard.organizations.models import Organization
from dashboard.organizations.roles import Permission

REFUSED = "The filter in this address is not understood. Set it on the billing page."
TEMPLATE = "billing/billing.html"


@login_required
@require_safe
def billing(request: HttpRequest, org_id: str) -> HttpResponse:
    organization = get_membership(request, org_id, Permission.MANAGE_CREDITS).organization
    form = _read_filter(request, organization)
    context: dict[str, Any] = {"form": form, "figures": partial(_figures, organization)}
    if not form.is_valid():
        return render_page(request, TEMPLATE, context, fragment="ledger", status=422)
    entries = queries.find_entries(organization, month=form.month_asked, everything=form.everything)
    before, after = read_cursor(request.GET.get("before")), read_cursor(request.GET.get("after"))
    context |= {
        "page": read_page(entries, before=before, after=after),
        "query": form.query,
        "month_query": urlencode({"month": form.cleaned_data["month"]}) if form.month_asked else "",
        "everything": form.everything,
        "month": form.month_asked,
    }
    return render_page(request, TEMPLATE, context, fragment="ledger")


@login_required
@require_safe
def download(request: HttpRequest, org_id: str) -> StreamingHttpResponse:
    organization = get_membership(request, org_id, Permission.MANAGE_CREDITS).organization
    form = _read_filter(request, organization)
    if not form.is_valid():
        raise InvalidInputError(REFUSED)
    entries = queries.find_entries(organization, month=form.month_asked, everything=form.everything)
    name = f"ledger-{organization.org_id}-{timezone.now():%Y-%m-%d}"
    return send_csv(name, queries.COLUMNS, queries.csv_rows(entries))


def _read_filter(request: HttpRequest, organization: Organization) -> LedgerFilterForm:
    return LedgerFilterForm(request.GET, organization=organization, today=timezone.now().date())


def _figures(organization: Organization) -> dict[str, str]:
    """Summed up by the template, which leaves it where only the entries are asked for."""
    spending = queries.spending_of(organization, timezone.now().date())
    return {
        "free_text": as_text(queries.balance_of(organization)),
        "held_text": as_text(spending.held),
        "this_month_text": as_text(spending.this_month),
        "last_month_text": as_text(spending.last_month),
    }
