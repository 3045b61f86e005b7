"""The ninja API as BFL's wire wants it: key by header, compact JSON, FastAPI's error bodies."""

import json
from collections.abc import Callable
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.parser import Parser
from ninja.renderers import JSONRenderer
from ninja.types import DictStrAny

from dashboard.bfl import errors
from dashboard.lib.errors import DashboardError
from dashboard.organizations.access import keys_that_may
from dashboard.organizations.roles import Scope

Answer = tuple[int, dict[str, Any]]
Translation = Callable[[Any], Answer]


class InvalidJsonError(Exception):
    def __init__(self, position: int) -> None:
        super().__init__(position)
        self.position = position


class WireParser(Parser):
    """Tells bad JSON as FastAPI does, with its place."""

    def parse_body(self, request: HttpRequest) -> DictStrAny:
        try:
            body: DictStrAny = json.loads(request.body)
        except json.JSONDecodeError as error:
            raise InvalidJsonError(error.pos) from None
        except UnicodeDecodeError as error:
            raise InvalidJsonError(error.start) from None
        except (RecursionError, ValueError):  # nested too deep, or a number of thousands of digits
            raise InvalidJsonError(0) from None
        return body


class WireRenderer(JSONRenderer):
    """Compact, nulls kept, keys in the order of the schema."""

    def render(self, request: HttpRequest, data: Any, *, response_status: int) -> str:
        return json.dumps(data, cls=self.encoder_class, separators=(",", ":"))


def create_api() -> NinjaAPI:
    """The root under which every app's router hangs. A call that declares no scope takes keys for everything alone."""
    api = NinjaAPI(
        title="Finetunes Dashboard",
        urls_namespace="v1",
        docs_url=None,
        openapi_url=None,
        auth=keys_that_may(Scope.EVERYTHING),
        parser=WireParser(),
        renderer=WireRenderer(),
    )
    for kind, translate in TRANSLATIONS.items():
        api.add_exception_handler(kind, _handler(api, translate))
    return api


def _handler(api: NinjaAPI, translate: Translation) -> Callable[[HttpRequest, Any], HttpResponse]:
    def handle(request: HttpRequest, error: Any) -> HttpResponse:
        status, body = translate(error)
        return api.create_response(request, body, status=status)

    return handle


def _refused(error: DashboardError) -> Answer:
    if error.status != 422:
        return error.status, errors.error_body(error.message)
    fields = getattr(error, "errors", None) or {error.field or "": error.message}
    found = [{"loc": ["body", field], "msg": message, "type": "value_error"} for field, message in fields.items()]
    return 422, errors.validation_body(found)


def _invalid(error: ValidationError) -> Answer:
    return 422, errors.validation_body(map(_as_fastapi, error.errors))


def _http_error(error: HttpError) -> Answer:
    """Ninja wraps what its parser raises, and would answer 400 for it."""
    if isinstance(error.__cause__, InvalidJsonError):
        return _invalid_json(error.__cause__)
    return error.status_code, errors.error_body(error.message)


def _invalid_json(error: InvalidJsonError) -> Answer:
    found = {"loc": ["body", error.position], "msg": "JSON decode error", "type": "json_invalid"}
    return 422, errors.validation_body([found])


TRANSLATIONS: dict[type[Exception], Translation] = {
    AuthenticationError: lambda error: (403, errors.error_body(errors.NOT_AUTHENTICATED)),
    RequestDataTooBig: lambda error: (413, errors.error_body(errors.TOO_LARGE)),
    Http404: lambda error: (404, errors.error_body(errors.NOT_FOUND)),
    HttpError: _http_error,
    ValidationError: _invalid,
    DashboardError: _refused,
}


def _as_fastapi(error: dict[str, Any]) -> dict[str, Any]:
    """Ninja names the view's argument between "body" and the field; the wire does not."""
    where, *rest = error["loc"]
    return {**error, "loc": [where, *rest[1:]] if where == "body" else error["loc"]}
