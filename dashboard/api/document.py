"""The OpenAPI document: what ninja reads from the calls, and what all calls of a kind have that none of them says."""

from typing import Any

from ninja import NinjaAPI
from ninja.openapi.schema import OpenAPISchema
from ninja.operation import Operation

from dashboard.bfl.openapi import (
    IDEMPOTENCY_KEY,
    REFUSALS,
    SCHEMAS,
    SECURITY,
    SECURITY_SCHEMES,
    TAGS,
    refusal,
    response,
)


class Document(OpenAPISchema):
    """Every call's security, the refusals that its kind brings, and the parameter that all commands take."""

    def __init__(self, api: NinjaAPI, path_prefix: str) -> None:
        super().__init__(api, path_prefix)
        self["tags"] = [{"name": name, "description": text} for name, text in TAGS.items() if name in self._used_tags()]

    def operation_details(self, operation: Operation) -> dict[str, Any]:
        details = super().operation_details(operation)
        if operation.methods == ["POST"]:
            details["parameters"].append(IDEMPOTENCY_KEY)
        for status in _refusals_of(operation, details):
            details["responses"].setdefault(status, refusal(status))
        details["responses"] = {str(status): details["responses"][status] for status in sorted(details["responses"])}
        return details

    def operation_security(self, operation: Operation) -> Any:
        return SECURITY if operation.auth_callbacks else None

    def get_components(self) -> dict[str, Any]:
        responses = {f"Status{status}": response(status) for status in REFUSALS}
        return {
            "schemas": {**self.schemas, **SCHEMAS},
            "responses": responses,
            "securitySchemes": SECURITY_SCHEMES,
        }

    def _used_tags(self) -> set[str]:
        return {tag for calls in self["paths"].values() for call in calls.values() for tag in call.get("tags", ())}


def _refusals_of(operation: Operation, details: dict[str, Any]) -> set[int]:
    found: set[int] = set()
    if operation.auth_callbacks:
        found |= {403, 429}
    if operation.methods == ["POST"]:
        found |= {409}
    if "requestBody" in details:
        found |= {411, 413, 503}
    if operation.methods == ["POST"] or "requestBody" in details or _has_query(details):
        found |= {422}
    return found


def _has_query(details: dict[str, Any]) -> bool:
    return any(parameter["in"] == "query" for parameter in details["parameters"])
