"""The pages that belong to no app: the way in, and what stands where nothing is."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseServerError, JsonResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.views import defaults
from django.views.decorators.http import require_GET

from dashboard.bfl import errors
from dashboard.organizations import queries
from dashboard.organizations.models import User
from dashboard.organizations.shell import landing_url

API_PREFIX = "/v1/"


@require_GET
@login_required
def home(request: HttpRequest) -> HttpResponse:
    """Leads into the person's first organization: to the Playground, or to the catalog where the role ends there."""
    assert isinstance(request.user, User)
    memberships = queries.memberships_of(request.user)
    if not memberships:
        return render(request, "no_organization.html")
    return redirect(landing_url(memberships[0]))


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if request.path.startswith(API_PREFIX):
        return JsonResponse(errors.error_body(errors.BAD_REQUEST), status=400)
    return defaults.bad_request(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if request.path.startswith(API_PREFIX):
        return JsonResponse(errors.error_body(errors.NOT_FOUND), status=404)
    return render(request, "404.html", status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    if request.path.startswith(API_PREFIX):
        return JsonResponse(errors.error_body(errors.SERVER_ERROR), status=500)
    # Without the request: the shell's context reads the database, which may be what failed.
    return HttpResponseServerError(render_to_string("500.html"))
