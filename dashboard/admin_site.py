"""The operators' admin site, on Django's stock admin."""

from allauth.account.decorators import secure_admin_login
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator

from dashboard.organizations import access
from dashboard.organizations.models import User


class OperatorAdminSite(AdminSite):
    site_header = "Finetunes Dashboard · operators"
    site_title = "Operators"
    index_title = "Everything, across organizations"

    def has_permission(self, request: HttpRequest) -> bool:
        return super().has_permission(request) and not access.lacks_two_factor(_user(request))

    # The one log-in of the product, with its rate limits, serves operators too.
    @method_decorator(secure_admin_login)
    def login(self, request: HttpRequest, extra_context: dict[str, object] | None = None) -> HttpResponse:
        access.require_two_factor(_user(request), "operators")
        return super().login(request, extra_context)


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # nobody comes here without a log-in
    return request.user
