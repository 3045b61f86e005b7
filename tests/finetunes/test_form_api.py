"""A finetune added with one form under /v1: all of it or nothing, and its file never in memory or left behind."""

from contextlib import ExitStack
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import UnreadablePostError
from django.test import Client
from pytest_django.fixtures import Settings

from dashboard.organizations.models import Organization
from dashboard.organizations.roles import Scope
from finetunes.models import Checkpoint, Finetune, Tag, Upload
from finetunes.services.labels import MOST_IN_AN_ORGANIZATION
from finetunes.uploads.receivers import MAX_PIECES_OF_ONE, receiving
from tests.conftest import Cast
from tests.factories import lora_bytes
from tests.finetunes.calling import LIST, fields_of, post, program
from tests.finetunes.uploading import json_of, staged

FORM = {"name": "linocut", "base_model": "flux-2-klein-4b"}


@pytest.fixture
def owner(cast: Cast) -> Client:
    return program(cast.organization)


def send_form(
    client: Client, content: bytes | None = None, *, headers: dict[str, str] | None = None, **fields: Any
) -> Any:
    file = SimpleUploadedFile("lora.safetensors", lora_bytes("ink") if content is None else content)
    return client.post(LIST, {**FORM, "checkpoint": file, **fields}, headers=headers)


def nothing_kept(before: int) -> bool:
    kept = (Finetune.objects.count(), Upload.objects.count(), Checkpoint.objects.filter(facts__has_key="rank").count())
    return (*kept, staged()) == (before, 0, 0, set())


@pytest.mark.django_db(transaction=True)
def test_a_form_makes_a_finetune_with_all_that_it_says(cast: Cast, owner: Client) -> None:
    answer = send_form(
        owner,
        trigger_phrase="LNCT",
        description="# Linocut\nfrom *prints*",
        recommended_strength="0.85",
        example_prompts=["a boat", "a tree"],
        tags=["print", "Ink"],
        strip_metadata="1",
    )
    assert answer.status_code == 201, answer.content
    expected = {
        "finetune_id": "linocut",
        "trigger_phrase": "LNCT",
        "description": "# Linocut\nfrom *prints*",
        "recommended_strength": 0.85,
        "example_prompts": ["a boat", "a tree"],
        "tags": ["ink", "print"],
        "precision": "fp8",
        "endpoint": "flux-2-klein-4b-finetuned",
        "lora_rank": 1,
        "version": 1,
        "source": "owned",
    }
    assert expected.items() <= answer.json().items()
    assert answer.json() == owner.get(f"{LIST}/linocut").json()
    assert (Upload.objects.count(), staged()) == (0, set())


REFUSED_FORMS: list[tuple[dict[str, Any], str]] = [
    ({"name": ""}, "name"),
    ({"name": "Not A Name"}, "name"),
    ({"name": "ink-portrait"}, "name"),
    ({"base_model": "sdxl"}, "base_model"),
    ({"base_model": "flux-2-klein-9b"}, "base_model"),
    ({"precision": "bf16"}, "precision"),
    ({"recommended_strength": "2.5"}, "recommended_strength"),
    ({"recommended_strength": "0.123"}, "recommended_strength"),
    ({"recommended_strength": "nan"}, "recommended_strength"),
    ({"description": "x" * 10_001}, "description"),
    ({"trigger_phrase": "a\x00b"}, "trigger_phrase"),
    ({"tags": ["no/slash"]}, "tags"),
    ({"checkpoint": "no file"}, "checkpoint"),
    ({"strip_metadata": "perhaps"}, "strip_metadata"),
]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("fields", "field"), REFUSED_FORMS)
def test_a_refused_form_names_its_field_and_leaves_nothing(
    cast: Cast, owner: Client, fields: dict[str, Any], field: str
) -> None:
    assert fields_of(send_form(owner, **fields))[0][:2] == ["body", field]
    assert nothing_kept(2)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 a zip", b"\xff" * 100, b"{}"])
def test_a_file_that_is_no_checkpoint_is_refused_and_leaves_nothing(cast: Cast, owner: Client, content: bytes) -> None:
    assert fields_of(send_form(owner, content)) == [["body", "checkpoint"]]
    assert nothing_kept(2)


def test_a_form_over_the_limit_or_the_quota_is_refused_by_its_size(
    cast: Cast, owner: Client, settings: Settings
) -> None:
    settings.MAX_CHECKPOINT_BYTES = 50_000
    assert send_form(owner).status_code == 413
    settings.MAX_CHECKPOINT_BYTES = 2**32
    Organization.objects.filter(pk=cast.organization.pk).update(storage_quota_bytes=1000)
    refused = send_form(owner)
    assert refused.status_code == 413
    assert "storage left" in json_of(refused)["detail"]
    assert nothing_kept(2)


def test_a_form_that_is_announced_too_large_is_not_even_read(cast: Cast, owner: Client, settings: Settings) -> None:
    settings.MAX_CHECKPOINT_BYTES = 50_000
    announced: Any = {"CONTENT_TYPE": "multipart/form-data; boundary=x", "CONTENT_LENGTH": "9" * 12}
    refused = owner.generic("POST", LIST, **announced)
    assert refused.status_code == 413


def test_what_is_no_form_is_told_so(cast: Cast, owner: Client) -> None:
    assert post(owner, LIST, **FORM).status_code == 415
    assert send_form(owner, headers={"transfer-encoding": "chunked"}).status_code == 411
    assert owner.post(LIST, b"x", content_type="multipart/form-data; boundary=x").status_code in (400, 422)


def test_a_key_that_may_not_is_refused_before_its_form_is_read(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*args: Any) -> None:
        raise AssertionError("the form was read")

    monkeypatch.setattr("django.http.request.HttpRequest._load_post_and_files", never)
    assert send_form(program(cast.organization, Scope.READ)).status_code == 403
    assert send_form(Client()).status_code == 403


@pytest.mark.django_db(transaction=True)
def test_what_fails_after_the_file_was_stored_takes_it_back(cast: Cast, owner: Client) -> None:
    Tag.objects.bulk_create(Tag(organization=cast.organization, name=f"t{n}") for n in range(MOST_IN_AN_ORGANIZATION))
    for tag in Tag.objects.all():
        tag.finetunes.add(cast.finetune)
    assert fields_of(send_form(owner, tags=["one-more"])) == [["body", "tags"]]
    assert nothing_kept(2)


def test_a_key_that_is_revoked_while_the_form_comes_adds_nothing(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("finetunes.services.posting.is_live", lambda key: False)
    assert send_form(program(cast.organization)).status_code == 403
    assert nothing_kept(2)


def test_as_many_forms_come_at_once_as_pieces(cast: Cast, owner: Client) -> None:
    with ExitStack() as others:
        for _ in range(MAX_PIECES_OF_ONE):
            others.enter_context(receiving(cast.organization.pk))
        assert send_form(owner).status_code == 503
    assert fields_of(send_form(owner, name="No")) == [["body", "name"]]


def test_a_form_that_breaks_off_is_told_so(cast: Cast, owner: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_off(*args: Any) -> None:
        raise UnreadablePostError

    monkeypatch.setattr("django.http.request.HttpRequest._load_post_and_files", break_off)
    assert "broke inside of the form" in json_of(send_form(owner))["detail"]
    assert nothing_kept(2)
