"""The one error base: a code, a status and a message that is safe to show; raised anywhere, translated at the edge."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from dashboard.lib.htmx import render_toast, wants_fragment


class DashboardError(Exception):
    """An outcome the caller should read. `message` says what was wrong and what to do; `field` says where.

    `retry_after` is set where the same may pass by itself after so many seconds.
    """

    code = "error"
    status = 400
    retry_after: int | None = None

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field


class InvalidInputError(DashboardError):
    code = "invalid_input"
    status = 422


class NotFoundError(DashboardError):
    """Also the answer for what exists but is not the caller's."""

    code = "not_found"
    status = 404


class ForbiddenError(DashboardError):
    code = "forbidden"
    status = 403


class PaymentRequiredError(DashboardError):
    code = "insufficient_credits"
    status = 402


class TooManyError(DashboardError):
    """More at once, or within a time, than one may ask for. What BFL says is not known: clients go by the status."""

    code = "too_many"
    status = 429
    retry_after = 1


def hint_retry(response: HttpResponse, error: DashboardError) -> None:
    if error.retry_after is not None:
        response["Retry-After"] = str(error.retry_after)


class ErrorPagesMiddleware:
    """Turns a DashboardError that a page raised into a page of its own with its status; for htmx, into a toast."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, DashboardError):
            return None
        context, status = {"error": exception}, exception.status
        if wants_fragment(request):
            response = render_toast(request, "error.html#toast", context, status=status)
        else:
            response = render(request, "error.html", context, status=status)
        hint_retry(response, exception)
        return response
