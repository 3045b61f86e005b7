"""The table of scopes over every call under /v1, which `test_url_matrix.py` reads."""

from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlencode

from django.urls import reverse

from dashboard.bfl.endpoints import ENDPOINTS
from dashboard.organizations.roles import Scope, key_may
from tests.conftest import Cast

UUID = "7d1c3c9a-55f4-4d8e-9a51-0b1de94c3f11"


@dataclass(frozen=True)
class ApiRow:
    """A call: keys whose scope allows `scope` get `allowed`, an outsider's gets `outsider`, and no live key 403."""

    scope: Scope | None
    allowed: int = 200
    outsider: int = 200
    method: str = "get"
    query: dict[str, str] = field(default_factory=dict)
    args: tuple[str, ...] | Callable[[Cast], list[str]] = ()

    def path(self, name: str, cast: Cast) -> str:
        path = reverse(name.partition(" ")[0], args=self.args(cast) if callable(self.args) else self.args)
        return f"{path}?{urlencode(self.query)}" if self.query and self.method != "get" else path

    def expected(self, who: Scope | str) -> int:
        if self.scope is None:
            return self.allowed
        if isinstance(who, Scope):
            return self.allowed if key_may(who, self.scope) else 403
        return self.outsider if who == "outsider" else 403


def of_the_grant(cast: Cast) -> list[str]:
    return [cast.granted.name, cast.recipient.organization.org_id]


OWN = ("ink-portrait",)
# One URL, several calls: the name of the route, and the method of each further one.
API = {
    "v1:api-root": ApiRow(None, 404),
    "v1:openapi": ApiRow(None),
    "v1:credits": ApiRow(Scope.READ),
    "v1:get_result": ApiRow(None, query={"id": UUID}),
    # The one there is Ready: too late for its owner, and nothing for anybody else.
    "v1:cancel_task": ApiRow(Scope.GENERATE, 409, 404, "post", query={"id": UUID}),
    # Allowed, and then told that there is no model in the body: 422.
    "v1:images_generations": ApiRow(Scope.GENERATE, 422, 422, "post"),
    "v1:models": ApiRow(Scope.READ),
    "v1:uploads": ApiRow(Scope.MANAGE, 412, 412, "post"),
    "v1:upload": ApiRow(Scope.MANAGE, outsider=404, args=(UUID,)),
    "v1:my_finetunes": ApiRow(Scope.READ),
    "v1:finetune_details": ApiRow(Scope.READ, outsider=404, query={"finetune_id": "ink-portrait"}),
    "v1:delete_finetune": ApiRow(Scope.MANAGE, outsider=404, method="post"),
    "v1:finetunes": ApiRow(Scope.READ),
    # It takes a form, which the body of the matrix is not.
    "v1:finetunes post": ApiRow(Scope.MANAGE, 415, 415, "post"),
    "v1:finetune": ApiRow(Scope.READ, outsider=404, args=OWN),
    "v1:finetune patch": ApiRow(Scope.MANAGE, outsider=404, method="patch", args=OWN),
    "v1:finetune delete": ApiRow(Scope.MANAGE, 204, 404, "delete", args=OWN),
    "v1:finetune_of": ApiRow(
        Scope.READ, outsider=404, args=lambda cast: [cast.organization.org_id, cast.finetune.name]
    ),
    "v1:versions": ApiRow(Scope.READ, outsider=404, args=OWN),
    "v1:version_use": ApiRow(Scope.MANAGE, outsider=404, method="post", args=("ink-portrait", "1")),
    "v1:grants": ApiRow(Scope.READ, outsider=404, args=OWN),
    # Allowed, and then told that the organization ID is missing: 422.
    "v1:grants post": ApiRow(Scope.MANAGE, 422, 422, "post", args=OWN),
    "v1:grant": ApiRow(Scope.MANAGE, outsider=404, method="patch", args=of_the_grant),
    "v1:grant delete": ApiRow(Scope.MANAGE, 204, 404, "delete", args=of_the_grant),
    **{
        f"v1:{endpoint.name}": ApiRow(Scope.GENERATE, outsider=404 if endpoint.takes_finetune else 200, method="post")
        for endpoint in ENDPOINTS
    },
}
