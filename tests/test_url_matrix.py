"""The table of roles over every route, and the scopes of keys over every API call; a route without a row fails."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from dashboard.bfl.endpoints import FINETUNED_ENDPOINTS
from dashboard.organizations.models import ApiKey, Invitation
from dashboard.organizations.roles import Permission, Role, Scope, key_may, may
from dashboard.organizations.services.invitations import invite
from dashboard.organizations.services.keys import mint_api_key, revoke_api_key
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


def of_key(cast: Cast) -> list[Any]:
    """A live one that the matrix made."""
    return [*of_organization(cast), ApiKey.objects.get(organization=cast.organization, name="matrix").pk]


def of_grant(cast: Cast) -> list[Any]:
    return [cast.organization.org_id, cast.granted.name, cast.recipient.organization.org_id]


def of_version(cast: Cast) -> list[Any]:
    return [*of_finetune(cast), 1]


def of_generation(cast: Cast) -> list[Any]:
    return [cast.organization.org_id, UUID]


def of_upload(cast: Cast) -> list[Any]:
    return [cast.organization.org_id, UUID]


def of_member(cast: Cast) -> list[Any]:
    return [*of_organization(cast), cast.viewer.pk]


def of_invitation(cast: Cast) -> list[Any]:
    """An open one that the matrix made."""
    return [*of_organization(cast), Invitation.objects.get(organization=cast.organization).pk]


@dataclass(frozen=True)
class Row:
    """A page of an organization: roles with the permission get `allowed`, others 403, and an outsider 404."""

    permission: Permission
    allowed: int = 200
    args: Callable[[Cast], list[Any]] = of_organization
    refused: tuple[str, ...] = ("post", "put", "patch", "delete")
    method: str = "get"
    anonymous: int = TO_LOGIN
    data: dict[str, Any] = field(default_factory=dict)

    def expected(self, who: Role | str) -> int:
        if isinstance(who, Role):
            return self.allowed if may(who, self.permission) else 403
        return {"outsider": 404, "anonymous": self.anonymous}[who]


@dataclass(frozen=True)
class OpenRow:
    """A page without a tenant: statuses for anonymous and for anybody who is logged in."""

    statuses: tuple[int, int]
    args: Callable[[Cast], list[Any]] = lambda cast: []
    refused: tuple[str, ...] = ("post", "put", "patch", "delete")
    method: str = "get"

    def expected(self, who: Role | str) -> int:
        return self.statuses[0 if who == "anonymous" else 1]


GET_AND_POST = ("put", "patch", "delete")
POST_ALONE = ("get", "put", "patch", "delete")
ANY_METHOD: tuple[str, ...] = ()
SEE, GENERATE, EDIT = Permission.SEE_CATALOG, Permission.GENERATE, Permission.EDIT_FINETUNES
MEMBERS, CREDITS = Permission.MANAGE_MEMBERS, Permission.MANAGE_CREDITS
KEYS = Permission.MANAGE_KEYS

PAGES: dict[str, Row | OpenRow] = {
    "home": OpenRow((TO_LOGIN, 302)),
    "playground": Row(GENERATE, refused=GET_AND_POST),
    "playground-price": Row(GENERATE),
    "generation": Row(GENERATE, args=of_generation),
    "generation-image": Row(GENERATE, args=of_generation),
    "generation-thumbnail": Row(GENERATE, args=of_generation),
    "members": Row(SEE),
    "member-leave": Row(SEE, refused=GET_AND_POST),
    "member-role": Row(MEMBERS, 302, of_member, POST_ALONE, "post", data={"role": "creator"}),
    "member-remove": Row(MEMBERS, args=of_member, refused=GET_AND_POST),
    "invite": Row(MEMBERS, refused=GET_AND_POST),
    "invitation-resend": Row(MEMBERS, 302, of_invitation, POST_ALONE, "post"),
    "invitation-cancel": Row(MEMBERS, 302, of_invitation, POST_ALONE, "post"),
    # The token is the leave; a wrong one opens nothing.
    "invitation": OpenRow((404, 404), lambda cast: ["wrong"], GET_AND_POST),
    "organization-create": OpenRow((TO_LOGIN, 200), refused=GET_AND_POST),
    "organization-settings": Row(MEMBERS, refused=GET_AND_POST),
    "organization-avatar": Row(SEE),
    "organization-avatar-change": Row(MEMBERS, 302, refused=POST_ALONE, method="post", data={"remove": "yes"}),
    "organization-delete": Row(MEMBERS, refused=GET_AND_POST),
    "get-started": Row(SEE),
    "keys": Row(KEYS),
    "key-create": Row(KEYS, refused=GET_AND_POST),
    "key-rotate": Row(KEYS, args=of_key, refused=GET_AND_POST),
    "key-revoke": Row(KEYS, args=of_key, refused=GET_AND_POST),
    "usage": Row(SEE),
    "usage-csv": Row(SEE),
    "billing": Row(CREDITS),
    "billing-csv": Row(CREDITS),
    "activity": Row(MEMBERS),
    "activity-csv": Row(MEMBERS),
    "finetunes": Row(SEE),
    "finetune-add": Row(EDIT, refused=GET_AND_POST),
    # Allowed, and then told that there is no file: 422.
    "finetune-preflight": Row(EDIT, 422, refused=POST_ALONE, method="post"),
    "finetune": Row(SEE, args=of_finetune),
    "version-add": Row(EDIT, args=of_finetune, refused=GET_AND_POST),
    "version-use": Row(EDIT, 302, of_version, POST_ALONE, "post"),
    "grant": Row(Permission.GRANT, args=of_finetune, refused=GET_AND_POST),
    "grant-revoke": Row(Permission.GRANT, args=of_grant, refused=GET_AND_POST),
    # Its client is no page: nobody is led to a log-in, and without the header of tus it is told 412.
    "uploads": Row(EDIT, 412, refused=POST_ALONE, method="post", anonymous=403),
    "upload": Row(EDIT, args=of_upload, refused=("post", "put"), anonymous=403),
    # The signature is the leave; without one nobody gets in.
    "sample": OpenRow((403, 403), lambda cast: [UUID, "png"]),
    # allauth's pages carry no tenant; they are the person's own.
    "account_login": OpenRow((200, 302), refused=ANY_METHOD),
    "account_logout": OpenRow((302, 200), refused=ANY_METHOD),
    "account_signup": OpenRow((200, 302), refused=ANY_METHOD),
    "account_inactive": OpenRow((200, 200), refused=ANY_METHOD),
    "account_email": OpenRow((TO_LOGIN, 200), refused=ANY_METHOD),
    "account_confirm_email": OpenRow((200, 200), lambda cast: ["key"], ANY_METHOD),
    "account_email_verification_sent": OpenRow((200, 200), refused=ANY_METHOD),
    "account_change_password": OpenRow((TO_LOGIN, 200), refused=ANY_METHOD),
    "account_set_password": OpenRow((TO_LOGIN, 302), refused=ANY_METHOD),
    "account_reset_password": OpenRow((200, 200), refused=ANY_METHOD),
    "account_reset_password_done": OpenRow((200, 200), refused=ANY_METHOD),
    "account_reset_password_from_key": OpenRow((200, 200), lambda cast: ["u", "k-k"], ANY_METHOD),
    "account_reset_password_from_key_done": OpenRow((200, 200), refused=ANY_METHOD),
    "account_confirm_login_code": OpenRow((TO_LOGIN, 302), refused=ANY_METHOD),
    "account_reauthenticate": OpenRow((TO_LOGIN, 200), refused=ANY_METHOD),
    "mfa_index": OpenRow((TO_LOGIN, 200), refused=ANY_METHOD),
    "mfa_authenticate": OpenRow((TO_LOGIN, 302), refused=ANY_METHOD),
    "mfa_reauthenticate": OpenRow((TO_LOGIN, 302), refused=ANY_METHOD),
    "mfa_login_webauthn": OpenRow((TO_LOGIN, 302), refused=ANY_METHOD),
    "mfa_list_webauthn": OpenRow((TO_LOGIN, 200), refused=ANY_METHOD),
    "mfa_reauthenticate_webauthn": OpenRow((TO_LOGIN, 302), refused=ANY_METHOD),
    # What changes a second factor asks for the password once more.
    "mfa_activate_totp": OpenRow((TO_LOGIN, 302), refused=ANY_METHOD),
    "mfa_deactivate_totp": OpenRow((TO_LOGIN, 404), refused=ANY_METHOD),
    "mfa_add_webauthn": OpenRow((TO_LOGIN, 302), refused=ANY_METHOD),
    "mfa_edit_webauthn": OpenRow((TO_LOGIN, 302), lambda cast: [1], ANY_METHOD),
    "mfa_remove_webauthn": OpenRow((TO_LOGIN, 302), lambda cast: [1], ANY_METHOD),
    "mfa_generate_recovery_codes": OpenRow((TO_LOGIN, 302), refused=ANY_METHOD),
    "mfa_view_recovery_codes": OpenRow((TO_LOGIN, 404), refused=ANY_METHOD),
    "mfa_download_recovery_codes": OpenRow((TO_LOGIN, 404), refused=ANY_METHOD),
    "usersessions_list": OpenRow((TO_LOGIN, 200), refused=ANY_METHOD),
    # Somebody else's, or nobody's.
    "session-end": OpenRow((TO_LOGIN, 404), lambda cast: [0], POST_ALONE, "post"),
    "socialaccount_connections": OpenRow((TO_LOGIN, 200), refused=ANY_METHOD),
    "socialaccount_signup": OpenRow((TO_LOGIN, 302), refused=ANY_METHOD),
    "socialaccount_login_cancelled": OpenRow((200, 200), refused=ANY_METHOD),
    "socialaccount_login_error": OpenRow((401, 401), refused=ANY_METHOD),
    # No provider is configured here.
    "openid_connect_login": OpenRow((404, 404), lambda cast: ["acme"], ANY_METHOD),
    "openid_connect_callback": OpenRow((404, 404), lambda cast: ["acme"], ANY_METHOD),
}


@dataclass(frozen=True)
class ApiRow:
    """A call: keys whose scope allows `scope` get `allowed`, an outsider's gets `outsider`, and no live key 403."""

    scope: Scope | None
    allowed: int = 200
    outsider: int = 200
    method: str = "get"
    query: dict[str, str] = field(default_factory=dict)
    args: tuple[str, ...] = ()

    def expected(self, who: Scope | str) -> int:
        if self.scope is None:
            return self.allowed
        if isinstance(who, Scope):
            return self.allowed if key_may(who, self.scope) else 403
        return self.outsider if who == "outsider" else 403


API = {
    "v1:api-root": ApiRow(None, 404),
    "v1:credits": ApiRow(Scope.READ),
    "v1:get_result": ApiRow(None, query={"id": UUID}),
    "v1:uploads": ApiRow(Scope.MANAGE, 412, 412, "post"),
    "v1:upload": ApiRow(Scope.MANAGE, outsider=404, args=(UUID,)),
    **{f"v1:{endpoint.name}": ApiRow(Scope.GENERATE, outsider=404, method="post") for endpoint in FINETUNED_ENDPOINTS},
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
    """The cast, and of the owner's organization a generation, an upload, a key, an invitation and an avatar."""
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
    mint_api_key(cast.organization, "matrix")
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


@pytest.mark.parametrize(("name", "method"), [(name, method) for name, row in PAGES.items() for method in row.refused])
def test_page_refuses_other_methods(matrix: Cast, name: str, method: str) -> None:
    client = log_in(matrix.owner.user)
    assert getattr(client, method)(reverse(name, args=PAGES[name].args(matrix))).status_code == 405


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
    row, path = API[name], reverse(name, args=API[name].args)
    endpoint = next((e for e in FINETUNED_ENDPOINTS if f"v1:{e.name}" == name), None)
    if endpoint:
        Finetune.objects.filter(pk=matrix.finetune.pk).update(
            base_model=endpoint.base_model, precision=endpoint.precision
        )
    body = {"finetune_id": "ink-portrait", "prompt": "x"} if row.method == "post" else row.query
    options = {"content_type": "application/json"} if row.method == "post" else {}
    statuses = {}
    for who, secret in secrets_of(matrix).items():
        # A log-in opens nothing here: without a key its owner is nobody.
        client = Client() if secret else log_in(matrix.owner.user)
        statuses[who] = answer(client, row.method, path, body, headers={"x-key": secret}, **options).status_code
    assert statuses == {who: row.expected(who) for who in statuses}


@pytest.mark.parametrize("name", [name for name, row in API.items() if row.method == "post"])
def test_api_command_is_refused_as_get(matrix: Cast, name: str) -> None:
    secret = mint_api_key(matrix.organization, "m")[1]
    assert Client().get(reverse(name), headers={"x-key": secret}).status_code == 405


def test_admin_admits_operators_alone(matrix: Cast) -> None:
    people = clients(matrix).values()
    for name in ["admin:index", *(name for name in ADMIN_ROUTES if name.endswith(("_changelist", "_add")))]:
        assert {client.get(reverse(name)).status_code for client in people} == {302}, name
