"""The ninja API as BFL's wire wants it: key by header, compact JSON, FastAPI's error bodies."""

import json
import re
from collections.abc import Callable
from functools import cache
from importlib.metadata import version
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.operation import Operation
from ninja.parser import Parser
from ninja.renderers import JSONRenderer
from ninja.types import DictStrAny

from dashboard.api import idempotency
from dashboard.api.document import Document
from dashboard.bfl import errors
from dashboard.bfl.openapi import DESCRIPTION
from dashboard.lib.compact_json import to_json
from dashboard.lib.errors import DashboardError, hint_retry
from dashboard.organizations.access import keys_that_may
from dashboard.organizations.roles import Scope

CACHED = "public, max-age=300"
Answer = tuple[int, dict[str, Any]]
Translation = Callable[[Any], Answer]
NO_OBJECT = {
    "type": "model_attributes_type",
    "msg": "Input should be a valid dictionary or object to extract fields from",
}


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
        return to_json(data, self.encoder_class)


class WireAPI(NinjaAPI):
    """Tells of itself in a document of our own, and names its calls as clients made from it would."""

    def get_openapi_schema(self, *, path_prefix: str | None = None, path_params: DictStrAny | None = None) -> Document:
        return Document(self, self.get_root_path({}) if path_prefix is None else path_prefix)

    def get_openapi_operation_id(self, operation: Operation) -> str:
        name = getattr(operation, "url_name", None) or operation.view_func.__name__
        method = f"{operation.methods[0].lower()}_"
        return re.sub(r"\W", "_", name if name.startswith(method) else method + name)


def create_api() -> NinjaAPI:
    """The root under which every app's router hangs. A call that declares no scope takes keys for everything alone."""
    api = WireAPI(
        title="Finetunes Dashboard",
        version=version("finetunes-dashboard"),
        description=DESCRIPTION,
        servers=[{"url": settings.BASE_URL, "description": "This server"}],
        urls_namespace="v1",
        docs_url=None,
        openapi_url=None,
        auth=keys_that_may(Scope.EVERYTHING),
        parser=WireParser(),
        renderer=WireRenderer(),
    )
    idempotency.install(api)
    for kind, translate in TRANSLATIONS.items():
        api.add_exception_handler(kind, _handler(api, translate))
    declare = api.api_operation(
        ["GET", "HEAD"], "/openapi.json", auth=None, url_name="openapi", include_in_schema=False
    )
    declare(_openapi_view(api))
    return api


def _openapi_view(api: NinjaAPI) -> Callable[[HttpRequest], HttpResponse]:
    @cache
    def document() -> bytes:
        """Made at the first request: all routes are known by then."""
        return json.dumps(api.get_openapi_schema(), default=str).encode()

    def openapi(request: HttpRequest) -> HttpResponse:
        return HttpResponse(document(), content_type="application/json", headers={"Cache-Control": CACHED})

    return openapi


def _handler(api: NinjaAPI, translate: Translation) -> Callable[[HttpRequest, Any], HttpResponse]:
    def handle(request: HttpRequest, error: Any) -> HttpResponse:
        status, body = translate(error)
        response = api.create_response(request, body, status=status)
        if isinstance(error, DashboardError):
            hint_retry(response, error)
        return response

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
    message = f"The body is not valid JSON: see character {error.position}."
    return 422, errors.validation_body([found]) | {"message": message}


TRANSLATIONS: dict[type[Exception], Translation] = {
    AuthenticationError: lambda error: (403, errors.error_body(errors.NOT_AUTHENTICATED, errors.SEND_A_KEY)),
    RequestDataTooBig: lambda error: (413, errors.error_body(errors.TOO_LARGE)),
    Http404: lambda error: (404, errors.error_body(errors.NOT_FOUND)),
    HttpError: _http_error,
    ValidationError: _invalid,
    DashboardError: _refused,
}


def _as_fastapi(error: dict[str, Any]) -> dict[str, Any]:
    """Ninja names the view's argument between "body" and the field; the wire does not, nor a class of ours."""
    where, *rest = error["loc"]
    if error["type"] == "model_type":
        error = {**error, **NO_OBJECT}
    return {**error, "loc": [where, *rest[1:]] if where == "body" else error["loc"]}
