"""What is told of a generation: `Result`, as get_result and webhooks give it, and where its image lies."""

from typing import Any

from django.conf import settings
from django.urls import reverse

from dashboard.bfl.schemas import Result, Status
from dashboard.bfl.signatures import sign_path
from dashboard.lib.stored_images import extension_of
from playground.models import Generation


def result_of(generation: Generation) -> Result:
    """Where it stands, with a URL of its image that is freshly signed. No query."""
    status = generation.status
    result = _sample(generation) if status is Status.READY else None
    return Result(id=str(generation.pk), status=status, result=result, details=generation.details)


def sample_path(generation: Generation) -> str:
    """The path that a signature covers."""
    return reverse("sample", args=[generation.id, extension_of(str(generation.image))])


def _sample(generation: Generation) -> dict[str, Any]:
    assert generation.submitted_at  # a constraint of every Ready generation's way there
    ended = generation.ready_at or generation.finished_at
    assert ended  # and so is this
    path = sign_path(settings.SECRET_KEY, sample_path(generation))
    return generation.endpoint.sample.made(
        sample=f"{settings.BASE_URL}{path}",
        prompt=generation.prompt,
        seed=int(generation.seed or 0),
        begin=generation.submitted_at.timestamp(),
        end=ended.timestamp(),
    ).model_dump()
