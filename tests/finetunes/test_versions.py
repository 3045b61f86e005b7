"""Versions: the checkpoint is replaced, an earlier one comes back, and what made an image is never rewritten."""

from typing import Any

import pytest
from django.db import IntegrityError, transaction

from dashboard.lib.errors import InvalidInputError, NotFoundError
from dashboard.organizations.services.keys import mint_api_key
from finetunes import queries
from finetunes.access import get_finetune, get_upload, get_version
from finetunes.models import Finetune, Upload, Version
from finetunes.services import catalog, uploads, versions
from finetunes.uploads.errors import UploadGoneError
from tests.conftest import Cast
from tests.factories import lora_bytes, make_upload, make_version, upload_finetune
from tests.finetunes.storage import stored_files


@pytest.fixture
def linocut(cast: Cast) -> Finetune:
    return upload_finetune(cast.organization, "linocut", lora_bytes("v1", metadata={"epoch": "1"}))


def add(finetune: Finetune, content: bytes, **given: Any) -> Version:
    return versions.add_version(finetune, make_upload(finetune.organization, content), **given)


def refusal(finetune: Finetune, content: bytes) -> InvalidInputError:
    """The error; that nothing was made and the upload is kept is part of every refusal."""
    files, rows = stored_files(), finetune.versions.count()
    upload = make_upload(finetune.organization, content)
    with pytest.raises(InvalidInputError) as caught:
        versions.add_version(finetune, upload)
    assert (stored_files(), finetune.versions.count()) == (files, rows)
    assert uploads.is_whole(Upload.objects.get(pk=upload.pk))
    return caught.value


def numbers(finetune: Finetune) -> list[int]:
    return [version.number for version in queries.list_versions(finetune)]


def test_next_version_becomes_current_and_says_who_made_it(cast: Cast, linocut: Finetune) -> None:
    key, _ = mint_api_key(cast.organization, "ci")
    before = linocut.updated_at
    version = add(linocut, lora_bytes("v2"), created_by=cast.developer.user, api_key=key)
    linocut.refresh_from_db()
    assert (version.number, version.created_by, version.api_key) == (2, cast.developer.user, key)
    assert linocut.current_version == version
    assert linocut.updated_at > before
    assert numbers(linocut) == [2, 1]


def test_earlier_version_is_made_current_once(linocut: Finetune) -> None:
    second = add(linocut, lora_bytes("v2"))
    first = get_version(linocut, 1)
    assert versions.make_current(first)
    assert not versions.make_current(first)
    linocut.refresh_from_db()
    assert linocut.current_version == first
    assert versions.make_current(second)


def test_numbers_go_on_after_the_highest(linocut: Finetune) -> None:
    add(linocut, lora_bytes("v2"))
    versions.make_current(get_version(linocut, 1))
    assert add(linocut, lora_bytes("v3")).number == 3


def test_very_file_of_the_current_version_is_refused(linocut: Finetune) -> None:
    error = refusal(linocut, lora_bytes("v1", metadata={"epoch": "1"}))
    assert error.message == "v1 has this very file and is current."
    assert error.field == "upload"


def test_very_file_of_an_earlier_version_is_refused_with_what_to_do(linocut: Finetune) -> None:
    add(linocut, lora_bytes("v2"))
    error = refusal(linocut, lora_bytes("v1", metadata={"epoch": "1"}))
    assert error.message == "v1 has this very file; make it current instead."


def test_same_weights_with_other_metadata_are_a_version(linocut: Finetune) -> None:
    version = add(linocut, lora_bytes("v1", metadata={"epoch": "2"}))
    first = get_version(linocut, 1)
    assert version.checkpoint != first.checkpoint
    assert version.checkpoint.weights_sha256 == first.checkpoint.weights_sha256


def test_file_for_another_base_model_is_refused(linocut: Finetune) -> None:
    error = refusal(linocut, lora_bytes("9b", family="flux2-klein-9b"))
    assert error.field == "base_model"
    assert numbers(linocut) == [1]


def test_finetune_deleted_meanwhile_is_told_and_the_upload_kept(linocut: Finetune) -> None:
    stale = Finetune.objects.get(pk=linocut.pk)
    upload = make_upload(linocut.organization, lora_bytes("v2"))
    catalog.delete_finetune(linocut)
    files = stored_files()
    with pytest.raises(NotFoundError, match="linocut was deleted meanwhile"):
        versions.add_version(stale, upload)
    assert stored_files() == files
    assert uploads.is_whole(upload)


def test_version_whose_file_contradicts_a_corrected_base_model_cannot_come_back(cast: Cast) -> None:
    """v1 was kept before files were read, so the base model could be corrected to that of v2."""
    old = make_version(cast.finetune)
    versions.check_fits(old.checkpoint, "flux-2-klein-9b")
    second = add(cast.finetune, lora_bytes("4b"))
    Finetune.objects.filter(pk=cast.finetune.pk).update(base_model="flux-2-klein-9b", current_version=old)
    with pytest.raises(InvalidInputError, match="not for FLUX.2 .klein. 9B") as caught:
        versions.make_current(get_version(get_finetune(cast.organization, "ink-portrait"), second.number))
    assert caught.value.field == "base_model"


# --- Reads and doors ---------------------------------------------------------------------------------------


def test_list_names_checkpoint_and_maker_in_one_query(
    cast: Cast, linocut: Finetune, django_assert_num_queries: Any
) -> None:
    for number in range(4):
        add(linocut, lora_bytes(f"more {number}"), created_by=cast.developer.user)
    with django_assert_num_queries(1):
        makers = [
            f"{each.checkpoint.sha256} {each.created_by} {each.api_key}" for each in queries.list_versions(linocut)
        ]
    assert len(makers) == 5


def test_same_weights_are_found_in_the_own_organization_alone(cast: Cast, linocut: Finetune) -> None:
    assert linocut.checkpoint
    weights = linocut.checkpoint.weights_sha256
    assert queries.find_same_weights(cast.organization, weights) == linocut
    assert queries.find_same_weights(cast.outsider.organization, weights) is None
    assert queries.find_same_weights(cast.recipient.organization, weights) is None


def test_same_weights_are_found_in_an_earlier_version_too(cast: Cast, linocut: Finetune) -> None:
    assert linocut.checkpoint
    add(linocut, lora_bytes("v2"))
    assert queries.find_same_weights(cast.organization, linocut.checkpoint.weights_sha256) == linocut


def test_unread_checkpoints_are_the_same_as_nothing(cast: Cast) -> None:
    cast.finetune.versions.get().checkpoint.__class__.objects.update(weights_sha256="")
    assert queries.find_same_weights(cast.organization, "") is None


def test_finetune_and_version_are_found_by_their_owner_alone(cast: Cast, linocut: Finetune) -> None:
    assert get_finetune(cast.organization, "linocut") == linocut
    assert get_version(linocut, 1).finetune == linocut
    with pytest.raises(NotFoundError):
        get_version(linocut, 2)
    with pytest.raises(NotFoundError):
        get_finetune(cast.recipient.organization, "velvet-noir")  # granted, and still another's


def test_upload_is_found_by_its_organization_while_it_lives(cast: Cast) -> None:
    upload = make_upload(cast.organization, lora_bytes())
    assert get_upload(cast.organization, upload.pk) == get_upload(cast.organization, str(upload.pk)) == upload
    messages = set()
    own, other = cast.organization, cast.outsider.organization
    for owner, known in [(other, str(upload.pk)), (own, "no-uuid"), (own, "")]:
        with pytest.raises(UploadGoneError) as caught:
            get_upload(owner, known)
        messages.add(caught.value.message)
    Upload.objects.update(expires_at=upload.created_at)
    with pytest.raises(UploadGoneError) as caught:
        get_upload(cast.organization, upload.pk)
    assert messages == {caught.value.message}


# --- What the database itself refuses ----------------------------------------------------------------------


def test_database_keeps_a_number_once_a_finetune(linocut: Finetune) -> None:
    first = get_version(linocut, 1)
    with pytest.raises(IntegrityError), transaction.atomic():
        Version.objects.create(finetune=linocut, number=1, checkpoint=first.checkpoint)
    with pytest.raises(IntegrityError), transaction.atomic():
        Version.objects.create(finetune=linocut, number=0, checkpoint=first.checkpoint)
