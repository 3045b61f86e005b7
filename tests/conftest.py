"""What every test may use: one cast, and folders of their own for files."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.cache import cache
from django.test import Client
from pytest_django.fixtures import Settings

from dashboard.lib.sessions import SessionStore
from dashboard.organizations.models import Membership, Organization, User
from dashboard.organizations.roles import Role
from finetunes.models import Finetune
from tests.factories import make_finetune, make_member, make_organization

pytest_plugins = ["tests.running", "tests.workers", "tests.buckets", "tests.lib.servers"]


@dataclass(frozen=True)
class Cast:
    """The owner shares, the recipient may use what is granted, the outsider must see nothing."""

    owner: Membership
    developer: Membership
    billing_manager: Membership
    creator: Membership
    viewer: Membership
    recipient: Membership
    outsider: Membership
    finetune: Finetune
    granted: Finetune

    @property
    def members(self) -> dict[Role, Membership]:
        """The owner's organization: one person for each role."""
        people = (self.owner, self.developer, self.billing_manager, self.viewer, self.creator)
        return {Role(member.role): member for member in people}

    @property
    def organization(self) -> Organization:
        return self.owner.organization


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """Makes the folder of the tests' SQLite file: in a fresh clone nothing has made it yet."""
    django_settings.DATA_DIR.mkdir(parents=True, exist_ok=True)


@pytest.fixture(autouse=True)
def own_folders(settings: Settings, tmp_path: Path) -> Iterator[None]:
    """Files of a test stay in its own folder; what it cached is gone with it."""
    settings.MEDIA_ROOT = tmp_path / "files"
    settings.UPLOADS_DIR = tmp_path / "uploads"
    settings.FILE_UPLOAD_TEMP_DIR = tmp_path
    yield
    cache.clear()


@pytest.fixture(autouse=True)
def quick_start(settings: Settings) -> None:
    """What costs a server once would cost a test at each of its people and browsers."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    # Every test client loads the middleware anew: let it not read all static files for that.
    settings.WHITENOISE_AUTOREFRESH = True
    # A test's one key is sent as often as it can be; the tests of the limit set one.
    settings.REQUESTS_PER_SECOND = 100_000


@pytest.fixture
def cast(db: None) -> Cast:
    atelier = make_organization("Atelier")
    owner = make_member(atelier, Role.ADMINISTRATOR, "owner@example.com")
    recipient = make_member(make_organization("Bureau"), Role.ADMINISTRATOR, "recipient@example.com")
    return Cast(
        owner=owner,
        developer=make_member(atelier, Role.DEVELOPER, "developer@example.com"),
        billing_manager=make_member(atelier, Role.BILLING_MANAGER, "billing@example.com"),
        creator=make_member(atelier, Role.CREATOR, "creator@example.com"),
        viewer=make_member(atelier, Role.VIEWER, "viewer@example.com"),
        recipient=recipient,
        outsider=make_member(make_organization("Elsewhere"), Role.ADMINISTRATOR, "outsider@example.com"),
        finetune=make_finetune(atelier, "ink-portrait"),
        granted=make_finetune(
            atelier,
            "velvet-noir",
            base_model="flux-2-klein-9b-kv",
            precision="bf16",
            granted_to=recipient.organization,
        ),
    )


def log_in(user: User, client: Client | None = None) -> Client:
    """A browser that is logged in. Django's test client puts the session's key into the cookie; ours is a secret."""
    client = client or Client()
    client.force_login(user)
    session = SessionStore(client.cookies[django_settings.SESSION_COOKIE_NAME].value)
    session.cycle_key()
    assert session.secret
    client.cookies[django_settings.SESSION_COOKIE_NAME] = session.secret
    return client


def read_file(response: Any) -> bytes:
    """The streamed body; closes the file alone, because closing the response would end the test's transaction."""
    content = b"".join(response)
    for close in response._resource_closers:
        close()
    return content
