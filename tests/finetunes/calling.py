"""What the tests of the catalog's API share: a program with a key, and the calls it makes."""

import json
from typing import Any

from django.test import Client

from dashboard.organizations.models import Organization
from dashboard.organizations.roles import Scope
from dashboard.organizations.services.keys import mint_api_key

LIST = "/v1/finetunes"
OWN = "/v1/finetunes/ink-portrait"


def program(organization: Organization, scope: Scope = Scope.EVERYTHING) -> Client:
    return Client(headers={"x-key": mint_api_key(organization, "program", scope=scope)[1]})


def patch(client: Client, path: str, **body: Any) -> Any:
    return client.patch(path, json.dumps(body), content_type="application/json")


def post(client: Client, path: str, **body: Any) -> Any:
    return client.post(path, json.dumps(body), content_type="application/json")


def fields_of(response: Any) -> list[list[Any]]:
    """Where a 422 says that something is wrong."""
    assert response.status_code == 422, response.content
    return [each["loc"] for each in response.json()["detail"]]
