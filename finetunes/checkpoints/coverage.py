"""How many layers of a checkpoint would change its base model, and what becomes of the others."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from finetunes.checkpoints.adapters import BIAS, BIAS_DIFFERENCE, DORA, Adapter, Style
from finetunes.checkpoints.klein import Geometry
from finetunes.checkpoints.layers import Layer

WHOLE = ""
NO_ADAPTER = "belong to no adapter"
# Kinds that no server of finetunes can apply.
NEVER_APPLIED = {
    Style.LOHA: "layers are dropped: no server of finetunes applies LoHa",
    Style.OTHER: "layers are dropped: they are no low-rank adapters, and no server of finetunes applies them",
}
TEXT_ENCODER = "layers of text encoders are dropped: a finetune changes the image model alone"
TWICE = "layers are dropped: the file changes the same layer before"
SCALES = "DoRA scales are dropped by most loaders, which changes the result"
BIASES = "biases are dropped: the linear layers of this model have none"
Taken = dict[tuple[str, int, str], set[str]]


@dataclass
class Coverage:
    """`applied` layers, and the names of what is unknown to the base model or dropped by whoever loads the file."""

    applied: int = 0
    unknown: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)

    def warnings(self) -> list[str]:
        faults = [f"{count:,} layers {fault} and cannot be applied." for fault, count in self.faults.items()]
        return [*faults, *(f"{count:,} {reason}." for reason, count in self.reasons.items())]

    def drop(self, name: str, reason: str) -> None:
        self.dropped.append(name)
        self.reasons[reason] += 1

    def sentence(self, modules: int, label: str) -> str:
        """`label` names the base model that the layers were compared with."""
        parts = [f"{self.applied:,} of {modules:,} layers apply"]
        if self.unknown:
            parts.append(f"{len(self.unknown):,} are unknown to {label} or damaged")
        if others := modules - self.applied - len(self.unknown):
            parts.append(f"{others:,} are dropped")
        return ", ".join(parts) + "."


def cover(layers: Iterable[Layer], geometry: Geometry) -> Coverage:
    coverage, taken = Coverage(), Taken()
    for layer in layers:
        _place(layer, geometry, coverage, taken)
    return coverage


def _place(layer: Layer, geometry: Geometry, coverage: Coverage, taken: Taken) -> None:
    adapter = layer.adapter
    if layer.name.is_text_encoder:
        coverage.drop(adapter.name, TEXT_ENCODER)
    elif adapter.style in NEVER_APPLIED:
        coverage.drop(adapter.name, NEVER_APPLIED[adapter.style])
    elif fault := layer.delta.fault if adapter.is_adapter else NO_ADAPTER:
        coverage.unknown.append(adapter.name)
        coverage.faults[fault] += 1
    elif not (layer.fits(geometry) and layer.is_within(geometry)):
        coverage.unknown.append(adapter.name)
    elif not _take(layer, taken):
        coverage.drop(adapter.name, TWICE)
    else:
        coverage.applied += 1
        _drop_extras(adapter, coverage)


def _take(layer: Layer, taken: Taken) -> bool:
    """Whether the layer, or its part, was free: a fused layer and a part of it are the same one."""
    place = layer.name.place
    if place is None:
        return False
    parts = taken.setdefault((place.stack, place.block, place.target.module), set())
    part = place.target.part
    if part in parts or WHOLE in parts or (part == WHOLE and parts):
        return False
    parts.add(part)
    return True


def _drop_extras(adapter: Adapter, coverage: Coverage) -> None:
    for part in adapter.parts:
        if part == DORA:
            coverage.drop(f"{adapter.name}.{part}", SCALES)
        elif part.endswith(BIAS) or part == BIAS_DIFFERENCE:
            coverage.drop(f"{adapter.name}.{part}", BIASES)
