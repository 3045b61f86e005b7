"""Every route against anonymous, outsider, member and administrator; a route without a row fails."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from dashboard.bfl.endpoints import FINETUNED_ENDPOINTS
from dashboard.organizations.services import mint_api_key
from finetunes.models import Finetune, Upload
from finetunes.uploads import staging
from playground.models import Generation, State
from tests.conftest import Cast, log_in, read_file

LOGIN = "/account/login/"
TO_LOGIN = 302
UUID = "7d1c3c9a-55f4-4d8e-9a51-0b1de94c3f11"


def of_organization(cast: Cast) -> list[Any]:
    return [cast.organization.org_id]


def of_finetune(cast: Cast) -> list[Any]:
    return [cast.organization.org_id, cast.finetune.name]


def of_version(cast: Cast) -> list[Any]:
    return [*of_finetune(cast), 1]


def of_generation(cast: Cast) -> list[Any]:
    return [cast.organization.org_id, UUID]


def of_upload(cast: Cast) -> list[Any]:
    return [cast.organization.org_id, UUID]


@dataclass(frozen=True)
class Row:
    """Statuses for anonymous, outsider, viewer (a member) and administrator; the methods that are refused."""

    statuses: tuple[int, int, int, int]
    args: Callable[[Cast], list[Any]] = lambda cast: []
    refused: tuple[str, ...] = ("post", "put", "patch", "delete")
    method: str = "get"


GET_AND_POST = ("put", "patch", "delete")
POST_ALONE = ("get", "put", "patch", "delete")
ANY_METHOD: tuple[str, ...] = ()

PAGES = {
    "home": Row((TO_LOGIN, 302, 302, 302)),
    "playground": Row((TO_LOGIN, 404, 403, 200), of_organization, GET_AND_POST),
    "playground-price": Row((TO_LOGIN, 404, 403, 200), of_organization),
    "generation": Row((TO_LOGIN, 404, 403, 200), of_generation),
    "generation-image": Row((TO_LOGIN, 404, 403, 200), of_generation),
    "generation-thumbnail": Row((TO_LOGIN, 404, 403, 200), of_generation),
    "finetunes": Row((TO_LOGIN, 404, 200, 200), of_organization),
    "finetune-add": Row((TO_LOGIN, 404, 403, 200), of_organization, GET_AND_POST),
    # Allowed, and then told that there is no file: 422.
    "finetune-preflight": Row((TO_LOGIN, 404, 403, 422), of_organization, POST_ALONE, "post"),
    "finetune": Row((TO_LOGIN, 404, 200, 200), of_finetune),
    "version-add": Row((TO_LOGIN, 404, 403, 200), of_finetune, GET_AND_POST),
    "version-use": Row((TO_LOGIN, 404, 403, 302), of_version, POST_ALONE, "post"),
    # Its client is no page: nobody is led to a log-in, and without the header of tus it is told 412.
    "uploads": Row((403, 404, 403, 412), of_organization, POST_ALONE, "post"),
    "upload": Row((403, 404, 403, 200), of_upload, ("post", "put")),
    # The signature is the leave; without one nobody gets in.
    "sample": Row((403, 403, 403, 403), lambda cast: [UUID, "png"]),
    # allauth's pages carry no tenant; they are the person's own. Sign-up is closed.
    "account_login": Row((200, 302, 302, 302), refused=ANY_METHOD),
    "account_logout": Row((302, 200, 200, 200), refused=ANY_METHOD),
    "account_signup": Row((200, 302, 302, 302), refused=ANY_METHOD),
    "account_inactive": Row((200, 200, 200, 200), refused=ANY_METHOD),
    "account_email": Row((TO_LOGIN, 200, 200, 200), refused=ANY_METHOD),
    "account_confirm_email": Row((200, 200, 200, 200), lambda cast: ["key"], ANY_METHOD),
    "account_email_verification_sent": Row((200, 200, 200, 200), refused=ANY_METHOD),
    "account_change_password": Row((TO_LOGIN, 200, 200, 200), refused=ANY_METHOD),
    "account_set_password": Row((TO_LOGIN, 302, 302, 302), refused=ANY_METHOD),
    "account_reset_password": Row((200, 200, 200, 200), refused=ANY_METHOD),
    "account_reset_password_done": Row((200, 200, 200, 200), refused=ANY_METHOD),
    "account_reset_password_from_key": Row((200, 200, 200, 200), lambda cast: ["u", "k-k"], ANY_METHOD),
    "account_reset_password_from_key_done": Row((200, 200, 200, 200), refused=ANY_METHOD),
    "account_confirm_login_code": Row((TO_LOGIN, 302, 302, 302), refused=ANY_METHOD),
    "account_reauthenticate": Row((TO_LOGIN, 200, 200, 200), refused=ANY_METHOD),
}


@dataclass(frozen=True)
class ApiRow:
    """Statuses with no key, an outsider's key and the owner's key; a log-in without a key counts as no key."""

    statuses: tuple[int, int, int]
    method: str = "get"
    query: dict[str, str] = field(default_factory=dict)
    args: tuple[str, ...] = ()


API = {
    "v1:api-root": ApiRow((404, 404, 404)),
    "v1:credits": ApiRow((403, 200, 200)),
    "v1:get_result": ApiRow((200, 200, 200), query={"id": UUID}),
    "v1:uploads": ApiRow((403, 412, 412), "post"),
    "v1:upload": ApiRow((403, 404, 200), args=(UUID,)),
    **{f"v1:{endpoint.name}": ApiRow((403, 404, 200), "post") for endpoint in FINETUNED_ENDPOINTS},
}


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
    """The cast, and of the owner's organization one finished generation and one open upload."""
    generation = Generation(
        id=UUID, organization=cast.organization, endpoint_name="flux-2-klein-4b-finetuned", inputs={"prompt": "x"},
        width=64, height=64, cost=1400, state=State.READY, due_at=timezone.now(), finished_at=timezone.now(),
        submitted_at=timezone.now(), seed="1", finetune_id_sent="ink-portrait",
    )  # fmt: skip
    generation.image.save("x.png", ContentFile(b"png"), save=False)
    generation.thumbnail.save("x.webp", ContentFile(b"webp"), save=False)
    generation.save(force_insert=True)
    upload = Upload.objects.create(id=UUID, organization=cast.organization, length=10, expires_at=tomorrow())
    staging.create(upload.pk)
    return cast


def tomorrow() -> datetime:
    return timezone.now() + timedelta(days=1)


def clients(cast: Cast) -> list[Client]:
    return [Client(), *(log_in(member.user) for member in (cast.outsider, cast.viewer, cast.owner))]


@pytest.mark.parametrize("name", [name for name in ROUTES if name not in ADMIN_ROUTES])
def test_route_has_a_row(name: str) -> None:
    assert name in PAGES or name in API, f"add a row for {name}"


@pytest.mark.parametrize("name", PAGES)
def test_page_answers_each_of_the_cast_as_its_row_says(matrix: Cast, name: str) -> None:
    row = PAGES[name]
    url = reverse(name, args=row.args(matrix))
    responses = [getattr(client, row.method)(url) for client in clients(matrix)]
    assert tuple(response.status_code for response in responses) == row.statuses
    for response in responses:
        if response.streaming:
            assert read_file(response)
    if row.statuses[0] == TO_LOGIN:
        assert responses[0]["location"].startswith(LOGIN) or name == "account_logout"


@pytest.mark.parametrize(("name", "method"), [(name, method) for name, row in PAGES.items() for method in row.refused])
def test_page_refuses_other_methods(matrix: Cast, name: str, method: str) -> None:
    client = log_in(matrix.owner.user)
    assert getattr(client, method)(reverse(name, args=PAGES[name].args(matrix))).status_code == 405


@pytest.mark.parametrize("name", [name for name, row in PAGES.items() if row.args is of_organization])
def test_no_organization_looks_like_a_hidden_one(matrix: Cast, name: str) -> None:
    ask = getattr(log_in(matrix.outsider.user), PAGES[name].method)
    hidden = ask(reverse(name, args=of_organization(matrix)))
    absent = ask(reverse(name, args=["nothing-here"]))
    assert (hidden.status_code, absent.status_code) == (404, 404)
    assert matrix.organization.name not in hidden.content.decode()


@pytest.mark.parametrize("name", API)
def test_api_route_answers_each_key_as_its_row_says(matrix: Cast, name: str) -> None:
    row, path = API[name], reverse(name, args=API[name].args)
    endpoint = next((e for e in FINETUNED_ENDPOINTS if f"v1:{e.name}" == name), None)
    if endpoint:
        Finetune.objects.filter(pk=matrix.finetune.pk).update(
            base_model=endpoint.base_model, precision=endpoint.precision
        )
    secrets = ["", *(mint_api_key(m.organization, "m")[1] for m in (matrix.outsider, matrix.owner))]
    statuses = []
    for secret in secrets:
        client = Client() if secret else log_in(matrix.owner.user)
        body = {"finetune_id": "ink-portrait", "prompt": "x"} if row.method == "post" else row.query
        options = {"content_type": "application/json"} if row.method == "post" else {}
        statuses.append(getattr(client, row.method)(path, body, headers={"x-key": secret}, **options).status_code)
    assert tuple(statuses) == row.statuses


@pytest.mark.parametrize("name", [name for name, row in API.items() if row.method == "post"])
def test_api_command_is_refused_as_get(matrix: Cast, name: str) -> None:
    secret = mint_api_key(matrix.organization, "m")[1]
    assert Client().get(reverse(name), headers={"x-key": secret}).status_code == 405


def test_admin_admits_operators_alone(matrix: Cast) -> None:
    for client in clients(matrix):
        assert client.get(reverse("admin:index")).status_code == 302
    for name in ADMIN_ROUTES:
        if name.endswith(("_changelist", "_add")):
            assert {client.get(reverse(name)).status_code for client in clients(matrix)} == {302}, name
