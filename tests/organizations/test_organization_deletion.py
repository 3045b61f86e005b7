"""The end of an organization: what stands in its way, what goes with it, and what stays."""

import time
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings as django_settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks
from pytest_django.fixtures import Settings

from dashboard.bfl.signatures import sign_path
from dashboard.billing import services as billing
from dashboard.billing.models import LedgerEntry
from dashboard.lib.errors import DashboardError
from dashboard.organizations import queries
from dashboard.organizations.events import Action
from dashboard.organizations.models import ApiKey, AuditEvent, Invitation, Organization
from dashboard.organizations.roles import Role
from dashboard.organizations.services.deletion import delete_organization
from dashboard.organizations.services.invitations import invite
from dashboard.organizations.services.keys import mint_api_key
from dashboard.organizations.services.organizations import create_organization
from finetunes import clearing as catalog_clearing
from finetunes.models import Checkpoint, Finetune, Grant, Upload
from finetunes.services.grants import grant, revoke
from playground import clearing as playground_clearing
from playground.models import Generation, State
from playground.results import sample_path
from tests.conftest import Cast, log_in, read_file
from tests.factories import lora_bytes, make_finetune, make_member, make_organization, make_upload, make_user
from tests.organizations.racing import at_once

WAIT_SECONDS = 30


def url_of(organization: Organization) -> str:
    return reverse("organization-delete", args=[organization.org_id])


def make_generation(organization: Organization, state: State = State.READY) -> Generation:
    """With its hold, its image, its thumbnail and a reference."""
    generation = Generation(
        id=uuid4(), organization=organization, endpoint_name="flux-2-klein-4b-finetuned", inputs={"prompt": "x"},
        width=64, height=64, cost=1400, state=state, due_at=timezone.now(), finished_at=timezone.now(),
    )  # fmt: skip
    name = default_storage.save("references/x.png", ContentFile(b"png"))
    generation.references = [{"field": "input_image", "file": name}]
    generation.image.save("x.png", ContentFile(b"png"), save=False)
    generation.thumbnail.save("x.webp", ContentFile(b"webp"), save=False)
    billing.hold(organization, generation.cost, generation.id)
    generation.save(force_insert=True)
    return generation


def files_in(settings: Settings) -> list[Path]:
    return [path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()]


def clear() -> None:
    catalog_clearing.clear_deleted()
    playground_clearing.clear_deleted()


# --- The page ----------------------------------------------------------------------------------------------


def test_the_page_lists_what_stands_in_the_way_and_refuses(cast: Cast) -> None:
    make_finetune(cast.organization, "paper-cut", is_official=True)
    client = log_in(cast.owner.user)
    for response in (
        client.get(url_of(cast.organization)),
        client.post(url_of(cast.organization), {"typed": "Atelier"}),
    ):
        page = response.content.decode()
        for words in (
            "Others rely on it",
            "velvet-noir",
            str(cast.recipient.organization),
            "paper-cut",
            "it is official",
        ):
            assert words in page
        assert "typed" not in page
    assert response.status_code == 422
    assert "Stop sharing what is listed here first" in page
    assert Organization.objects.live().filter(pk=cast.organization.pk).exists()


def test_the_page_says_what_goes(cast: Cast) -> None:
    mint_api_key(cast.organization, "one")
    make_generation(cast.organization)
    page = " ".join(log_in(cast.owner.user).get(url_of(cast.organization)).content.decode().split())
    for count, words in ((2, "finetunes"), (1, "generation,"), (1, "API key,"), (5, "members")):
        assert f"<strong>{count}</strong> {words}" in page
    assert "<strong>98.6</strong> credits, forfeited" in page


@pytest.mark.parametrize("typed", ["", "elsewhere", "ELSEWHERE", "Else where"])
def test_what_is_typed_must_be_exact(cast: Cast, typed: str) -> None:
    client, organization = log_in(cast.outsider.user), cast.outsider.organization
    response = client.post(url_of(organization), {"typed": typed})
    assert response.status_code == 422
    assert "id_typed_error" in response.content.decode()
    assert Organization.objects.live().filter(pk=organization.pk).exists()


def test_its_images_are_gone_before_they_are_cleared(cast: Cast) -> None:
    generation = make_generation(cast.outsider.organization)
    signed = sign_path(django_settings.SECRET_KEY, sample_path(generation))
    assert read_file(Client().get(signed)) == b"png"
    delete_organization(cast.outsider.organization)
    assert Client().get("/v1/get_result", {"id": str(generation.pk)}).json()["status"] == "Task not found"
    assert Client().get(signed).status_code == 404


@pytest.mark.parametrize("by", ["name", "org_id"])
def test_after_it_the_organization_is_nothing(cast: Cast, by: str) -> None:
    organization = cast.outsider.organization
    invite(organization, "waiting@example.com", Role.VIEWER, invited_by=cast.outsider.user)
    _, secret = mint_api_key(organization, "one")
    client = log_in(cast.outsider.user)
    assert client.post(url_of(organization), {"typed": getattr(organization, by)})["Location"] == reverse("home")
    assert client.get(url_of(organization)).status_code == 404
    assert Client().get("/v1/credits", headers={"x-key": secret}).status_code == 403
    assert queries.find_organization(organization.org_id) is None
    assert not organization.memberships.exists()
    assert not Invitation.objects.open().exists()
    assert not ApiKey.objects.filter(organization=organization, revoked_at=None).exists()
    assert AuditEvent.objects.get(action=Action.SETTINGS_DELETED).user == cast.outsider.user
    assert LedgerEntry.objects.filter(organization=organization).exists()
    with pytest.raises(DashboardError, match="No organization has this ID"):
        grant(cast.finetune, organization.org_id, granted_by=None)
    assert "No organization yet" in client.get("/").content.decode()


@pytest.mark.django_db
def test_a_deleted_one_makes_room_for_another() -> None:
    user = make_user()
    made = [create_organization(f"Number {number}", administrator=user) for number in range(10)]
    delete_organization(made[0])
    create_organization("Another", administrator=user)


# --- What follows ------------------------------------------------------------------------------------------


def test_everything_of_it_is_removed_and_nothing_of_others(
    cast: Cast, settings: Settings, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    gone = cast.recipient.organization
    make_finetune(gone, "own")
    make_generation(gone)
    make_upload(gone, lora_bytes("half"))
    gone.avatar.save("x.webp", ContentFile(b"webp"))
    kept = files_of_others(cast)
    delete_organization(gone)
    with django_capture_on_commit_callbacks(execute=True):
        clear()
    for model in (Finetune, Generation, Upload, Checkpoint):
        assert not model._default_manager.filter(organization=gone).exists(), model
    assert not Grant.objects.filter(organization=gone).exists()
    assert Finetune.objects.filter(organization=cast.organization).count() == 2
    assert {path.name for path in files_in(settings)} >= kept
    assert not [path for path in files_in(settings) if "generations" in path.parts or "avatars" in path.parts]
    assert AuditEvent.objects.filter(organization=cast.organization, action=Action.GRANT_REVOKED).exists()
    clear()  # and once more, for nothing


def files_of_others(cast: Cast) -> set[str]:
    checkpoints = Checkpoint.objects.filter(organization=cast.organization)
    return {Path(str(checkpoint.file)).name for checkpoint in checkpoints}


def test_what_still_runs_ends_and_settles_first(cast: Cast) -> None:
    organization = cast.outsider.organization
    running, done = make_generation(organization, State.RUNNING), make_generation(organization)
    delete_organization(organization)
    clear()
    assert list(Generation.objects.filter(organization=organization)) == [running]
    assert not Generation.objects.filter(pk=done.pk).exists()
    Generation.objects.filter(pk=running.pk).update(state=State.ERROR)
    billing.release(running.pk)
    clear()
    assert not Generation.objects.filter(organization=organization).exists()


def test_a_sweep_takes_so_much_and_says_that_there_is_more(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    organization = cast.outsider.organization
    monkeypatch.setattr(catalog_clearing, "BATCH", 1)
    monkeypatch.setattr(playground_clearing, "BATCH", 1)
    for name in ("one", "two"):
        make_finetune(organization, name)
        make_generation(organization)
    delete_organization(organization)
    for clear_deleted in (catalog_clearing.clear_deleted, playground_clearing.clear_deleted):
        assert [clear_deleted() for _ in range(3)] == [True, True, False]


def test_once_nobody_holds_anything_it_may_go(cast: Cast) -> None:
    with pytest.raises(DashboardError):
        delete_organization(cast.organization)
    revoke(Grant.objects.get())
    delete_organization(cast.organization)


def test_a_grant_to_a_deleted_one_stands_in_no_ones_way(cast: Cast) -> None:
    delete_organization(cast.recipient.organization)
    delete_organization(cast.organization)


def test_the_deletion_itself_sets_the_worker_to_it(worker: Any) -> None:
    organization = make_organization()
    make_finetune(organization)
    make_generation(organization)
    delete_organization(organization)
    gone_by = time.monotonic() + WAIT_SECONDS
    while organization.generations.exists() or organization.finetunes.exists():
        assert time.monotonic() < gone_by
        time.sleep(0.05)


# --- Races -------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_grant_at_the_same_moment_is_refused_or_stands_in_the_way() -> None:
    finetune = make_finetune(make_member(make_organization()).organization)
    recipient = make_organization()
    give: Any = partial(grant, finetune, recipient.org_id, granted_by=None)
    given, deleted = at_once(give, partial(delete_organization, finetune.organization))
    assert isinstance(given, DashboardError) is not isinstance(deleted, DashboardError)


@pytest.mark.django_db(transaction=True)
def test_two_deletions_at_once_are_one() -> None:
    organization = make_member(make_organization()).organization
    answers = at_once(*[partial(delete_organization, organization)] * 3)
    assert sum(isinstance(answer, DashboardError) for answer in answers) == 2
    assert AuditEvent.objects.filter(action=Action.SETTINGS_DELETED).count() == 1
