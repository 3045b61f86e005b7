"""The page on which Administrators say how long generations are kept, which asks before anything would go."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from dashboard.organizations.access import get_membership
from dashboard.organizations.roles import Permission
from playground import retention as keeping
from playground.forms.history import RetentionForm

CONFIRMED = "confirmed"


@login_required
@require_http_methods(["GET", "POST"])
def retention(request: HttpRequest, org_id: str) -> HttpResponse:
    organization = get_membership(request, org_id, Permission.MANAGE_MEMBERS).organization
    days = keeping.days_of(organization)
    if request.method == "GET":
        return render(request, "playground/retention.html", {"form": RetentionForm(initial={"days": days})})
    form = RetentionForm(request.POST)
    if not form.is_valid():
        return render(request, "playground/retention.html", {"form": form}, status=422)
    asked: int | None = form.cleaned_data["days"]
    expired = keeping.count_expired(organization, asked) if asked != days else 0
    if expired and request.POST.get(CONFIRMED) != str(asked):
        context = {"form": form, "expired": expired, "asked": asked}
        return render(request, "playground/retention.html", context)
    keeping.keep_for(organization, asked)
    messages.success(request, "Saved. Generations are kept " + (f"{asked} days." if asked else "for ever."))
    return redirect("retention", org_id)
