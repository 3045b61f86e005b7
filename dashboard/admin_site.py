"""The operators' admin site, on Django's stock admin."""

from allauth.account.decorators import secure_admin_login
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator


class OperatorAdminSite(AdminSite):
    site_header = "Finetunes Dashboard · operators"
    site_title = "Operators"
    index_title = "Everything, across organizations"

    # The one log-in of the product, with its rate limits, serves operators too.
    @method_decorator(secure_admin_login)
    def login(self, request: HttpRequest, extra_context: dict[str, object] | None = None) -> HttpResponse:
        return super().login(request, extra_context)
