"""What the header of a checkpoint tells about it: kind, base model, coverage, trigger words; never its weights."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from dashboard.bfl.endpoints import BaseModel
from finetunes.checkpoints.adapters import Kind
from finetunes.checkpoints.coverage import Coverage, cover
from finetunes.checkpoints.families import Confidence, Family
from finetunes.checkpoints.flux import FAMILY_GEOMETRIES
from finetunes.checkpoints.header import Header
from finetunes.checkpoints.identity import STACK_LABELS, Identity, identify
from finetunes.checkpoints.klein import Geometry
from finetunes.checkpoints.layers import Layer, read_layers
from finetunes.checkpoints.layouts import Layout
from finetunes.checkpoints.loaders import find_layout, loader_warnings
from finetunes.checkpoints.metadata import find_hints, find_steps, find_tool
from finetunes.checkpoints.privacy import PrivateEntry, looks_private, private_entries
from finetunes.checkpoints.texts import clean
from finetunes.checkpoints.trigger_words import TriggerWords, find_trigger_words
from finetunes.checkpoints.weights import ReadTensor, Weights, measure

__all__ = [
    "Confidence", "Family", "Inspection", "Kind", "Layout", "PrivateEntry", "TriggerWords", "inspect",
]  # fmt: skip

MAX_NAMES = 20
FLUX2 = (Family.KLEIN_4B, Family.KLEIN_9B, Family.DEV)
NO_SCALE = "Its alpha is 0: whoever scales by alpha and rank applies nothing."
# Stored as they are.
PLAIN_FACTS = (
    "kind", "layout", "family", "family_label", "confidence", "rank", "alpha", "dtype", "modules", "blocks",
    "parameters", "applied", "coverage", "trained_on", "tool", "steps",
)  # fmt: skip


@dataclass(frozen=True)
class Inspection:
    """All texts are fit to show. `unknown` and `dropped` hold names as the file has them."""

    kind: Kind
    layout: Layout
    family: Family
    family_label: str
    confidence: Confidence
    evidence: tuple[str, ...]
    candidates: tuple[Family, ...]
    rank: int | None
    ranks: dict[int, int]
    alpha: float | None
    dtype: str
    dtypes: dict[str, int]
    modules: int
    blocks: str
    parameters: int
    applied: int
    unknown: tuple[str, ...]
    dropped: tuple[str, ...]
    coverage: str
    trained_on: str
    trained_on_kv: bool
    trigger_words: tuple[TriggerWords, ...]
    tool: str
    steps: int | None
    warnings: tuple[str, ...]
    private: tuple[PrivateEntry, ...]

    @property
    def base_models(self) -> tuple[BaseModel, ...]:
        """Those whose geometry fits: several for an ambiguous file, none for a foreign one."""
        families = self.candidates if self.family == Family.AMBIGUOUS else (self.family,)
        return tuple(base_model for family in families for base_model in family.base_models)

    @property
    def suggested_base_model(self) -> BaseModel | None:
        if self.family == Family.KLEIN_9B and self.trained_on_kv:
            return BaseModel.KLEIN_9B_KV
        return next(iter(self.family.base_models), None)

    @property
    def suggested_trigger_phrase(self) -> str:
        return next((words.text for words in self.trigger_words if words.certain), "")

    def as_facts(self) -> dict[str, Any]:
        """A bounded summary for the database, JSON alone; no value of private metadata is in it."""
        certain = [words for words in self.trigger_words if words.certain and not looks_private(words.text)]
        return {
            **{name: getattr(self, name) for name in PLAIN_FACTS},
            "candidates": [family.value for family in self.candidates],
            "evidence": list(self.evidence),
            "warnings": list(self.warnings),
            "ranks": {str(rank): count for rank, count in list(self.ranks.items())[:MAX_NAMES]},
            "dtypes": self.dtypes,
            "unknown": _some(self.unknown),
            "unknown_count": len(self.unknown),
            "dropped": _some(self.dropped),
            "dropped_count": len(self.dropped),
            "trigger_words": [{"text": words.text, "source": words.source} for words in certain],
            "private": _some([entry.key for entry in self.private]),
            "private_count": len(self.private),
        }


def inspect(header: Header, *, read_tensor: ReadTensor | None = None, file_name: str = "") -> Inspection:
    """`read_tensor` gives the bytes of a tensor; it is asked for alphas alone, a few bytes each."""
    layers = read_layers(header)
    adapters = [layer for layer in layers if layer.adapter.is_adapter]
    subject, modules = (adapters, len(layers)) if adapters else (layers, 0)
    hints, layout = find_hints(header.metadata, file_name), find_layout(subject)
    identity, weights = identify(subject, hints.family), measure(header, adapters, read_tensor)
    coverage = _cover(layers if adapters else [], identity)
    return Inspection(
        kind=_kind(adapters),
        layout=layout,
        family=identity.family,
        family_label=identity.label,
        confidence=identity.confidence,
        evidence=identity.evidence,
        candidates=identity.candidates or (identity.family,),
        rank=weights.rank,
        ranks=weights.ranks,
        alpha=weights.alpha,
        dtype=weights.dtype,
        dtypes=weights.dtypes,
        modules=modules,
        blocks=_blocks(subject),
        parameters=weights.parameters,
        applied=coverage.applied,
        unknown=tuple(coverage.unknown),
        dropped=tuple(coverage.dropped),
        coverage=_sentence(coverage, identity, modules),
        trained_on=hints.trained_on(identity.family),
        trained_on_kv=hints.names_kv,
        trigger_words=find_trigger_words(header.metadata),
        tool=find_tool(header.metadata),
        steps=find_steps(header.metadata),
        warnings=(*identity.warnings, *coverage.warnings(), *_warnings(adapters, layout, identity, weights)),
        private=private_entries(header.metadata),
    )


def _cover(layers: Sequence[Layer], identity: Identity) -> Coverage:
    geometry = _geometry(identity)
    return cover(layers, geometry) if geometry else Coverage()


def _kind(adapters: Sequence[Layer]) -> Kind:
    """The most common one; differences beside a LoRA are extras, and one scale makes it a DoRA."""
    kinds = Counter(layer.adapter.kind for layer in adapters)
    if len(kinds) > 1:
        kinds.pop(Kind.OTHER, None)
    kind = max(kinds, key=lambda kind: kinds[kind], default=Kind.FULL)
    return Kind.DORA if kind == Kind.LORA and Kind.DORA in kinds else kind


def _geometry(identity: Identity) -> Geometry | None:
    """What to compare with; of an ambiguous file the first candidate, which is klein wherever klein fits."""
    family = identity.candidates[0] if identity.candidates else identity.family
    return FAMILY_GEOMETRIES.get(family)


def _sentence(coverage: Coverage, identity: Identity, modules: int) -> str:
    if not modules:
        return "It is a whole model and no adapter: nothing can be applied."
    if _geometry(identity) is None:
        return f"Its {modules:,} layers were not compared: only those of FLUX are known here."
    return coverage.sentence(modules, identity.candidates[0].label if identity.candidates else identity.label)


def _blocks(layers: Sequence[Layer]) -> str:
    places = {(place.stack, place.block) for layer in layers if (place := layer.name.place)}
    counts = Counter(stack for stack, _ in places)
    return ", ".join(f"{counts[stack]} {label}" for stack, label in STACK_LABELS.items() if counts[stack])


def _warnings(adapters: Sequence[Layer], layout: Layout, identity: Identity, weights: Weights) -> Iterator[str]:
    kinds = {layer.adapter.kind for layer in adapters} - {Kind.OTHER, Kind.DORA}
    if len(kinds) > 1:
        yield f"The file mixes {' and '.join(sorted(kind.label for kind in kinds))}."
    if identity.family in FLUX2 or identity.family == Family.AMBIGUOUS:
        yield from loader_warnings(adapters, layout)
    if weights.alpha == 0:
        yield NO_SCALE


def _some(names: Sequence[str]) -> list[str]:
    return [clean(name) for name in names[:MAX_NAMES]]
