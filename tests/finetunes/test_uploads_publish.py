"""Uploads of programs publish themselves on their last byte; those of browsers wait for the form."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from dashboard.organizations.models import ApiKey
from dashboard.organizations.services.keys import mint_api_key
from finetunes import queries, workflow
from finetunes.forms.checkpoints import GONE
from finetunes.models import Finetune, Upload
from finetunes.services import catalog, uploads
from finetunes.services.names import rename_finetune
from finetunes.uploads import staging
from tests.conftest import Cast, log_in
from tests.finetunes.uploading import TUS, asking, json_of, lora, metadata, piece_headers, staged

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def secret(cast: Cast) -> str:
    return mint_api_key(cast.organization, "uploads")[1]


def start(secret: str, length: int, headers: dict[str, str]) -> str:
    response = Client().post("/v1/uploads", headers=headers | {"Upload-Length": str(length), "x-key": secret})
    assert response.status_code == 201, response.content
    return str(response["location"])


def send(secret: str, path: str, body: bytes, offset: int = 0) -> Any:
    headers = piece_headers(offset, len(body)) | {"x-key": secret}
    content_type = headers.pop("Content-Type")
    # Named once more because the client leaves it out where a body is empty.
    return Client(CONTENT_TYPE=content_type).patch(path, body, content_type=content_type, headers=headers)


def test_the_last_piece_publishes_what_the_first_request_asked_for(cast: Cast, secret: str) -> None:
    path = start(secret, len(lora()), asking("linocut"))
    assert "x-finetune-id" not in send(secret, path, lora()[:1_000_000])
    response = send(secret, path, lora()[1_000_000:], 1_000_000)
    assert response.status_code == 204
    assert response["upload-offset"] == str(len(lora()))
    assert (response["x-finetune-id"], response["x-finetune-version"]) == ("linocut", "1")
    finetune = Finetune.objects.get(name="linocut")
    assert (finetune.organization, finetune.base_model) == (cast.organization, "flux-2-klein-4b")
    assert (finetune.precision, finetune.trigger_phrase) == ("fp8", "TOK")
    assert finetune.checkpoint is not None
    with finetune.checkpoint.file.open() as file:
        assert file.read() == lora()
    assert finetune.current_version is not None
    assert finetune.current_version.api_key is not None
    assert not Upload.objects.open().exists()
    assert staged() == set()


def test_a_version_of_what_was_renamed_while_it_came(cast: Cast, secret: str) -> None:
    send(secret, start(secret, len(lora()), asking("linocut")), lora())
    other = lora(seed="better")
    path = start(secret, len(other), TUS | {"Upload-Metadata": metadata(version_of="linocut")})
    rename_finetune(Finetune.objects.get(name="linocut"), "woodcut")
    response = send(secret, path, other)
    assert (response.status_code, response["x-finetune-id"], response["x-finetune-version"]) == (204, "woodcut", "2")


def test_a_new_version_of_a_finetune(cast: Cast, secret: str) -> None:
    send(secret, start(secret, len(lora()), asking("linocut")), lora())
    other = lora(seed="better")
    path = start(secret, len(other), TUS | {"Upload-Metadata": metadata(version_of="linocut")})
    response = send(secret, path, other)
    assert (response.status_code, response["x-finetune-id"], response["x-finetune-version"]) == (204, "linocut", "2")


def test_a_new_version_for_another_base_model_is_refused_at_its_header(cast: Cast, secret: str) -> None:
    send(secret, start(secret, len(lora()), asking("linocut")), lora())
    other = lora("flux-2-klein-9b")
    path = start(secret, len(other), TUS | {"Upload-Metadata": metadata(version_of="linocut")})
    response = send(secret, path, other[:200_000])
    assert (response.status_code, json_of(response)["field"]) == (422, "base_model")
    assert not Upload.objects.open().exists()


def test_private_metadata_are_stripped_where_the_program_asks_for_it(cast: Cast, secret: str) -> None:
    send(secret, start(secret, len(lora()), asking("kept")), lora())
    send(secret, start(secret, len(lora()), asking("stripped", strip_metadata="1")), lora())
    kept, stripped = (Finetune.objects.get(name=name).checkpoint for name in ("kept", "stripped"))
    assert kept is not None
    assert stripped is not None
    assert kept.sha256 != stripped.sha256
    assert kept.weights_sha256 == stripped.weights_sha256


def test_a_name_taken_meanwhile_keeps_the_upload_and_an_empty_piece_tries_again(cast: Cast, secret: str) -> None:
    path = start(secret, len(lora()), asking("linocut"))
    upload = Upload.objects.get()
    taken = Finetune.objects.create(organization=cast.organization, name="linocut", base_model="flux-2-klein-9b")
    for body, offset in ((lora(), 0), (b"", len(lora()))):
        refused = send(secret, path, body, offset)
        assert (refused.status_code, json_of(refused)["field"]) == (422, "name")
    assert uploads.is_whole(upload)
    taken.delete()
    response = send(secret, path, b"", len(lora()))
    assert (response.status_code, response["x-finetune-id"]) == (204, "linocut")
    assert not staging.path_for(upload.pk).exists()


# --- The answer to the last piece was lost ----------------------------------------------------------------------


def ask(method: str, secret: str, path: str) -> Any:
    return Client().generic(method, path, headers=TUS | {"x-key": secret})


@pytest.fixture
def published(secret: str) -> str:
    """The address of an upload of a program that became the first version of "linocut"."""
    path = start(secret, len(lora()), asking("linocut"))
    assert send(secret, path, lora()).status_code == 204
    return path


def test_a_program_that_lost_the_last_answer_finds_it_at_its_upload(secret: str, published: str) -> None:
    head, state = ask("HEAD", secret, published), ask("GET", secret, published).json()
    assert (head["upload-offset"], head["upload-length"]) == (str(len(lora())), str(len(lora())))
    assert (state["status"], state["finetune_id"], state["version"]) == ("published", "linocut", 1)
    again = send(secret, published, b"", len(lora()))
    assert (again.status_code, again["upload-offset"]) == (204, str(len(lora())))
    for answer in (head, again):
        assert (answer["x-finetune-id"], answer["x-finetune-version"]) == ("linocut", "1")
    assert Finetune.objects.get(name="linocut").versions.count() == 1


def test_nothing_is_added_to_a_published_upload_and_nothing_ends_it(secret: str, published: str) -> None:
    for body, offset in ((lora(), 0), (b"more", len(lora()))):
        refused = send(secret, published, body, offset)
        assert refused.status_code == 409
        assert f"stands at byte {len(lora()):,}" in json_of(refused)["detail"]
    assert ask("DELETE", secret, published).status_code == 404
    assert ask("HEAD", secret, published)["x-finetune-id"] == "linocut"


def test_a_published_upload_takes_neither_quota_nor_a_place(
    cast: Cast, secret: str, published: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "MAX_OPEN", 1)
    settings.STORAGE_QUOTA_BYTES = queries.storage_used(cast.organization) + len(lora())
    assert queries.storage_left(cast.organization) == len(lora())
    start(secret, len(lora()), asking("next"))


def test_a_published_upload_is_no_file_for_a_form(cast: Cast, secret: str, published: str) -> None:
    client, upload_id = log_in(cast.developer.user), published.rpartition("/")[2]
    fields = {"name": "second", "base_model": "flux-2-klein-4b", "precision": "fp8", "upload": upload_id}
    page = client.post(f"/o/{cast.organization.org_id}/finetunes/add/", fields)
    assert (page.status_code, GONE in page.content.decode()) == (422, True)
    assert not Finetune.objects.filter(name="second").exists()


def test_other_organizations_find_no_published_upload(cast: Cast, published: str) -> None:
    other = mint_api_key(cast.outsider.organization, "theirs")[1]
    for method in ("HEAD", "GET", "DELETE"):
        assert ask(method, other, published).status_code == 404
    assert send(other, published, b"", len(lora())).status_code == 404


def test_a_published_upload_goes_with_its_finetune_or_after_a_day(secret: str, published: str) -> None:
    path = start(secret, len(lora()), asking("other"))
    send(secret, path, lora())
    catalog.delete_finetune(Finetune.objects.get(name="other"))
    assert ask("HEAD", secret, path).status_code == 404
    Upload.objects.update(expires_at=timezone.now())
    assert ask("HEAD", secret, published).status_code == 404
    workflow.sweep()
    assert not Upload.objects.exists()
    checkpoint = Finetune.objects.get(name="linocut").checkpoint
    assert checkpoint is not None
    with checkpoint.file.open() as file:
        assert file.read() == lora()


def test_a_key_that_is_revoked_while_the_last_piece_comes_publishes_nothing(
    cast: Cast, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = start(secret, len(lora()), asking("linocut"))
    original = staging.append

    def append_and_revoke(*args: Any) -> int:
        ApiKey.objects.update(revoked_at=timezone.now())
        return original(*args)

    monkeypatch.setattr(staging, "append", append_and_revoke)
    refused = send(secret, path, lora())
    monkeypatch.undo()
    assert (refused.status_code, "was revoked" in json_of(refused)["detail"]) == (403, True)
    assert not Finetune.objects.filter(name="linocut").exists()
    other = mint_api_key(cast.organization, "another")[1]
    assert send(other, path, b"", len(lora()))["x-finetune-id"] == "linocut"


def test_two_requests_that_publish_at_once_get_one_answer(cast: Cast, secret: str) -> None:
    """A client gave up waiting for the storage and asked again, while the first request went on."""
    path = start(secret, len(lora()), asking("linocut"))
    taken = Finetune.objects.create(organization=cast.organization, name="linocut", base_model="flux-2-klein-9b")
    assert send(secret, path, lora()).status_code == 422
    taken.delete()
    barrier = Barrier(2)

    def repeat(_: int) -> Any:
        barrier.wait()
        try:
            return send(secret, path, b"", len(lora()))
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(repeat, range(2)))
    assert [(each.status_code, each["x-finetune-id"]) for each in answers] == [(204, "linocut")] * 2


def test_a_browser_s_upload_waits_for_its_form(cast: Cast) -> None:
    client = log_in(cast.developer.user)
    place = f"/o/{cast.organization.org_id}/uploads/"
    path = client.post(place, headers=asking("linocut") | {"Upload-Length": str(len(lora()))})["location"]
    headers = piece_headers(0, len(lora()))
    content_type = headers.pop("Content-Type")
    response = client.patch(path, lora(), content_type=content_type, headers=headers)
    assert (response.status_code, response["upload-offset"]) == (204, str(len(lora())))
    assert "x-finetune-id" not in response
    assert not Finetune.objects.filter(name="linocut").exists()
    assert uploads.is_whole(Upload.objects.get())
