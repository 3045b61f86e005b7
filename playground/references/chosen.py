"""The reference images that a form names: uploads, results, and what another generation was made from."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit
from uuid import UUID

from dashboard.bfl.sizes import model_size
from dashboard.organizations.models import Organization
from playground.models import Generation, ReferenceUpload, State
from playground.references.stored import Reference

# As a form's hidden fields and links carry it: upload-<id>, result-<generation>, kept-<generation>-<place>.
VALUE = re.compile(r"(?P<kind>upload|result|kept)-(?P<id>[0-9a-f-]{36})(?:-(?P<place>[0-9]))?")
# No endpoint takes as many; what a link names beyond is not looked for.
MOST_ASKED = 16


class Kind(StrEnum):
    UPLOAD = "upload"
    RESULT = "result"
    KEPT = "kept"


@dataclass(frozen=True)
class ChosenImage:
    """One that is there: what the form calls it by, what a person reads of it, and where its file or URL is."""

    value: str
    label: str
    source: Reference
    pixels: tuple[int, int] | None = None

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height as the model will see it; None for a URL."""
        return self.source.get("size")

    @property
    def host(self) -> str:
        """Where the provider fetches it, as it did of old; empty for a file of ours."""
        return _host_of(self.source.get("url", ""))

    @property
    def pixels_text(self) -> str:
        """Of the file itself, or as the model saw it, where no more is kept; empty for a URL."""
        known = self.pixels or self.size
        return "{} × {}".format(*known) if known else ""


def find_images(organization: Organization, values: Iterable[str]) -> dict[str, ChosenImage]:
    """Those of `values` that are there, in their order, each once; two statements however many. No other tenant's."""
    named = {value: match for value in values if (match := VALUE.fullmatch(value)) and _is_id(match["id"])}
    uploads = _uploads(organization, [m["id"] for m in named.values() if m["kind"] == Kind.UPLOAD])
    generations = _generations(organization, [m["id"] for m in named.values() if m["kind"] != Kind.UPLOAD])
    found = {value: _find(match, uploads, generations) for value, match in named.items()}
    return {value: image for value, image in found.items() if image}


def values_of(generation: Generation) -> list[str]:
    """What a form says to use the reference images of a generation again."""
    return [f"{Kind.KEPT}-{generation.pk}-{place}" for place in range(len(generation.references))]


def _find(
    match: re.Match[str], uploads: Mapping[str, ReferenceUpload], generations: Mapping[str, Generation]
) -> ChosenImage | None:
    if match["kind"] == Kind.UPLOAD:
        upload = uploads.get(match["id"])
        return of_upload(upload) if upload else None
    generation = generations.get(match["id"])
    if generation is None:
        return None
    return _of_result(match[0], generation) if match["kind"] == Kind.RESULT else _of_kept(match, generation)


def of_upload(upload: ReferenceUpload) -> ChosenImage:
    source = Reference(file=str(upload.file), size=model_size(upload.width, upload.height))
    return ChosenImage(f"{Kind.UPLOAD}-{upload.pk}", upload.name, source, (upload.width, upload.height))


def _of_result(value: str, generation: Generation) -> ChosenImage | None:
    if generation.state != State.READY:
        return None
    source = Reference(file=str(generation.image), size=model_size(generation.width, generation.height))
    return ChosenImage(value, f"Result: {generation.prompt[:60]}", source, (generation.width, generation.height))


def _of_kept(match: re.Match[str], generation: Generation) -> ChosenImage | None:
    place = int(match["place"] or 0)
    if place >= len(generation.references):
        return None
    source: Reference = generation.references[place]
    label = _host_of(source.get("url", "")) or f"Reference image {place + 1} of a result"
    return ChosenImage(match[0], label, source)


def _host_of(url: str) -> str:
    """A URL that came by the API may be anything that begins like one."""
    try:
        return urlsplit(url).hostname or url[:60]
    except ValueError:
        return url[:60]


def _uploads(organization: Organization, ids: Sequence[str]) -> dict[str, ReferenceUpload]:
    found = ReferenceUpload.objects.of_caller(organization).filter(pk__in=ids) if ids else []
    return {str(upload.pk): upload for upload in found}


def _generations(organization: Organization, ids: Sequence[str]) -> dict[str, Generation]:
    found = Generation.objects.of_caller(organization).filter(pk__in=ids) if ids else []
    return {str(generation.pk): generation for generation in found}


def _is_id(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
