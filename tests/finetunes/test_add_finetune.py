"""Adding a finetune from an upload: what is checked, what is made, and that a refusal keeps the upload."""

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.storage import default_storage

from dashboard.lib.errors import InvalidInputError
from dashboard.organizations.services.keys import mint_api_key
from finetunes import queries
from finetunes.checkpoints.errors import CheckpointError
from finetunes.models import Checkpoint, Finetune, Upload
from finetunes.services import catalog, uploads
from finetunes.uploads import staging
from finetunes.uploads.errors import UploadGoneError
from tests.conftest import Cast
from tests.factories import lora_bytes, make_upload
from tests.finetunes.storage import stored_files

FIELDS: dict[str, Any] = {
    "name": "linocut",
    "base_model": "flux-2-klein-4b",
    "precision": "fp8",
    "trigger_phrase": "TOK",
}


@pytest.fixture
def upload(cast: Cast) -> Upload:
    return make_upload(cast.organization, lora_bytes("linocut"), "../../my lora (final).safetensors")


def add(cast: Cast, upload: Upload, **changes: Any) -> Finetune:
    arguments: dict[str, Any] = {**FIELDS, "created_by": cast.developer.user, **changes}
    return catalog.add_finetune(cast.organization, upload, **arguments)


def refusal(cast: Cast, upload: Upload, **changes: Any) -> InvalidInputError:
    """The error; that nothing was made and the upload can be tried again is part of every refusal."""
    files, rows = stored_files(), Finetune.objects.count()
    with pytest.raises(InvalidInputError) as caught:
        add(cast, upload, **changes)
    assert stored_files() == files
    assert Finetune.objects.count() == rows
    assert uploads.is_whole(Upload.objects.get(pk=upload.pk))
    return caught.value


def test_finetune_is_listed_with_its_checkpoint(cast: Cast, upload: Upload) -> None:
    finetune = add(cast, upload, trigger_phrase="  TOK ink ")
    finetune.refresh_from_db()
    content = lora_bytes("linocut")
    assert finetune.organization == cast.organization
    assert (finetune.name, finetune.base_model, finetune.precision) == ("linocut", "flux-2-klein-4b", "fp8")
    assert finetune.trigger_phrase == "TOK ink"
    assert finetune.created_by == cast.developer.user
    assert not finetune.is_official
    assert finetune.checkpoint
    assert finetune.checkpoint.bytes == len(content)
    assert finetune.checkpoint.sha256 == hashlib.sha256(content).hexdigest()
    with finetune.checkpoint.file.open() as file:
        assert file.read() == content


def test_first_version_says_who_made_it(cast: Cast, upload: Upload) -> None:
    key, _ = mint_api_key(cast.organization, "ci")
    version = add(cast, upload, created_by=None, api_key=key).current_version
    assert version
    assert (version.number, version.label, version.created_by, version.api_key) == (1, "v1", None, key)


def test_upload_ends_with_the_finetune_it_became(cast: Cast, upload: Upload) -> None:
    add(cast, upload)
    assert not Upload.objects.exists()
    assert list(staging.path_for(upload.pk).parent.iterdir()) == []
    with pytest.raises(UploadGoneError):
        add(cast, upload, name="second")


def test_facts_of_the_header_are_kept(cast: Cast, upload: Upload) -> None:
    add(cast, upload)
    facts = Checkpoint.objects.get(versions__finetune__name="linocut").facts
    assert (facts["family"], facts["rank"]) == ("flux2-klein-4b", 1)
    assert facts["applied"] == facts["modules"] > 0


def test_stored_name_holds_owner_and_digest_and_nothing_of_the_client(cast: Cast, upload: Upload) -> None:
    checkpoint = add(cast, upload).checkpoint
    assert checkpoint
    folder, org_id, file = str(checkpoint.file.name).split("/")
    assert (folder, org_id) == ("checkpoints", cast.organization.org_id)
    assert file.startswith(checkpoint.sha256)
    assert file.endswith(".safetensors")
    assert "lora" not in file


def test_same_name_is_free_for_another_owner(cast: Cast, upload: Upload) -> None:
    add(cast, upload)
    other = cast.outsider.organization
    finetune = catalog.add_finetune(other, make_upload(other, lora_bytes()), **FIELDS)
    assert str(finetune) == f"{other.org_id}/linocut"


def test_upload_of_another_organization_is_not_found(cast: Cast) -> None:
    foreign = make_upload(cast.outsider.organization, lora_bytes())
    with pytest.raises(UploadGoneError):
        add(cast, foreign)
    assert uploads.is_whole(foreign)


def test_name_that_is_taken_is_refused(cast: Cast, upload: Upload) -> None:
    error = refusal(cast, upload, name=cast.finetune.name)
    assert error.field == "name"
    assert "ink-portrait already" in error.message


def test_name_taken_while_the_file_was_stored_is_refused(
    cast: Cast, upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([None, cast.finetune])
    monkeypatch.setattr(queries, "find_named", lambda owner, name: next(answers))
    assert refusal(cast, upload, name=cast.finetune.name).field == "name"
    monkeypatch.undo()
    assert add(cast, upload).current_version


@pytest.mark.parametrize("name", ["", "Ink", "ink portrait", "ink/portrait", "ink\n", "é", "x" * 65])
def test_name_of_other_characters_or_too_long_is_refused(cast: Cast, upload: Upload, name: str) -> None:
    assert refusal(cast, upload, name=name).field == "name"


def test_trigger_phrase_that_is_too_long_is_refused(cast: Cast, upload: Upload) -> None:
    assert refusal(cast, upload, trigger_phrase="x" * 201).field == "trigger_phrase"


def test_unknown_base_model_is_refused(cast: Cast, upload: Upload) -> None:
    assert refusal(cast, upload, base_model="flux-3").field == "base_model"


@pytest.mark.parametrize(
    "base_model", ["flux-2-klein-4b", "flux-2-klein-9b", "flux-2-klein-base-4b", "flux-2-klein-base-9b"]
)
def test_bf16_is_refused_but_for_9b_kv(cast: Cast, upload: Upload, base_model: str) -> None:
    error = refusal(cast, upload, base_model=base_model, precision="bf16")
    assert error.field == "precision"
    assert error.message == "BF16 is served for FLUX.2 [klein] 9B (KV-cached) alone. Choose FP8 for this base model."


def test_fields_are_checked_without_any_file(cast: Cast) -> None:
    catalog.check_new(cast.organization, **FIELDS)
    with pytest.raises(InvalidInputError) as caught:
        catalog.check_new(cast.organization, **FIELDS | {"name": "ink-portrait"})
    assert caught.value.field == "name"


def test_base_model_that_the_file_contradicts_is_refused_and_may_be_corrected(cast: Cast, upload: Upload) -> None:
    error = refusal(cast, upload, base_model="flux-2-klein-9b")
    assert error.field == "base_model"
    assert "3072" in error.message
    assert add(cast, upload, base_model="flux-2-klein-base-4b").base_model == "flux-2-klein-base-4b"


def test_upload_that_is_not_whole_is_refused_and_kept(cast: Cast) -> None:
    upload = uploads.start(cast.organization, length=5000)
    staging.append(upload.pk, 0, bytes(1234))
    with pytest.raises(InvalidInputError, match="1,234 of 5,000 bytes are here") as caught:
        add(cast, upload)
    assert caught.value.field == "upload"
    assert uploads.offset_of(Upload.objects.get(pk=upload.pk)) == 1234


def test_file_that_can_never_be_used_ends_its_upload(cast: Cast) -> None:
    content = b"PK\x03\x04" + bytes(100)
    upload = uploads.start(cast.organization, length=len(content))
    staging.append(upload.pk, 0, content)
    files = stored_files()
    with pytest.raises(CheckpointError, match="zip"):
        add(cast, upload)
    assert not Upload.objects.exists()
    assert not staging.path_for(upload.pk).exists()
    assert stored_files() == files


def test_private_metadata_is_stripped_when_asked(cast: Cast) -> None:
    metadata = {"format": "pt", "ss_output_name": "holiday with Anna", "ss_base_model_version": "flux2_klein_4b"}
    kept = add(cast, make_upload(cast.organization, lora_bytes("a", metadata=metadata))).checkpoint
    stripped = add(
        cast, make_upload(cast.organization, lora_bytes("a", metadata=metadata)), name="stripped", strip_private=True
    ).checkpoint
    assert kept
    assert stripped
    with default_storage.open(str(kept.file.name)) as with_it, default_storage.open(str(stripped.file.name)) as without:
        assert b"Anna" in with_it.read()
        content = without.read()
    assert b"Anna" not in content
    assert hashlib.sha256(content).hexdigest() == stripped.sha256 != kept.sha256
    assert stripped.weights_sha256 == kept.weights_sha256


# --- The end of a finetune ---------------------------------------------------------------------------------


def test_deleted_finetune_takes_its_checkpoint_along(
    cast: Cast, upload: Upload, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    files = stored_files()
    finetune = add(cast, upload)
    assert stored_files() != files
    with django_capture_on_commit_callbacks(execute=True):
        catalog.delete_finetune(finetune)
    assert stored_files() == files
    assert not Finetune.objects.filter(name="linocut").exists()


def test_checkpoint_stays_while_the_deletion_is_not_committed(
    cast: Cast, upload: Upload, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    finetune = add(cast, upload)
    assert finetune.checkpoint
    name = str(finetune.checkpoint.file.name)
    with django_capture_on_commit_callbacks(execute=False):
        catalog.delete_finetune(finetune)
    assert default_storage.exists(name)
