"""What lies in the storage folder of a test, and whether rows and files belong together."""

from pathlib import Path

from django.conf import settings
from django.core.files.storage import default_storage

from finetunes.models import Checkpoint, Upload, Version
from finetunes.uploads import staging


def stored_files() -> set[Path]:
    return {path for path in Path(default_storage.path("")).rglob("*") if path.is_file()}


def assert_rows_and_files_agree() -> None:
    """Every version has its file, every stored file its row, every staged file its open upload."""
    names = [str(checkpoint.file.name) for checkpoint in Checkpoint.objects.all()]
    assert {Path(default_storage.path(name)) for name in names} == stored_files()
    assert not Checkpoint.objects.unreferenced().exists()
    assert not Version.objects.exclude(checkpoint__discarded_at=None).exists()
    known = {staging.path_for(upload.pk) for upload in Upload.objects.open()}
    assert set(Path(settings.UPLOADS_DIR).iterdir()) == known
