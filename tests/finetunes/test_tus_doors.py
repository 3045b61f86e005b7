"""tus through both doors, a member's session and a program's key: statuses, headers and sentences of every request."""

import hashlib
from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from dashboard.organizations.models import Organization
from dashboard.organizations.services.keys import mint_api_key, revoke_api_key
from finetunes.models import Upload
from finetunes.services import uploads
from finetunes.uploads import staging
from tests.conftest import Cast, log_in
from tests.finetunes.uploading import TUS, asking, is_gone, json_of, lora, metadata, piece_headers, whole_model_start

GONE = "There is no such upload"


@dataclass
class Door:
    client: Client
    path: str
    headers: dict[str, str]

    def request(self, method: str, path: str = "", body: bytes = b"", headers: dict[str, str] | None = None) -> Any:
        sent = self.headers | (headers or {})
        options: dict[str, Any] = {"content_type": sent.pop("Content-Type", "")}
        sent.pop("Content-Length", None)  # the client counts
        return self.client.generic(method, path or self.path, body, headers=sent, **options)

    def start(self, length: int, **changes: str) -> Any:
        headers = asking(**changes) | {"Upload-Length": str(length)}
        return self.request("POST", headers=headers)

    def send(self, path: str, offset: int, body: bytes, **headers: str) -> Any:
        return self.request("PATCH", path, body, piece_headers(offset, len(body)) | headers)

    def offset(self, path: str) -> int:
        return int(self.request("HEAD", path, headers=TUS)["upload-offset"])


def browser(cast: Cast, member: Any = None) -> Door:
    client = log_in((member or cast.developer).user)
    return Door(client, f"/o/{cast.organization.org_id}/uploads/", {})


def program(organization: Organization) -> Door:
    return Door(Client(), "/v1/uploads", {"x-key": mint_api_key(organization, "uploads")[1]})


@pytest.fixture(params=["browser", "program"])
def door(request: pytest.FixtureRequest, cast: Cast) -> Door:
    return browser(cast) if request.param == "browser" else program(cast.organization)


@pytest.fixture
def path(door: Door) -> str:
    """Where the upload is that was started with the length of the whole LoRA."""
    return str(door.start(len(lora()))["location"])


def soon(at: str) -> bool:
    left = parsedate_to_datetime(at) - datetime.now(UTC)
    return timedelta(hours=23, minutes=59) < left <= timedelta(hours=24)


def test_options_tell_what_the_server_can(door: Door, path: str, settings: Settings) -> None:
    for place in (door.path, path):
        response = Client().options(place)
        assert response.status_code == 204
        assert response["tus-version"] == response["tus-resumable"] == "1.0.0"
        assert response["tus-extension"] == "creation,expiration,termination,checksum"
        assert response["tus-max-size"] == str(settings.MAX_CHECKPOINT_BYTES)
        assert response["tus-checksum-algorithm"] == "sha1,sha256"


def test_creation_answers_with_a_path_alone_and_the_time_that_is_left(door: Door) -> None:
    response = door.start(len(lora()))
    upload = Upload.objects.get()
    assert (response.status_code, response.content) == (201, b"")
    assert response["location"].startswith(door.path)
    assert str(upload.pk) in response["location"]
    assert soon(response["upload-expires"])
    assert response["tus-resumable"] == "1.0.0"
    assert (upload.length, upload.file_name) == (len(lora()), "linocut.safetensors")
    assert bool(upload.user) != bool(upload.api_key)


def test_head_tells_offset_length_and_metadata_and_is_never_cached(door: Door, path: str) -> None:
    door.send(path, 0, lora()[:1000])
    response = door.request("HEAD", path, headers=TUS)
    assert (response.status_code, response.content) == (200, b"")
    assert (response["upload-offset"], response["upload-length"]) == ("1000", str(len(lora())))
    assert response["upload-metadata"] == asking()["Upload-Metadata"]
    assert response["cache-control"] == "no-store"
    assert soon(response["upload-expires"])


def test_pieces_move_the_offset(door: Door, path: str) -> None:
    first, second = door.send(path, 0, lora()[:1000]), door.send(path, 1000, lora()[1000:5000])
    assert (first.status_code, second.status_code) == (204, 204)
    assert (first["upload-offset"], second["upload-offset"]) == ("1000", "5000")
    assert soon(second["upload-expires"])
    assert door.offset(path) == 5000


def test_get_tells_people_where_an_upload_stands(door: Door, path: str) -> None:
    upload = Upload.objects.get()
    door.send(path, 0, lora()[:1000])
    state = door.client.get(path, headers=door.headers).json()
    assert state.pop("expires_at")
    assert state == {
        "id": str(upload.pk), "status": "receiving", "offset": 1000, "length": len(lora()),
        "file_name": "linocut.safetensors",
    }  # fmt: skip
    staging.append(upload.pk, 1000, lora()[1000:])
    assert door.client.get(path, headers=door.headers).json()["status"] == "received"


def test_delete_ends_an_upload(door: Door, path: str) -> None:
    upload = Upload.objects.get()
    assert door.request("DELETE", path, headers=TUS).status_code == 204
    assert is_gone(upload)
    for again in ("DELETE", "HEAD"):
        assert door.request(again, path, headers=TUS).status_code == 404


@pytest.mark.parametrize("method", ["PATCH", "HEAD", "DELETE"])
def test_a_post_may_mean_another_method(door: Door, path: str, method: str) -> None:
    headers = piece_headers(0, 10) | {"X-HTTP-Method-Override": method}
    response = door.request("POST", path, lora()[:10], headers)
    assert response.status_code in (200, 204)
    assert Upload.objects.exists() is (method != "DELETE")


@pytest.mark.parametrize(
    ("changes", "status", "sentence"),
    [
        ({"Tus-Resumable": "0.2.2"}, 412, "this server speaks 1.0.0"),
        ({"Tus-Resumable": ""}, 412, "is missing"),
        ({"Upload-Length": ""}, 400, "Upload-Length is missing"),
        ({"Upload-Length": "-1"}, 400, "whole number"),
        ({"Upload-Length": "0"}, 422, "This file is empty"),
        ({"Upload-Length": str(4 * 2**30 + 1)}, 413, "a checkpoint may have"),
        ({"Upload-Defer-Length": "1"}, 400, "Upload-Defer-Length is not supported"),
        ({"Upload-Metadata": "name %"}, 400, "plain text"),
        ({"Upload-Metadata": metadata(name="Bad Name", base_model="flux-2-klein-4b")}, 422, "lowercase"),
        ({"Upload-Metadata": metadata(name="ink-portrait", base_model="flux-2-klein-4b")}, 422, "already"),
        ({"Upload-Metadata": metadata(name="ink", base_model="sdxl")}, 422, "base_model is one of flux-2-klein-4b"),
        (
            {"Upload-Metadata": metadata(name="ink", base_model="flux-2-klein-4b", precision="bf16")},
            422,
            "BF16 is served for",
        ),
        ({"Upload-Metadata": metadata(name="ink", strip_metadata="maybe")}, 422, "strip_metadata is 1 or 0"),
        ({"Upload-Metadata": metadata(version_of="nothing")}, 404, "no such finetune"),
    ],
)
def test_creations_that_are_refused(
    door: Door, settings: Settings, changes: dict[str, str], status: int, sentence: str
) -> None:
    response = door.request("POST", headers=asking() | {"Upload-Length": "1000"} | changes)
    assert response.status_code == status
    assert sentence in json_of(response)["detail"]
    assert response["tus-resumable"] == "1.0.0"
    assert (response.get("tus-version") == "1.0.0") is (status == 412)
    assert not Upload.objects.exists()


@pytest.mark.parametrize(("given", "field"), [({}, "name"), ({"name": "ink"}, "base_model")])
def test_a_program_must_say_what_it_uploads(cast: Cast, given: dict[str, str], field: str) -> None:
    headers = TUS | {"Upload-Length": "1000", "Upload-Metadata": metadata(**given)}
    response = program(cast.organization).request("POST", headers=headers)
    assert (response.status_code, json_of(response)["field"]) == (422, field)
    assert f"Upload-Metadata lacks {field}" in response.json()["detail"]


def test_a_browser_may_leave_that_to_the_form(cast: Cast) -> None:
    headers = TUS | {"Upload-Length": "1000", "Upload-Metadata": metadata(filename="x.safetensors")}
    assert browser(cast).request("POST", headers=headers).status_code == 201


def test_quota_and_full_disk_have_their_own_sentences(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging, "RESERVE_BYTES", 2**60)
    full = door.start(1000)
    assert (full.status_code, json_of(full)["field"]) == (507, "checkpoint")
    assert "disk" in full.json()["detail"]
    Organization.objects.update(storage_quota_bytes=999)
    monkeypatch.undo()
    quota = door.start(1000)
    assert quota.status_code == 413
    assert "of its storage left" in json_of(quota)["detail"]


@pytest.mark.parametrize(
    ("changes", "body", "status", "sentence"),
    [
        ({"Tus-Resumable": "2.0.0"}, b"x", 412, "this server speaks 1.0.0"),
        ({"Content-Type": "application/octet-stream"}, b"x", 415, "application/offset+octet-stream"),
        ({"Upload-Offset": ""}, b"x", 400, "Upload-Offset is missing"),
        ({"Upload-Offset": "7"}, b"x", 409, "starts at byte 7, and the upload stands at byte 1,000"),
        ({}, lora(), 413, "that Upload-Length announced"),
        ({"Upload-Checksum": "md5 1B2M2Y8AsgTpgAmY7PhCfg=="}, b"x", 400, "use sha1 or sha256"),
        ({"Upload-Checksum": "sha1 nonsense"}, b"x", 400, "in base64"),
        ({"Upload-Checksum": "sha1 " + b64encode(bytes(20)).decode()}, b"x", 460, "changed on its way"),
        ({"Transfer-Encoding": "chunked"}, b"x", 411, "not chunked"),
    ],
)
def test_pieces_that_are_refused(
    door: Door, path: str, changes: dict[str, str], body: bytes, status: int, sentence: str
) -> None:
    door.send(path, 0, lora()[:1000])
    response = door.send(path, 1000, body, **changes)
    assert response.status_code == status
    assert sentence in json_of(response)["detail"]
    assert door.offset(path) == 1000


def test_a_piece_with_its_checksum_is_taken(door: Door, path: str) -> None:
    digest = b64encode(hashlib.sha1(lora()[:1000]).digest()).decode()
    assert door.send(path, 0, lora()[:1000], **{"Upload-Checksum": f"sha1 {digest}"}).status_code == 204
    assert door.offset(path) == 1000


def test_a_file_that_cannot_be_used_is_refused_at_its_header(door: Door) -> None:
    start, _ = whole_model_start()
    path = door.start(3 * 2**30)["location"]
    response = door.send(path, 0, start + bytes(10_000))
    assert (response.status_code, json_of(response)["field"]) == (422, "checkpoint")
    assert door.request("HEAD", path, headers=TUS).status_code == 404


def test_a_file_for_another_base_model_is_refused_at_its_header(door: Door) -> None:
    path = door.start(len(lora()), base_model="flux-2-klein-9b")["location"]
    response = door.send(path, 0, lora()[:200_000])
    assert (response.status_code, json_of(response)["field"]) == (422, "base_model")
    assert is_gone(Upload(pk=path.strip("/").rpartition("/")[2]))


def test_methods_that_mean_nothing_are_405_in_json(door: Door, path: str) -> None:
    for method, place in (("GET", door.path), ("PATCH", door.path), ("PUT", door.path), ("PUT", path), ("POST", path)):
        response = door.request(method, place, headers=TUS)
        assert response.status_code == 405
        assert "means nothing here" in json_of(response)["detail"]
        assert "OPTIONS" in response["allow"]


# --- Who may -------------------------------------------------------------------------------------------------


def everything(door: Door, path: str) -> list[Any]:
    return [
        door.request("HEAD", path, headers=TUS),
        door.send(path, 0, lora()[:10]),
        door.request("DELETE", path, headers=TUS),
        door.request("GET", path),
    ]


def test_another_organization_s_upload_is_no_other_404_than_none(cast: Cast, door: Door, path: str) -> None:
    outsider = program(cast.outsider.organization)
    upload_id = Upload.objects.get().pk
    hidden = everything(outsider, f"/v1/uploads/{upload_id}")
    absent = everything(outsider, f"/v1/uploads/{uuid4()}")
    assert {response.status_code for response in hidden + absent} == {404}
    assert [response.content for response in hidden] == [response.content for response in absent]
    member = browser(cast, cast.outsider)
    assert {response.status_code for response in everything(member, f"{browser(cast).path}{upload_id}/")} == {404}
    assert door.offset(path) == 0


def test_an_upload_that_ran_out_is_404_before_it_is_swept(door: Door, path: str) -> None:
    Upload.objects.update(expires_at=timezone.now())
    assert {response.status_code for response in everything(door, path)} == {404}


def test_roles_that_may_not_add_finetunes_may_not_upload(cast: Cast) -> None:
    for member in (cast.viewer, cast.creator):
        response = browser(cast, member).start(1000)
        assert response.status_code == 403
        assert "may not add, edit or delete finetunes" in json_of(response)["detail"]


def test_without_a_log_in_the_answer_says_to_log_in_and_redirects_nowhere(cast: Cast) -> None:
    path = browser(cast).start(1000)["location"]
    logged_out = Door(Client(), browser(cast).path, {})
    for response in (logged_out.start(1000), *everything(logged_out, path)):
        assert response.status_code == 403
        if response.request["REQUEST_METHOD"] != "HEAD":
            assert "Log in again" in json_of(response)["detail"]


def test_keys_that_are_missing_wrong_or_revoked_are_403(cast: Cast) -> None:
    key, secret = mint_api_key(cast.organization, "old")
    path = program(cast.organization).start(1000)["location"]
    assert revoke_api_key(key)
    for bad in ({}, {"x-key": "bfl_wrong"}, {"x-key": secret}):
        door = Door(Client(), "/v1/uploads", bad)
        assert {response.status_code for response in (door.start(1000), *everything(door, path))} == {403}


def test_a_browser_s_requests_carry_the_token_of_its_page(cast: Cast) -> None:
    client = log_in(cast.developer.user, Client(enforce_csrf_checks=True))
    door = Door(client, browser(cast).path, {})
    refused = door.start(1000)
    assert refused.status_code == 403
    assert "Reload it" in json_of(refused)["detail"]
    client.get(f"/o/{cast.organization.org_id}/finetunes/add/")
    door.headers = {"X-CSRFToken": client.cookies["csrftoken"].value}
    path = door.start(len(lora()))["location"]
    assert door.send(path, 0, lora()[:5]).status_code == 204
    override = piece_headers(5, 5) | {"X-HTTP-Method-Override": "PATCH"}
    assert door.request("POST", path, lora()[5:10], override).status_code == 204
    door.headers = {}
    assert door.send(path, 10, lora()[10:20]).status_code == 403
    assert uploads.offset_of(Upload.objects.get()) == 10


def test_a_key_of_the_organization_may_go_on_with_what_a_member_started(cast: Cast) -> None:
    browser(cast).start(1000)
    upload = Upload.objects.get()
    assert program(cast.organization).offset(f"/v1/uploads/{upload.pk}") == 0
