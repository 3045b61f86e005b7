"""The activity log, for administrators: a page, and the same lines as CSV."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from dashboard.lib.csv_download import send_csv
from dashboard.lib.errors import InvalidInputError
from dashboard.lib.htmx import render_page
from dashboard.lib.keyset import read_cursor
from dashboard.organizations import activity as log
from dashboard.organizations.access import get_membership
from dashboard.organizations.forms.activity import ActivityFilterForm
from dashboard.organizations.roles import Permission

REFUSED = "The filter in this address is not understood. Set it on the page of the activity log."


@login_required
@require_safe
def activity(request: HttpRequest, org_id: str) -> HttpResponse:
    organization = get_membership(request, org_id, Permission.MANAGE_MEMBERS).organization
    form = ActivityFilterForm(request.GET)
    context = {"form": form, "names": log.known_names(organization)}
    if not form.is_valid():
        return render_page(request, "organizations/activity.html", context, fragment="activity", status=422)
    before, after = read_cursor(request.GET.get("before")), read_cursor(request.GET.get("after"))
    found = log.read_lines(organization, form.wanted, before=before, after=after)
    context |= {"lines": found.lines, "page": found.page, "query": form.query, "is_filtered": bool(form.wanted)}
    return render_page(request, "organizations/activity.html", context, fragment="activity")


@login_required
@require_safe
def download(request: HttpRequest, org_id: str) -> StreamingHttpResponse:
    organization = get_membership(request, org_id, Permission.MANAGE_MEMBERS).organization
    form = ActivityFilterForm(request.GET)
    if not form.is_valid():
        raise InvalidInputError(REFUSED)
    name = f"activity-{organization.org_id}-{timezone.now():%Y-%m-%d}"
    return send_csv(name, log.COLUMNS, log.csv_rows(organization, form.wanted))
