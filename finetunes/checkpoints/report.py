"""The result of an inspection as `manage.py inspect` prints it: lines for people, or one record for programs."""

from collections.abc import Iterable, Iterator
from typing import Any

from finetunes.checkpoints.inspection import Confidence, Inspection
from finetunes.checkpoints.texts import clean

INDENT = 14
SHOWN_NAMES = 10
MEGABYTE = 10**6
# The values of a file that could not be read.
EMPTY_RECORD: dict[str, Any] = {
    "kind": None, "layout": None, "family": None, "confidence": None, "evidence": [], "rank": None, "alpha": None,
    "modules": None, "applied": None, "unknown": [], "dropped": [], "dtype": None, "trigger_words": [], "warnings": [],
}  # fmt: skip


def as_record(
    file: str, inspection: Inspection | None, *, refused: str | None = None, error: str | None = None
) -> dict[str, Any]:
    """`refused` says why the file cannot become a finetune, `error` why it could not be read; JSON alone."""
    if inspection is None:
        return {"file": file, **EMPTY_RECORD, "refused": refused, "error": error}
    return {
        "file": file,
        "kind": inspection.kind,
        "layout": inspection.layout,
        "family": inspection.family,
        "confidence": inspection.confidence,
        "evidence": list(inspection.evidence),
        "rank": inspection.rank,
        "alpha": inspection.alpha,
        "modules": inspection.modules,
        "applied": inspection.applied,
        "unknown": list(inspection.unknown),
        "dropped": list(inspection.dropped),
        "dtype": inspection.dtype,
        "trigger_words": [words.text for words in inspection.trigger_words],
        "warnings": list(inspection.warnings),
        "refused": refused,
        "error": error,
    }


def as_lines(file: str, size: int, inspection: Inspection, refused: str | None) -> Iterator[str]:
    yield f"{file} ({size / MEGABYTE:,.1f} MB)"
    yield from _row("Refused" if refused else "Verdict", [refused or _verdict(inspection)])
    yield from _row("Model", [f"{inspection.family_label} ({inspection.confidence})", *inspection.evidence])
    yield from _row("Coverage", _coverage(inspection))
    yield from _row("Weights", [_weights(inspection), _ranks(inspection)])
    yield from _row("Trained on", [inspection.trained_on])
    yield from _row(
        "Trigger", [_trigger(words.text, words.source, words.certain) for words in inspection.trigger_words]
    )
    yield from _row("Trained by", [_tool(inspection)])
    yield from _row("Private", _private(inspection))
    yield from _row("Warnings", inspection.warnings)


def _row(label: str, values: Iterable[str]) -> Iterator[str]:
    """The label before the first value, the others beneath; nothing where no value says anything."""
    for number, value in enumerate(filter(None, values)):
        yield f"  {'' if number else label:<{INDENT}}{value}"


def _verdict(inspection: Inspection) -> str:
    if inspection.confidence == Confidence.AMBIGUOUS:
        return f"A {inspection.kind.label} that may be for {inspection.family_label}: choose the base model yourself."
    return f"A {inspection.kind.label} for {inspection.family_label}, ready to upload."


def _coverage(inspection: Inspection) -> Iterator[str]:
    yield inspection.coverage
    for label, names in (("Unknown", inspection.unknown), ("Dropped", inspection.dropped)):
        if names:
            more = f" and {len(names) - SHOWN_NAMES:,} more" if len(names) > SHOWN_NAMES else ""
            yield f"{label}: {', '.join(map(clean, names[:SHOWN_NAMES]))}{more}"


def _weights(inspection: Inspection) -> str:
    parts = [
        inspection.kind.label,
        f"rank {inspection.rank}" if inspection.rank is not None else "",
        f"alpha {inspection.alpha:g}" if inspection.alpha is not None else "",
        inspection.dtype,
        f"{inspection.parameters:,} parameters",
        f"{inspection.layout} keys",
        f"{inspection.blocks} blocks" if inspection.blocks else "",
    ]
    return ", ".join(filter(None, parts))


def _ranks(inspection: Inspection) -> str:
    if len(inspection.ranks) < 2:
        return ""
    counted = [f"{rank} in {count:,} layers" for rank, count in list(inspection.ranks.items())[:SHOWN_NAMES]]
    return f"Ranks: {', '.join(counted)}"


def _trigger(text: str, source: str, certain: bool) -> str:
    return f'"{text}" from {source}' if certain else f'perhaps "{text}" from {source}'


def _tool(inspection: Inspection) -> str:
    steps = f"{inspection.steps:,} steps" if inspection.steps is not None else ""
    return ", ".join(filter(None, [inspection.tool, steps]))


def _private(inspection: Inspection) -> Iterator[str]:
    if keys := [entry.key for entry in inspection.private]:
        more = f" and {len(keys) - SHOWN_NAMES:,} more" if len(keys) > SHOWN_NAMES else ""
        yield f"Metadata that may hold paths or names: {', '.join(keys[:SHOWN_NAMES])}{more}"
