"""What a grid is: one or two axes of values, a cell for each pair, and how people write the values of an axis."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from dashboard.bfl.inputs import MAX_PROMPT_CHARS
from dashboard.lib.errors import InvalidInputError

MAX_CELLS = 36
STRENGTHS = "0.7, 0.8, 0.9, 1.0"
# What is longer is never taken apart: a body may hold a hundred megabytes of values.
MOST_NUMBER_CHARS = 2_000
MOST_PROMPTS_CHARS = MAX_CELLS * (MAX_PROMPT_CHARS + 2)
STRENGTH_DECIMALS = 2
# Integers that JSON keeps exactly, JavaScript's included.
LARGEST_SEED = 2**53 - 1
NUMBER = r"[+-]?(?:\d{1,20}(?:\.\d{0,20})?|\.\d{1,20})"
DOTS = r"(?:\.{2,3}|…)"
PLAIN = re.compile(NUMBER)
# `0..2 step 0.25`, and `1..4` where a step of 1 goes without saying.
RANGE = re.compile(rf"(?P<first>{NUMBER})\s*(?:{DOTS}|to)\s*(?P<last>{NUMBER})(?:\s*,?\s*step\s*(?P<step>{NUMBER}))?")
# `0, 0.5, .., 2`: the step is what lies between the first two.
SERIES = re.compile(rf"(?P<first>{NUMBER})\s*,\s*(?P<second>{NUMBER})\s*,\s*{DOTS}\s*,\s*(?P<last>{NUMBER})")
TOO_MANY = f"These are more values than a grid has cells: {MAX_CELLS} at most."
NO_PROMPTS = "Write one prompt a line."
NO_NUMBERS = "Write the values: one or more."
SAME_AXES = "Choose another one than across: both axes would change the same."


class AxisKind(StrEnum):
    """What may change from cell to cell.

    Not the version of a finetune: the upstream serves a finetune by its name, always the checkpoint that it has.
    """

    STRENGTH = "strength"
    SEED = "seed"
    PROMPT = "prompt"

    @property
    def label(self) -> str:
        return self.capitalize()

    @property
    def field(self) -> str:
        """The parameter that it changes."""
        return "finetune_strength" if self is AxisKind.STRENGTH else self.value


@dataclass(frozen=True)
class Axis:
    """What changes in one direction, and its values as JSON and the wire have them."""

    kind: AxisKind
    values: tuple[Any, ...]

    @property
    def labels(self) -> list[str]:
        """As text, each value once: `0.7`, `0.85`, `1.0`."""
        return [label_of(self.kind, value) for value in self.values]

    def as_json(self) -> dict[str, Any]:
        return {"kind": self.kind.value, "values": list(self.values)}


@dataclass(frozen=True)
class Place:
    """Where a cell stands, and the parameters that are its own."""

    row: int
    column: int
    changes: dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """The axes of a grid; `down` is none where it has one row."""

    across: Axis
    down: Axis | None = None

    @property
    def count(self) -> int:
        return len(self.across.values) * (len(self.down.values) if self.down else 1)

    @property
    def kinds(self) -> set[AxisKind]:
        return {axis.kind for axis in (self.across, self.down) if axis}

    def places(self) -> Iterator[Place]:
        """Row by row."""
        rows: Sequence[dict[str, Any]] = (
            [{self.down.kind.field: value} for value in self.down.values] if self.down else [{}]
        )
        for row, own in enumerate(rows):
            for column, value in enumerate(self.across.values):
                yield Place(row, column, {**own, self.across.kind.field: value})

    def as_json(self) -> dict[str, Any]:
        return {"across": self.across.as_json(), "down": self.down.as_json() if self.down else None}

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> "Plan":
        return cls(_axis(kept["across"]), _axis(kept["down"]) if kept["down"] else None)


def make_plan(across: Axis, down: Axis | None) -> Plan:
    """Raises InvalidInputError for axes that change the same, and for more cells than a grid may have."""
    if down and down.kind == across.kind:
        raise InvalidInputError(SAME_AXES, field="down")
    plan = Plan(across, down)
    if plan.count > MAX_CELLS:
        rows = f" × {len(down.values)}" if down else ""
        raise InvalidInputError(
            f"{len(across.values)}{rows} = {plan.count} images; a grid has {MAX_CELLS} at most. Leave some values out.",
            field="down_values" if down else "across_values",
        )
    return plan


def read_axis(kind: AxisKind, text: str) -> Axis:
    """The axis out of what was typed, each value once. Raises InvalidInputError."""
    if len(text) > (MOST_PROMPTS_CHARS if kind is AxisKind.PROMPT else MOST_NUMBER_CHARS):
        raise InvalidInputError(TOO_MANY)
    if kind is AxisKind.PROMPT:
        return Axis(kind, _once([line.strip() for line in text.splitlines() if line.strip()], NO_PROMPTS))
    numbers = _numbers(" ".join(text.split()).strip(" ,"), kind)
    for number in numbers:
        _check(number, kind)
    values = [float(number) if kind is AxisKind.STRENGTH else int(number) for number in numbers]
    return Axis(kind, _once(values, NO_NUMBERS))


def label_of(kind: AxisKind, value: Any) -> str:
    if kind is not AxisKind.STRENGTH:
        return str(value)
    text = f"{value:.2f}"
    return text[:-1] if text.endswith("0") else text


# --- Numbers -----------------------------------------------------------------------------------------------------


def _numbers(text: str, kind: AxisKind) -> list[Decimal]:
    if found := SERIES.fullmatch(text):
        first, second, last = (Decimal(found[name]) for name in ("first", "second", "last"))
        return _steps(first, last, second - first)
    if found := RANGE.fullmatch(text.lower()):
        first, last = Decimal(found["first"]), Decimal(found["last"])
        if not found["step"] and kind is AxisKind.STRENGTH:
            raise InvalidInputError(f"Say in which steps: {first}..{last} step 0.25.")
        size = abs(Decimal(found["step"] or 1))
        return _steps(first, last, size if last >= first else -size)
    parts = [part.strip() for part in re.split(r"[,;]| (?=[\d.+-])", text) if part.strip()]
    for part in parts:
        if not PLAIN.fullmatch(part):
            raise InvalidInputError(f"“{part[:40]}” is no number. {_examples(kind)}")
    if len(parts) > MAX_CELLS:
        raise InvalidInputError(TOO_MANY)
    return [Decimal(part) for part in parts]


def _steps(first: Decimal, last: Decimal, step: Decimal) -> list[Decimal]:
    """From first to last, and never past it."""
    if step == 0:
        raise InvalidInputError("The step must be more than 0.")
    if (last - first) / step < 0:
        raise InvalidInputError(f"These steps lead away from {last}. Write the first two values in its direction.")
    count = int((last - first) / step) + 1
    if count > MAX_CELLS:
        raise InvalidInputError(TOO_MANY)
    return [first + step * number for number in range(count)]


def _check(number: Decimal, kind: AxisKind) -> None:
    if kind is AxisKind.STRENGTH:
        if not 0 <= number <= 2:
            raise InvalidInputError(f"{number} is no strength: use 0 to 2.")
        if round(number, STRENGTH_DECIMALS) != number:
            raise InvalidInputError(f"{number} has more than two decimals, which no strength here has.")
    elif number != number.to_integral_value() or not 0 <= number <= LARGEST_SEED:
        raise InvalidInputError(f"{number} is no seed: use whole numbers from 0 to {LARGEST_SEED:,}.")


def _once(values: list[Any], missing: str) -> tuple[Any, ...]:
    if not values:
        raise InvalidInputError(missing)
    if len(unique := tuple(dict.fromkeys(values))) > MAX_CELLS:
        raise InvalidInputError(TOO_MANY)
    return unique


def _examples(kind: AxisKind) -> str:
    return "Write 0.7, 0.8, 0.9 or 0..2 step 0.25." if kind is AxisKind.STRENGTH else "Write 1, 2, 3 or 1..4."


def _axis(kept: dict[str, Any]) -> Axis:
    return Axis(AxisKind(kept["kind"]), tuple(kept["values"]))
