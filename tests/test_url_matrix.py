"""The table of roles over every route, and the scopes of keys over every API call; a route without a row fails."""

import base64
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from dashboard.bfl.endpoints import FINETUNED_ENDPOINTS
from dashboard.organizations.models import ApiKey
from dashboard.organizations.roles import Role, Scope
from dashboard.organizations.services.invitations import invite
from dashboard.organizations.services.keys import mint_api_key, revoke_api_key
from finetunes.models import Finetune, Sample, Upload
from finetunes.services.trash import discard
from finetunes.uploads import staging
from playground.models import Generation, Grid, Preset, ReferenceUpload, State, Webhook
from tests.api_matrix import API, UUID
from tests.conftest import Cast, log_in, read_file
from tests.factories import make_finetune
from tests.page_matrix import PAGES, TO_LOGIN, Row, of_organization
from tests.playground.test_generate import picture

LOGIN = "/account/login/"


def routes(resolver: URLResolver, namespace: str = "") -> Iterator[str]:
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            yield from routes(pattern, inner)
        elif isinstance(pattern, URLPattern):
            yield f"{namespace}{pattern.name or pattern.pattern}"


ROUTES = sorted(set(routes(get_resolver())))
ADMIN_ROUTES = [name for name in ROUTES if name.startswith("admin:")]


@pytest.fixture
def matrix(cast: Cast) -> Cast:
    """The cast, and of the owner's organization a generation, an upload, a key, an invitation and an avatar."""
    generation = Generation(
        id=UUID, organization=cast.organization, endpoint_name="flux-2-klein-4b-finetuned", inputs={"prompt": "x"},
        width=64, height=64, cost=1400, state=State.READY, due_at=timezone.now(), finished_at=timezone.now(),
        submitted_at=timezone.now(), seed="1", finetune_id_sent="ink-portrait",
    )  # fmt: skip
    generation.image.save("x.png", ContentFile(b"png"), save=False)
    generation.thumbnail.save("x.webp", ContentFile(b"webp"), save=False)
    axes = {"across": {"kind": "strength", "values": [1.0]}, "down": None}
    generation.grid = Grid.objects.create(
        id=UUID, organization=cast.organization, finetune=cast.finetune, axes=axes, inputs={"prompt": "x"}
    )
    generation.row = generation.column = 0
    generation.save(force_insert=True)
    Webhook.objects.create(generation=generation, organization=cast.organization, url="https://hooks.example.com/")
    sample = Sample(
        finetune=cast.finetune, generation_id=UUID, prompt="x", strength=1, width=64, height=64, seed="1"
    )  # fmt: skip
    sample.image.save("x.png", ContentFile(b"png"), save=False)
    sample.thumbnail.save("x.webp", ContentFile(b"webp"))
    Preset.objects.create(id=UUID, organization=cast.organization, name="matrix", values={})
    upload = Upload.objects.create(id=UUID, organization=cast.organization, length=10, expires_at=tomorrow())
    staging.create(upload.pk)
    reference = ReferenceUpload(id=UUID, organization=cast.organization, name="x.png", width=64, height=64)
    reference.file.save("x.png", ContentFile(base64.b64decode(picture((64, 64)))))
    mint_api_key(cast.organization, "matrix")
    assert discard(make_finetune(cast.organization, "in-the-trash"), by=cast.developer.user)
    invite(cast.organization, "matrix@example.com", Role.VIEWER, invited_by=cast.owner.user)
    cast.organization.avatar.save("x.webp", ContentFile(b"webp"))
    return cast


def tomorrow() -> datetime:
    return timezone.now() + timedelta(days=1)


def clients(cast: Cast) -> dict[Role | str, Client]:
    members: dict[Role | str, Client] = {role: log_in(member.user) for role, member in cast.members.items()}
    return members | {"outsider": log_in(cast.outsider.user), "anonymous": Client()}


def answer(client: Client, method: str, url: str, data: Any = None, **options: Any) -> Any:
    """What this request alone is answered: what it changed is taken back."""
    with transaction.atomic():
        response = getattr(client, method)(url, data, **options)
        if response.streaming:
            assert read_file(response)
        transaction.set_rollback(True)
    return response


@pytest.mark.parametrize("name", [name for name in ROUTES if name not in ADMIN_ROUTES])
def test_route_has_a_row(name: str) -> None:
    assert name in PAGES or name in API, f"add a row for {name}"


@pytest.mark.parametrize("name", PAGES)
def test_page_answers_each_role_as_the_table_says(matrix: Cast, name: str) -> None:
    row = PAGES[name]
    url = reverse(name, args=row.args(matrix))
    data = row.data if isinstance(row, Row) else None
    responses = {who: answer(client, row.method, url, data) for who, client in clients(matrix).items()}
    assert {who: response.status_code for who, response in responses.items()} == {
        who: row.expected(who) for who in responses
    }
    if row.expected("anonymous") == TO_LOGIN:
        assert responses["anonymous"]["location"].startswith(LOGIN) or name == "account_logout"


@pytest.mark.parametrize("name", [name for name, row in PAGES.items() if row.refused])
def test_page_refuses_other_methods(matrix: Cast, name: str) -> None:
    client, url = log_in(matrix.owner.user), reverse(name, args=PAGES[name].args(matrix))
    answers = {method: getattr(client, method)(url).status_code for method in PAGES[name].refused}
    assert answers == dict.fromkeys(PAGES[name].refused, 405)


@pytest.mark.parametrize(
    "name", [name for name, row in PAGES.items() if isinstance(row, Row) and row.args is of_organization]
)
def test_no_organization_looks_like_a_hidden_one(matrix: Cast, name: str) -> None:
    ask = getattr(log_in(matrix.outsider.user), PAGES[name].method)
    hidden = ask(reverse(name, args=of_organization(matrix)))
    absent = ask(reverse(name, args=["nothing-here"]))
    assert (hidden.status_code, absent.status_code) == (404, 404)
    assert matrix.organization.name not in hidden.content.decode()


def secrets_of(cast: Cast) -> dict[Scope | str, str]:
    """A key of each scope, and those that open nothing here."""
    found: dict[Scope | str, str] = {
        scope: mint_api_key(cast.organization, scope.label, scope=scope)[1] for scope in Scope
    }
    found["outsider"] = mint_api_key(cast.outsider.organization, "outsider")[1]
    revoked, found["revoked"] = mint_api_key(cast.organization, "revoked")
    assert revoke_api_key(revoked)
    expired, found["expired"] = mint_api_key(cast.organization, "expired", expires_at=tomorrow())
    ApiKey.objects.filter(pk=expired.pk).update(expires_at=timezone.now())
    return found | {"unknown": "bfl_unknown", "none": ""}


@pytest.mark.parametrize("name", API)
def test_api_call_answers_each_key_as_its_row_says(matrix: Cast, name: str) -> None:
    row, path = API[name], API[name].path(name, matrix)
    endpoint = next((e for e in FINETUNED_ENDPOINTS if f"v1:{e.name}" == name), None)
    if endpoint and endpoint.base_model:
        Finetune.objects.filter(pk=matrix.finetune.pk).update(
            base_model=endpoint.base_model,
            precision=endpoint.precision,
            current_version=matrix.finetune.current_version_id if endpoint.base_model.takes_checkpoint else None,
        )
    changes = row.method in ("post", "patch")
    body = {"finetune_id": "ink-portrait", "prompt": "x", "image": picture((64, 64))} if changes else row.query
    options = {"content_type": "application/json"} if changes else {}
    statuses = {}
    for who, secret in secrets_of(matrix).items():
        # A log-in opens nothing here: without a key its owner is nobody.
        client = Client() if secret else log_in(matrix.owner.user)
        statuses[who] = answer(client, row.method, path, body, headers={"x-key": secret}, **options).status_code
    assert statuses == {who: row.expected(who) for who in statuses}


@pytest.mark.parametrize("name", [name for name, row in API.items() if row.method != "get" and " " not in name])
def test_api_command_is_refused_as_get(matrix: Cast, name: str) -> None:
    secret = mint_api_key(matrix.organization, "m")[1]
    refused = Client().get(API[name].path(name, matrix), headers={"x-key": secret})
    assert refused.status_code == 405


def test_admin_admits_operators_alone(matrix: Cast) -> None:
    people = clients(matrix).values()
    for name in ["admin:index", *(name for name in ADMIN_ROUTES if name.endswith(("_changelist", "_add")))]:
        assert {client.get(reverse(name)).status_code for client in people} == {302}, name
