"""Where the image of a generation lies for its callers."""

from django.urls import reverse

from dashboard.lib.stored_images import extension_of
from playground.models import Generation


def sample_path(generation: Generation) -> str:
    """The path that a signature covers."""
    return reverse("sample", args=[generation.id, extension_of(str(generation.image))])
