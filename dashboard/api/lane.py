"""The lane of programs: /v1 and signed samples reach their views past sessions, cookies and all that pages need."""

from collections.abc import Callable
from typing import cast

from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.urls import resolve

from dashboard.api.bodies import room_for
from dashboard.bfl.errors import error_body
from dashboard.lib.compact_json import answer_json
from dashboard.lib.errors import DashboardError, hint_retry
from dashboard.organizations.actors import ActorMiddleware

PREFIXES = ("/v1/", "/samples/")
# It shows a member the calls, and so needs to know who asks.
PAGE = "/v1/docs"
# What is no page may load nothing, and stand in none.
HEADERS = {"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'", "X-Frame-Options": "DENY"}

View = Callable[[HttpRequest], HttpResponse]


def is_for_programs(path: str) -> bool:
    return path.startswith(PREFIXES) and path != PAGE and not path.startswith(f"{PAGE}/")


class ProgramLaneMiddleware:
    """Stands right behind SecurityMiddleware; what follows it in the settings is for pages alone."""

    def __init__(self, get_response: View) -> None:
        self.answer_page = get_response
        # Handlers of dashboard/views.py put errors into JSON.
        self.answer_program = cast(View, convert_exception_to_response(ActorMiddleware(_call_view)))

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not is_for_programs(request.path_info):
            return self.answer_page(request)
        response = self.answer_program(request)
        for name, value in HEADERS.items():
            response.headers[name] = value
        if not response.streaming and not response.has_header("Content-Length"):
            response.headers["Content-Length"] = str(len(response.content))
        return response


def _call_view(request: HttpRequest) -> HttpResponse:
    request.get_host()  # raises DisallowedHost
    match = request.resolver_match = resolve(request.path_info)
    try:
        with room_for(request):
            response: HttpResponse = match.func(request, *match.args, **match.kwargs)
    except DashboardError as error:
        refusal = answer_json(error_body(error.message), status=error.status)
        hint_retry(refusal, error)
        return refusal
    return _refuse_method(request, response) if isinstance(response, HttpResponseNotAllowed) else response


def _refuse_method(request: HttpRequest, response: HttpResponseNotAllowed) -> HttpResponse:
    allowed = ", ".join(sorted(response["Allow"].split(", ")))
    body = error_body(f"{request.method} means nothing here; {allowed} does.")
    return answer_json(body, status=response.status_code, headers={"Allow": allowed})
