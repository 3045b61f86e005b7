"""The Playground's form as source text: curl, Python and JavaScript."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST

from dashboard.bfl.snippets import list_snippets
from dashboard.lib.htmx import render_page
from dashboard.organizations.access import get_membership
from dashboard.organizations.roles import Permission, roles_that_may
from playground.forms.generate import GenerateForm
from playground.forms.snippets import call_of, files_of
from playground.reuse import read_link


@login_required
@require_POST
def snippets(request: HttpRequest, org_id: str) -> HttpResponse:
    """Of the form as it stands, or what it lacks. A POST, for prompts are too long for an address."""
    membership = get_membership(request, org_id, Permission.SEE_CATALOG)
    form = GenerateForm(read_link(membership, request.POST).query, caller=membership.organization)
    context = {"form": form, "who_manages_keys": roles_that_may(Permission.MANAGE_KEYS)}
    if form.is_valid():
        context |= {"snippets": list_snippets(call_of(form)), "files": files_of(form)}
    return render_page(request, "playground/snippets.html", context, fragment="snippets")
