"""A copy of the database opens nothing: of all that people and programs were ever shown as a secret, it holds none."""

import base64
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from django.core import mail, signing
from django.test import Client
from django.urls import reverse

from dashboard.lib.sealing import seal
from dashboard.organizations import audit
from dashboard.organizations.events import Action
from dashboard.organizations.models import ApiKey, AuditEvent, User
from playground.models import Generation
from tests.conftest import Cast
from tests.dump import places_of, read_cells
from tests.factories import PASSWORD
from tests.organizations.accounts import code_now, enter_password, link_in, path_of

KEY = re.compile(r"bfl_[\w-]{43}")
PROMPT = "seventeen herons over a drowned piano"
OPERATOR = "operator@example.com"
NEWCOMER = "newcomer@example.com"
SHORTEST = 8


@dataclass
class Shown:
    """What was shown, by a name for it."""

    secrets: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, secret: str) -> str:
        assert len(secret) >= SHORTEST, f"{name} is no secret: {secret!r}"
        assert secret not in self.secrets.values()
        self.secrets[name] = secret
        return secret

    def cookies(self, who: str, client: Client) -> None:
        """Call it again later: what is done with a session may change its cookie."""
        for name in ("sessionid", "csrftoken"):
            if name in client.cookies and client.cookies[name].value not in self.secrets.values():
                self.add(f"{name} of {who}, {len(self.secrets)}", client.cookies[name].value)

    def forms(self) -> Iterator[tuple[str, str | bytes]]:
        """As each was shown, and the bytes that it stands for."""
        for name, secret in self.secrets.items():
            yield name, secret
            bare = secret.removeprefix("bfl_")
            if len(bare) >= 40:
                yield f"bytes of {name}", base64.urlsafe_b64decode(bare + "=" * (-len(bare) % 4))
            if name.startswith("authenticator"):
                yield f"bytes of {name}", base64.b32decode(secret)


def key_in(page: str) -> str:
    found = KEY.search(page)
    assert found is not None
    return found[0]


def log_in_by_form(shown: Shown, email: str) -> Client:
    client = Client()
    client.get(reverse("account_login"))
    assert enter_password(client, email)
    shown.cookies(email, client)
    return client


def handle_keys(shown: Shown, client: Client, cast: Cast) -> None:
    org_id = cast.organization.org_id
    data = {"name": "render farm", "scope": "everything", "lifetime": "never", "expires_at": ""}
    made = client.post(reverse("key-create", args=[org_id]), data)
    shown.add("API key", key_in(made.content.decode()))
    key = ApiKey.objects.get()
    rotated = client.post(reverse("key-rotate", args=[org_id, key.pk]), {"overlap": "1"})
    assert rotated.status_code == 200, rotated.content.decode()
    shown.add("rotated API key", key_in(rotated.content.decode()))
    assert Client().get("/v1/credits", headers={"x-key": shown.secrets["rotated API key"]}).status_code == 200


def handle_admin(shown: Shown, cast: Cast) -> None:
    client = log_in_by_form(shown, OPERATOR)
    data = {"organization": cast.organization.pk, "name": "by the operator", "scope": "everything"}
    page = client.post(reverse("admin:organizations_apikey_add"), data, follow=True).content.decode()
    shown.add("API key of the operator's making", key_in(page))


def handle_invitation(shown: Shown, client: Client, cast: Cast) -> None:
    invite = reverse("invite", args=[cast.organization.org_id])
    assert client.post(invite, {"email": NEWCOMER, "role": "creator"}).status_code == 302
    link = path_of(link_in(mail.outbox[-1]))
    shown.add("token of the invitation", link.rstrip("/").rpartition("/")[2])
    visitor = Client()  # leaves a session that remembers the invitation
    assert visitor.get(link).status_code == 200
    visitor.post(link)
    shown.cookies("a visitor", visitor)


def enrol(shown: Shown, email: str, *, whole: bool) -> None:
    """With an authenticator app; one half-way leaves its secret in the session."""
    client = log_in_by_form(shown, email)
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    page = client.get(reverse("mfa_activate_totp"))
    secret = shown.add(f"authenticator of {email}", page.context["form"].secret)
    shown.cookies(email, client)
    if not whole:
        return
    done = client.post(reverse("mfa_activate_totp"), {"code": code_now(secret)}, follow=True)
    assert done.status_code == 200
    shown.cookies(email, client)
    codes = client.get(reverse("mfa_view_recovery_codes")).context["unused_codes"]
    for number, code in enumerate(codes):
        shown.add(f"recovery code {number}", code)
    assert len(codes) >= SHORTEST


def reset_password(shown: Shown, email: str) -> None:
    client = Client()
    client.post(reverse("account_reset_password"), {"email": email})
    link = path_of(link_in(mail.outbox[-1]))
    shown.add("key of the password reset", link.rstrip("/").rpartition("/")[2].partition("-")[2])
    assert client.get(link, follow=True).status_code == 200  # allauth keeps the key in the session
    shown.cookies("who resets", client)


def generate(client: Client, cast: Cast) -> None:
    data = {"model": cast.finetune.name, "prompt": PROMPT, "width": "64", "height": "64"}
    assert client.post(reverse("playground", args=[cast.organization.org_id]), data).status_code == 303
    assert Generation.objects.get().prompt == PROMPT


@pytest.fixture
def shown(cast: Cast) -> Shown:
    """Everything done that shows someone a secret."""
    User.objects.create_superuser(OPERATOR, PASSWORD)
    shown = Shown({"password": PASSWORD})
    owner = log_in_by_form(shown, cast.owner.user.email)
    handle_keys(shown, owner, cast)
    handle_admin(shown, cast)
    handle_invitation(shown, owner, cast)
    enrol(shown, cast.developer.user.email, whole=True)
    enrol(shown, cast.creator.user.email, whole=False)
    reset_password(shown, cast.viewer.user.email)
    generate(owner, cast)
    shown.cookies(cast.owner.user.email, owner)
    return shown


def test_a_dump_of_the_database_holds_no_usable_secret(shown: Shown) -> None:
    cells = list(read_cells())
    leaks = {name: places for name, secret in shown.forms() if (places := places_of(cells, secret))}
    assert leaks == {}
    assert len(shown.secrets) >= 20
    # The prompt is no secret of the caller's own generation; it stands there and nowhere else.
    assert places_of(cells, PROMPT) == {"playground_generation.inputs"}
    assert AuditEvent.objects.count() >= 5


PACKED = [
    lambda secret: secret,
    lambda secret: secret.upper(),
    lambda secret: f"https://example.com/?key={secret}&x=1",
    lambda secret: secret.encode().hex(),
    lambda secret: base64.b64encode(secret.encode()).decode(),
    lambda secret: signing.dumps({"key": secret}),
    lambda secret: signing.dumps({"key": secret, "padding": "x" * 500}, compress=True),
    lambda secret: json.dumps({"a": base64.urlsafe_b64encode(zlib.compress(secret.encode() * 9)).decode()}),
]


@pytest.mark.parametrize("pack", PACKED)
def test_a_planted_secret_is_found(cast: Cast, pack: "type[str]") -> None:
    secret = "bfl_Xy7-planted_planted_planted_planted_0123456"
    assert places_of(list(read_cells()), secret) == set()
    audit.record(cast.organization, Action.KEY_CREATED, details={"careless": pack(secret)})
    assert places_of(list(read_cells()), secret) == {"organizations_auditevent.details"}


def test_what_is_sealed_is_not_found(cast: Cast) -> None:
    audit.record(cast.organization, Action.KEY_CREATED, details={"careful": seal("a planted secret")})
    assert places_of(list(read_cells()), "a planted secret") == set()
