"""The pages that belong to no app: the way in, and what stands where nothing is."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseServerError
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.views import csrf, defaults
from django.views.decorators.http import require_safe

from dashboard.api.lane import is_for_programs
from dashboard.bfl import errors
from dashboard.lib.compact_json import answer_json
from dashboard.organizations import queries
from dashboard.organizations.models import User
from dashboard.organizations.shell import landing_url, last_membership

OLD_PAGE = "This page is older than your log-in. Reload it and choose the same file: the upload goes on where it is."
NO_CALL = "There is no such call. /v1/docs lists all of them."


@require_safe
@login_required
def home(request: HttpRequest) -> HttpResponse:
    """Leads back to the person's last organization: to the Playground, or to the catalog where the role ends there."""
    assert isinstance(request.user, User)
    memberships = queries.memberships_of(request.user)
    if not memberships:
        return render(request, "no_organization.html", {"is_invited": queries.is_invited(request.user.email)})
    return redirect(landing_url(last_membership(request, memberships)))


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _reads_json(request):
        return answer_json(errors.error_body(errors.BAD_REQUEST), status=400)
    return defaults.bad_request(request, exception)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _reads_json(request):
        return answer_json(errors.error_body(errors.NOT_AUTHENTICATED, errors.SEND_A_KEY), status=403)
    return render(request, "403.html", status=403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _reads_json(request):
        return answer_json(errors.error_body(errors.NOT_FOUND, NO_CALL), status=404)
    return render(request, "404.html", status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    if _reads_json(request):
        return answer_json(errors.error_body(errors.SERVER_ERROR), status=500)
    # Without the request: the shell's context reads the database, which may be what failed.
    return HttpResponseServerError(render_to_string("500.html"))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    if _reads_json(request):
        return answer_json(errors.error_body(OLD_PAGE), status=403)
    return csrf.csrf_failure(request, reason)


def _reads_json(request: HttpRequest) -> bool:
    """Programs, and what uploads files in a page."""
    return is_for_programs(request.path_info) or "Tus-Resumable" in request.headers
