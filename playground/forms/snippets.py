"""The call that the Playground's form would make, as source text for programs."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings

from dashboard.bfl.snippets import Call
from dashboard.lib.stored_images import extension_of
from playground.forms.generate import GenerateForm
from playground.references.chosen import ChosenImage, Kind

# Which the wire fills in alike, and which a reader wants to see nevertheless.
SHOWN = ("finetune_id", "finetune_strength", "prompt")


@dataclass(frozen=True)
class File:
    """A reference image that has to lie beside the text, by the name that the text reads it by."""

    name: str
    image: ChosenImage

    @property
    def generation_id(self) -> str:
        """Of the result that it is; else empty: whoever laid in another has its file."""
        kind, _, rest = self.image.value.partition("-")
        return rest if kind == Kind.RESULT else ""


def call_of(form: GenerateForm) -> Call:
    """For a valid form; parameters that stand where the endpoint itself puts them are left out."""
    inputs = form.jobs[0].inputs
    given = inputs.model_dump(mode="json", exclude_defaults=True, exclude={"seed"})
    shown = {name: getattr(inputs, name) for name in SHOWN if hasattr(inputs, name)}
    files = {file.image.value: file.name for file in files_of(form)}
    images = dict(zip(inputs.image_fields, form.images, strict=False))
    urls = {field: image.source["url"] for field, image in images.items() if "url" in image.source}
    seeds = [job.inputs.seed for job in form.jobs if job.inputs.seed is not None]
    is_batch = len(form.jobs) > 1
    seed = {"seed": seeds[0]} if seeds and not is_batch else {}
    return Call(
        settings.BASE_URL,
        form.endpoint.path,
        {**shown, **given, **seed, **urls},
        {field: files[image.value] for field, image in images.items() if image.value in files},
        len(form.jobs),
        seeds if is_batch else [],
    )


def files_of(form: GenerateForm) -> list[File]:
    return list(_files(form))


def _files(form: GenerateForm) -> Iterator[File]:
    for number, image in enumerate(form.images, start=1):
        if name := image.source.get("file"):
            yield File(f"image-{number}.{extension_of(name)}", image)
