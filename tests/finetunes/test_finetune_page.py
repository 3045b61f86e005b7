"""The page of one finetune: its checkpoint, its versions, and which one is current."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from dashboard.organizations.models import Membership
from finetunes.models import Checkpoint, Finetune, Upload
from finetunes.queries import PAGE_SIZE
from finetunes.services.catalog import add_finetune
from tests.conftest import Cast, log_in
from tests.factories import lora_bytes, make_finetune, make_upload, make_version

HTMX = {"HX-Request": "true"}


def page_url(finetune: Finetune) -> str:
    return reverse("finetune-checkpoint", args=[finetune.organization.org_id, finetune.name])


def add_url(finetune: Finetune) -> str:
    return reverse("version-add", args=[finetune.organization.org_id, finetune.name])


def use_url(finetune: Finetune, number: int) -> str:
    return reverse("version-use", args=[finetune.organization.org_id, finetune.name, number])


def get_page(membership: Membership, finetune: Finetune) -> str:
    response = log_in(membership.user).get(page_url(finetune))
    assert response.status_code == 200
    return response.content.decode()


@pytest.fixture
def linocut(cast: Cast, transactional_db: None) -> Finetune:
    """A finetune with a real checkpoint."""
    upload = make_upload(cast.organization, lora_bytes("first"))
    return add_finetune(
        cast.organization,
        upload,
        name="linocut",
        base_model="flux-2-klein-4b",
        precision="fp8",
        trigger_phrase="linocut style",
        created_by=cast.owner.user,
    )


@pytest.fixture
def developer(cast: Cast) -> Client:
    return log_in(cast.developer.user)


def send_version(client: Client, finetune: Finetune, content: bytes, **fields: str) -> tuple[int, str]:
    file = SimpleUploadedFile("linocut-2.safetensors", content)
    response = client.post(add_url(finetune), {"checkpoint": file, **fields}, follow=True)
    return response.status_code, response.content.decode()


def test_page_tells_what_the_checkpoint_is(cast: Cast, linocut: Finetune) -> None:
    page = get_page(cast.viewer, linocut)
    assert linocut.checkpoint is not None
    coverage = linocut.checkpoint.facts["coverage"]
    for text in ("LoRA for FLUX.2 [klein] 4B", linocut.checkpoint.sha256, "linocut style"):
        assert text in page
    assert page.count(coverage) == 1
    assert cast.owner.user.email in page


def test_checkpoint_that_was_not_read_yet_says_so(cast: Cast) -> None:
    assert "This file is read within the next minutes." in get_page(cast.owner, cast.finetune)


def test_checkpoint_that_cannot_be_read_says_why(cast: Cast) -> None:
    Checkpoint.objects.filter(versions__finetune=cast.finetune).update(facts={"error": "This file is empty."})
    assert "This file is empty." in get_page(cast.owner, cast.finetune)


def test_next_version_is_current_and_the_first_is_kept(cast: Cast, linocut: Finetune, developer: Client) -> None:
    status, page = send_version(developer, linocut, lora_bytes("second"))
    assert status == 200
    assert "linocut v2 is current. The versions before it are kept." in page
    linocut.refresh_from_db()
    assert linocut.current_version is not None
    assert linocut.current_version.number == 2
    assert linocut.current_version.created_by == cast.developer.user
    assert [version.number for version in linocut.versions.all()] == [2, 1]


def test_earlier_version_is_made_current_again_and_back(cast: Cast, linocut: Finetune, developer: Client) -> None:
    send_version(developer, linocut, lora_bytes("second"))
    for number in (1, 2):
        page = developer.post(use_url(linocut, number), follow=True).content.decode()
        assert f"linocut v{number} is current." in page
        linocut.refresh_from_db()
        assert linocut.current_version is not None
        assert linocut.current_version.number == number


def test_current_version_made_current_again_says_that_nothing_changed(linocut: Finetune, developer: Client) -> None:
    assert "linocut v1 was current before." in developer.post(use_url(linocut, 1), follow=True).content.decode()


def test_version_that_does_not_exist_is_not_found(linocut: Finetune, developer: Client) -> None:
    assert developer.post(use_url(linocut, 9)).status_code == 404


def test_very_same_file_is_no_new_version(linocut: Finetune, developer: Client) -> None:
    status, page = send_version(developer, linocut, lora_bytes("first"))
    assert (status, linocut.versions.count()) == (422, 1)
    assert "v1 has this very file and is current." in page


def test_version_for_another_base_model_is_refused(linocut: Finetune, developer: Client) -> None:
    status, page = send_version(developer, linocut, lora_bytes("nine", family="flux2-klein-9b"))
    assert (status, linocut.versions.count()) == (422, 1)
    assert "linocut is a finetune of FLUX.2 [klein] 4B, and this is a LoRA for FLUX.2 [klein] 9B." in page
    assert 'aria-invalid="true"' in page
    assert not Upload.objects.exists()


def test_form_without_a_file_asks_for_one(linocut: Finetune, developer: Client) -> None:
    response = developer.post(add_url(linocut))
    assert response.status_code == 422
    assert "Choose the checkpoint file." in response.content.decode()


def test_version_arrives_over_htmx_with_its_toast(linocut: Finetune, developer: Client) -> None:
    headers = HTMX | {"HX-Current-URL": "http://testserver" + page_url(linocut)}
    file = SimpleUploadedFile("linocut-2.safetensors", lora_bytes("second"))
    response = developer.post(add_url(linocut), {"checkpoint": file}, headers=headers)
    assert page_url(linocut) in response["HX-Location"]
    fragment = developer.get(page_url(linocut), headers=HTMX).content.decode()
    assert fragment.lstrip().startswith('<div class="panel"')
    assert "linocut v2 is current." in fragment


def test_viewer_sees_versions_and_no_buttons_to_change_them(cast: Cast, linocut: Finetune, developer: Client) -> None:
    send_version(developer, linocut, lora_bytes("second"))
    page = get_page(cast.viewer, linocut)
    assert "v2" in page
    assert "Replace checkpoint" not in page
    assert "Make current" not in page


def test_recipient_of_a_grant_does_not_see_the_owners_page(cast: Cast) -> None:
    recipient = log_in(cast.recipient.user)
    own = reverse("finetune-checkpoint", args=[cast.recipient.organization.org_id, cast.granted.name])
    assert recipient.get(own).status_code == 404
    assert recipient.get(page_url(cast.granted)).status_code == 404


@pytest.mark.parametrize("name", ["add", "preflight"])
def test_finetune_named_like_a_page_has_its_own(cast: Cast, name: str) -> None:
    assert f"<h1>{name}</h1>" in get_page(cast.owner, make_finetune(cast.organization, name))


def test_catalog_leads_to_the_page_of_every_finetune(cast: Cast) -> None:
    list_url = reverse("finetunes", args=[cast.organization.org_id])
    page = reverse("finetune", args=[cast.organization.org_id, cast.finetune.name])
    assert f'href="{page}"' in log_in(cast.viewer.user).get(list_url).content.decode()
    shared = reverse("finetunes", args=[cast.recipient.organization.org_id])
    own = reverse("finetune", args=[cast.recipient.organization.org_id, str(cast.granted)])
    assert f'href="{own}"' in log_in(cast.recipient.user).get(shared).content.decode()


def test_page_costs_the_same_with_many_versions(cast: Cast) -> None:
    client = log_in(cast.owner.user)

    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            client.get(page_url(cast.finetune))
        return len(queries)

    count()  # the first request of a minute also notes that the session is in use
    alone = count()
    for _ in range(9):
        make_version(cast.finetune)
    assert count() == alone


def test_versions_come_in_pages(cast: Cast) -> None:
    for _ in range(PAGE_SIZE):
        make_version(cast.finetune)
    newest = get_page(cast.viewer, cast.finetune)
    assert f"1–{PAGE_SIZE} of {PAGE_SIZE + 1}" in newest
    oldest = log_in(cast.viewer.user).get(page_url(cast.finetune) + "?page=2").content.decode()
    assert f"{PAGE_SIZE + 1}–{PAGE_SIZE + 1} of {PAGE_SIZE + 1}" in oldest
    assert oldest.count('<li class="version"') == 1
