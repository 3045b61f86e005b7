"""What a route answers to a method that means nothing there: 405, in JSON like every refusal."""

import re
from collections.abc import Callable
from inspect import Parameter, Signature
from typing import Any

from django.http import HttpResponse, JsonResponse
from ninja import Router

from dashboard.bfl.errors import error_body
from dashboard.organizations.access import ApiRequest, keys_that_may
from dashboard.organizations.roles import Scope

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
PART = re.compile(r"{(?:\w+:)?(\w+)}")


def refuse_others(router: Router) -> Router:
    """Once all of its calls are declared."""
    for path, view in list(router.path_operations.items()):
        known = sorted({method for operation in view.operations for method in operation.methods})
        others = [method for method in METHODS if method not in known]
        declare = router.api_operation(
            others, path, auth=keys_that_may(Scope.MANAGE), url_name=view.url_name, include_in_schema=False
        )
        declare(_refusal(path, known))
    return router


def _refusal(path: str, known: list[str]) -> Callable[..., HttpResponse]:
    allowed = ", ".join(known)

    def refuse(request: ApiRequest, **parts: Any) -> HttpResponse:
        body = error_body(f"{request.method} means nothing here; {allowed} does.")
        return JsonResponse(body, status=405, headers={"Allow": allowed})

    # Ninja wants to find the parts of the path by name.
    names = ["request", *PART.findall(path)]
    signature = Signature([Parameter(name, Parameter.POSITIONAL_OR_KEYWORD, annotation=Any) for name in names])
    refuse.__signature__ = signature  # type: ignore[attr-defined]
    return refuse
