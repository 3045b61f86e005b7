"""Which base model the layers of a checkpoint belong to, and why: shapes decide, metadata only breaks ties."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from finetunes.checkpoints.families import Confidence, Family
from finetunes.checkpoints.flux import FAMILY_GEOMETRIES, FLUX1
from finetunes.checkpoints.foreign_models import U_NET, ForeignModel, find_foreign, find_lookalike
from finetunes.checkpoints.klein import DOUBLE, GLOBAL, KLEIN_4B, SINGLE, Geometry
from finetunes.checkpoints.layers import Layer, shape_in
from finetunes.checkpoints.metadata import Hint

MAX_PROOFS = 3
NO_NAME_KNOWN = ("None of its layers has a name that is known.",)
STACK_LABELS = {DOUBLE: "double", SINGLE: "single"}
ATTENTION = ("img_attn.qkv", "txt_attn.qkv", "img_attn.proj", "txt_attn.proj")


@dataclass(frozen=True)
class Identity:
    """`evidence` and `warnings` are sentences; `candidates` holds more than one family for an ambiguous file alone."""

    family: Family
    label: str
    confidence: Confidence
    evidence: tuple[str, ...] = ()
    candidates: tuple[Family, ...] = ()
    warnings: tuple[str, ...] = ()


def identify(layers: Sequence[Layer], hint: Hint | None) -> Identity:
    """`hint` is what metadata names."""
    if all(layer.name.is_text_encoder for layer in layers):
        return Identity(Family.OTHER, "text encoders", Confidence.CERTAIN, ("All of its layers are of text encoders.",))
    return _heed(_by_layers(layers), hint)


def _by_layers(layers: Sequence[Layer]) -> Identity:
    fitting = {
        family: [layer for layer in layers if layer.fits(geometry)] for family, geometry in FAMILY_GEOMETRIES.items()
    }
    proofs = {family: [layer for layer in found if _is_proof(layer)] for family, found in fitting.items()}
    most_proofs = max(map(len, proofs.values()))
    foreign = find_foreign(layers)
    if foreign and foreign.count > most_proofs:
        return _foreign(foreign)
    if not most_proofs and (lookalike := find_lookalike(layers)):
        return _foreign(lookalike)
    counts = {family: _count_within(found, family) for family, found in fitting.items()}
    best = max(counts.values())
    tied = [family for family, count in counts.items() if count == best]
    if best == 0:
        return Identity(Family.OTHER, Family.OTHER.label, Confidence.LIKELY, _nothing_fits(layers))
    if len(tied) > 1:
        return _undecided(fitting[tied[0]], tied)
    return _decided(tied[0], fitting, proofs[tied[0]])


def _is_proof(layer: Layer) -> bool:
    """Whether klein and FLUX.1 differ in this layer, by its name or by a side that is known."""
    return _known_sides(layer, KLEIN_4B) != _known_sides(layer, FLUX1)


def _known_sides(layer: Layer, geometry: Geometry) -> tuple[int | None, int | None] | None:
    shape, delta = shape_in(layer.name.place, geometry), layer.delta
    if shape is None:
        return None
    return (None if delta.outputs is None else shape[0], None if delta.inputs is None else shape[1])


def _count_within(layers: Sequence[Layer], family: Family) -> int:
    return sum(layer.is_within(FAMILY_GEOMETRIES[family]) for layer in layers)


def _foreign(foreign: ForeignModel) -> Identity:
    if foreign.proof:
        return Identity(foreign.family, foreign.label, Confidence.CERTAIN, (foreign.proof,))
    evidence = f"{foreign.count:,} of its layers have names of {foreign.label}."
    return Identity(foreign.family, foreign.label, Confidence.LIKELY, (evidence,))


def _nothing_fits(layers: Sequence[Layer]) -> tuple[str, ...]:
    placed = [layer for layer in layers if layer.name.place]
    if not placed:
        return NO_NAME_KNOWN
    widths = Counter(layer.delta.inputs for layer in placed if layer.delta.inputs)
    if not widths:
        return ("Its layers have names of FLUX, and no shape of a linear layer.",)
    return (
        f"Its layers have names of FLUX, but their input is {widths.most_common(1)[0][0]} wide, as in none of them.",
    )


def _undecided(layers: Sequence[Layer], tied: list[Family]) -> Identity:
    """A tie: klein 4B and FLUX.1 have attention of the same names and shapes."""
    first = tied[0]
    highest = _highest_blocks(layers)
    geometry = FAMILY_GEOMETRIES[first]
    if first == Family.KLEIN_4B and any(count == geometry.blocks(stack) for stack, count in highest.items()):
        evidence = (*_width(layers), *_blocks(highest, first))
        return Identity(first, first.label, Confidence.LIKELY, evidence)
    labels = " and ".join(family.label for family in tied)
    evidence = (*_width(layers), f"{labels} have layers of these names and shapes alike.", *_blocks(highest, None))
    return Identity(Family.AMBIGUOUS, labels.replace(" and ", " or "), Confidence.AMBIGUOUS, evidence, tuple(tied))


def _decided(family: Family, fitting: dict[Family, list[Layer]], proofs: list[Layer]) -> Identity:
    layers = fitting[family]
    warnings = [*_strangers(family, fitting), *_out_of_range(family, layers)]
    evidence = (*_width(layers), *_prove(proofs, family), *_blocks(_highest_blocks(layers), family))
    confidence = Confidence.CERTAIN if proofs and not warnings else Confidence.LIKELY
    return Identity(family, family.label, confidence, evidence, warnings=tuple(warnings))


def _strangers(family: Family, fitting: dict[Family, list[Layer]]) -> Iterator[str]:
    own = {id(layer) for layer in fitting[family]}
    for other, layers in fitting.items():
        if count := sum(id(layer) not in own for layer in layers):
            yield f"{count:,} of its layers have the shapes of {other.label} instead of {family.label}."


def _out_of_range(family: Family, layers: Sequence[Layer]) -> Iterator[str]:
    if count := len(layers) - _count_within(layers, family):
        yield f"{count:,} of its layers are for blocks that {family.label} does not have."


def _width(layers: Sequence[Layer]) -> Iterator[str]:
    for layer in layers:
        place, delta = layer.name.place, layer.delta
        if place and place.target.module in ATTENTION and delta.inputs:
            yield f"Attention input is {delta.inputs} wide."
            return


def _prove(proofs: Sequence[Layer], family: Family) -> Iterator[str]:
    """A few proofs, each of another layer."""
    seen: dict[str, Layer] = {}
    for layer in proofs:
        if layer.name.place:
            # Image and text streams have the same layers.
            seen.setdefault(layer.name.place.target.module.removeprefix("img_").removeprefix("txt_"), layer)
    for layer in list(seen.values())[:MAX_PROOFS]:
        yield _proof(layer, family)


def _proof(layer: Layer, family: Family) -> str:
    place = layer.name.place
    module = place.target.module if place else ""
    if place and place.target.flux1 != place.target.flux2:
        return f"Only {'FLUX.1' if place.target.flux1 else 'FLUX.2'} has a layer named {layer.name.rest}."
    fact = f"{module} is {_shown(layer.delta.outputs, layer.delta.inputs)}, as in {family.label}"
    other = {Family.KLEIN_4B: FLUX1, Family.FLUX1: KLEIN_4B}.get(family)
    shape = shape_in(place, other) if other else None
    if shape is None:
        return f"{fact}."
    other_label = Family.FLUX1.label if other is FLUX1 else Family.KLEIN_4B.label
    return f"{fact}; in {other_label} it is {_shown(*shape)}."


def _shown(outputs: int | None, inputs: int | None) -> str:
    return f"{'?' if outputs is None else outputs} × {'?' if inputs is None else inputs}"


def _highest_blocks(layers: Sequence[Layer]) -> dict[str, int]:
    """The highest block of each stack, counted from one."""
    highest: dict[str, int] = {}
    for layer in layers:
        place = layer.name.place
        if place and place.stack != GLOBAL:
            highest[place.stack] = max(highest.get(place.stack, 0), place.block + 1)
    return highest


def _blocks(highest: dict[str, int], family: Family | None) -> Iterator[str]:
    if not highest:
        return
    counted = " and ".join(f"{count} {STACK_LABELS[stack]}" for stack, count in sorted(highest.items()))
    if family and all(count == FAMILY_GEOMETRIES[family].blocks(stack) for stack, count in highest.items()):
        yield f"It reaches {counted} blocks, as many as {family.label} has."
    else:
        yield f"It reaches {counted} blocks."


def _heed(identity: Identity, hint: Hint | None) -> Identity:
    """What metadata adds: it breaks a tie, names what shapes cannot, and is overruled otherwise."""
    if hint is None:
        return identity
    named = f"Its metadata names {hint.label} ({hint.source})"
    if hint.family in identity.candidates or _leaves_open(identity, hint):
        evidence = (*identity.evidence, f"{named}.")
        return Identity(hint.family, hint.label, Confidence.LIKELY, evidence, warnings=identity.warnings)
    if hint.family == identity.family and (hint.family != Family.OTHER or hint.label == identity.label):
        confidence = identity.confidence if identity.warnings else Confidence.CERTAIN
        return replace(identity, confidence=confidence, evidence=(*identity.evidence, f"{named} too."))
    warning = f"{named}, but its layers are those of {identity.label}. Shapes decide, for metadata can be wrong."
    if identity.family in (Family.AMBIGUOUS, Family.OTHER):
        warning = f"{named}, but the shapes of its layers do not fit that."
    return replace(identity, warnings=(*identity.warnings, warning))


def _leaves_open(identity: Identity, hint: Hint) -> bool:
    """Names that nothing knows may be of any model; those of a U-Net of any Stable Diffusion."""
    if identity.label == U_NET:
        return hint.label.startswith(U_NET)
    return identity.evidence == NO_NAME_KNOWN
