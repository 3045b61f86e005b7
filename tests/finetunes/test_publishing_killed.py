"""A process that publishes is killed at any step: the upload is there to be tried again, or the finetune is made."""

import os
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connections
from django.utils import timezone

from dashboard.organizations.services.keys import mint_api_key
from finetunes import workflow
from finetunes.models import Finetune, Upload
from finetunes.services import catalog, uploads
from finetunes.uploads import staging
from tests.factories import lora_bytes, make_organization, make_upload
from tests.finetunes.dying import CODE, STEPS, publish
from tests.finetunes.storage import assert_rows_and_files_agree, stored_files

LOST = [step for step in STEPS if step != "after the commit"]
SECONDS = 30
DAY_SECONDS = 24 * 60 * 60
FIELDS: dict[str, Any] = {"base_model": "flux-2-klein-4b", "precision": "fp8", "trigger_phrase": ""}


@pytest.fixture(params=["member", "program"])
def upload(request: pytest.FixtureRequest, transactional_db: None) -> Upload:
    upload = make_upload(make_organization("Atelier"), lora_bytes("ink"))
    if request.param == "program":
        upload.api_key = mint_api_key(upload.organization, "uploads")[0]
        upload.save()
    return upload


def kill(step: str, upload: Upload) -> None:
    connections.close_all()  # none may be shared with the process that dies
    process = get_context("fork").Process(target=publish, args=(step, upload.pk, "linocut"))
    process.start()
    process.join(SECONDS)
    assert process.exitcode == CODE


def leave_for_a_day() -> None:
    """What the sweeper takes away after a day is a day old now."""
    for path in Path(django_settings.UPLOADS_DIR).iterdir():
        before = path.stat().st_mtime - DAY_SECONDS - 60
        os.utime(path, (before, before))


@pytest.mark.parametrize("step", LOST)
def test_upload_that_was_being_published_can_be_tried_again(step: str, upload: Upload) -> None:
    kill(step, upload)
    assert not Finetune.objects.exists()
    assert uploads.is_whole(Upload.objects.get(pk=upload.pk))
    assert Upload.objects.get(pk=upload.pk).stored_name
    finetune = catalog.add_finetune(upload.organization, upload, name="linocut", **FIELDS)
    assert finetune.checkpoint
    with finetune.checkpoint.file.open() as file:
        assert file.read() == lora_bytes("ink")
    leave_for_a_day()
    workflow.sweep()
    assert_rows_and_files_agree()


@pytest.mark.parametrize("step", LOST)
def test_upload_that_nobody_tries_again_leaves_nothing(step: str, upload: Upload) -> None:
    kill(step, upload)
    Upload.objects.update(expires_at=timezone.now())
    leave_for_a_day()
    workflow.sweep()
    assert not Upload.objects.exists()
    assert stored_files() == set()
    assert_rows_and_files_agree()


def test_finetune_that_was_made_stays_and_its_staged_file_goes(upload: Upload) -> None:
    kill("after the commit", upload)
    checkpoint = Finetune.objects.get(name="linocut").checkpoint
    assert checkpoint
    assert not Upload.objects.open().exists()
    assert Upload.objects.filter(version__finetune__name="linocut").exists() is bool(upload.api_key)
    assert staging.path_for(upload.pk).exists()
    leave_for_a_day()
    workflow.sweep()
    with checkpoint.file.open() as file:
        assert file.read() == lora_bytes("ink")
    assert_rows_and_files_agree()
