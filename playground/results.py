"""Stored images as HTTP sees them: where a sample lies, and how a file is sent."""

from pathlib import PurePath

from django.core.files.storage import default_storage
from django.http import FileResponse
from django.urls import reverse

from playground.models import Generation
from playground.samples import CONTENT_TYPES


def sample_path(generation: Generation) -> str:
    """The path that a signature covers."""
    return reverse("sample", args=[generation.id, extension_of(str(generation.image))])


def extension_of(name: str) -> str:
    return PurePath(name).suffix.removeprefix(".")


def send_image(name: str) -> FileResponse:
    """Streams a stored image. It never changes, but only the browser that asked may keep it.

    Raises FileNotFoundError, also for the empty name of an image that is not there yet.
    """
    if not name:
        raise FileNotFoundError
    extension = extension_of(name)
    response = FileResponse(default_storage.open(name), content_type=CONTENT_TYPES[extension])
    response["Content-Disposition"] = f'inline; filename="{PurePath(name).name}"'
    response["Cache-Control"] = "private, max-age=3600, immutable"
    return response
