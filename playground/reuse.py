"""The inputs of a generation as the Playground's form takes them: all of them or some, as values and as a link."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlencode
from uuid import UUID

from django.http import QueryDict
from django.urls import reverse

from dashboard.organizations.models import Membership, Organization
from dashboard.organizations.roles import Permission, may
from playground.models import Generation
from playground.queries import polled_generations
from playground.references import chosen

# By the form's own names.
FIELDS = (
    "model",
    "prompt",
    "references",
    "finetune_strength",
    "seed",
    "width",
    "height",
    "aspect_ratio",
    "output_format",
    "safety_tolerance",
    "image_prompt_strength",
    "prompt_upsampling",
    "steps",
    "guidance",
    "raw",
)
# Of an address; servers on the way cut off what is much longer.
MAX_LINK_CHARS = 8_000
GONE = "The result that this link uses again was deleted, or is not one of this organization's. Nothing was filled in."
Values = dict[str, str | list[str]]


class Reuse(StrEnum):
    """What of a result is used again."""

    ALL = "all"
    REMIX = "remix"
    PROMPT = "prompt"
    SEED = "seed"


TAKEN: dict[Reuse, tuple[str, ...]] = {
    Reuse.ALL: FIELDS,
    Reuse.REMIX: tuple(name for name in FIELDS if name != "seed"),
    Reuse.PROMPT: ("prompt",),
    Reuse.SEED: ("seed",),
}
# A form that takes these has no other reference images afterwards than the generation had.
WITH_REFERENCES = (Reuse.ALL, Reuse.REMIX)


@dataclass(frozen=True)
class Link:
    """What a link fills in, by the form's names, or why it does not."""

    query: QueryDict
    taken: tuple[str, ...] = ()
    gone: str = ""


def values_of(generation: Generation, names: Iterable[str] = FIELDS) -> Values:
    """What the form says to make this image again; without what the generation does not know."""
    known = {
        **{name: generation.inputs.get(name) for name in FIELDS},
        "model": model_of(generation),
        "references": chosen.values_of(generation),
        "seed": generation.seed or generation.inputs.get("seed"),
        "width": generation.width,
        "height": generation.height,
    }
    given = {name: known[name] for name in names if known.get(name) not in (None, "", [])}
    return {name: value if isinstance(value, list) else str(value) for name, value in given.items()}


def model_of(generation: Generation) -> str:
    """What the form's picker calls it: a finetune by its ID, a base model by its endpoint's path."""
    return finetune_id_of(generation) if generation.finetune_id_sent else generation.endpoint.path


def _model_for_all(caller: Organization, generation: Generation) -> str:
    """With its owner, also where that is the caller."""
    model = model_of(generation)
    return model if "/" in model else f"{caller.org_id}/{model}"


def finetune_id_of(generation: Generation) -> str:
    """By the name of today; by that of then, where the finetune was deleted or is shared with the caller no more."""
    finetune = generation.finetune
    if finetune is None or finetune.deleted_at is not None:
        return generation.finetune_id_sent
    if finetune.organization_id == generation.organization_id:
        return finetune.name
    may_call = finetune.is_official or getattr(generation, "is_granted", False)
    return str(finetune) if may_call else generation.finetune_id_sent


def permalink(caller: Organization, values: Mapping[str, str | list[str]]) -> str:
    """The Playground with these values filled in; opening it runs nothing."""
    return f"{reverse('playground', args=[caller.org_id])}?{urlencode(values, doseq=True)}"


def reuse_link(caller: Organization, generation: Generation, reuse: Reuse) -> str:
    """For the organization's own members: it names the generation, whose values are read when it is opened."""
    return permalink(caller, {"from": str(generation.pk), "take": str(reuse)})


def full_link(caller: Organization, generation: Generation) -> str:
    """For whoever it is sent to, into their own organization: with all inputs in it.

    As far as an address is long enough for them; else for members alone.
    """
    values = {**values_of(generation), "model": _model_for_all(caller, generation), "organization": caller.org_id}
    link = f"{reverse('playground-link')}?{urlencode(values, doseq=True)}"
    return link if len(link) <= MAX_LINK_CHARS else reuse_link(caller, generation, Reuse.ALL)


def read_link(member: Membership, query: QueryDict) -> Link:
    """The query with what it takes from a generation (`from`, `take`); what it says itself goes first.

    Whoever may not see generations takes nothing from them, and sees none of their images either.
    """
    if not may(member.role, Permission.GENERATE):
        return Link(_without(query, "from", "references"), gone=GONE if "from" in query else "")
    if "from" not in query:
        return Link(query)
    generation = _find(member.organization, query.get("from", ""))
    if generation is None:
        return Link(query, gone=GONE)
    values = values_of(generation, TAKEN[_reuse_of(query.get("take", ""))])
    return Link(fill(query, {name: value for name, value in values.items() if name not in query}), tuple(values))


def fill(query: QueryDict, values: Mapping[str, str | list[str]]) -> QueryDict:
    """A copy with these values in the place of those of the same names."""
    filled = query.copy()
    for name, value in values.items():
        filled.setlist(name, value if isinstance(value, list) else [value])
    return filled


def take(member: Membership, query: QueryDict, standing: QueryDict) -> Link:
    """The same for a form that stands already: what is not taken stays in it."""
    link = read_link(member, query)
    taken = {name: link.query.getlist(name) for name in link.taken}
    if taken and _reuse_of(query.get("take", "")) in WITH_REFERENCES:
        taken.setdefault("references", [])
    return Link(fill(standing, taken), link.taken, link.gone)


def _without(query: QueryDict, *names: str) -> QueryDict:
    rest = query.copy()
    for name in names:
        rest.pop(name, None)
    return rest


def _find(caller: Organization, text: str) -> Generation | None:
    try:
        pk = UUID(text)
    except ValueError:
        return None
    return polled_generations(caller, [pk]).get(pk)


def _reuse_of(text: str) -> Reuse:
    return Reuse(text) if text in set(Reuse) else Reuse.ALL
