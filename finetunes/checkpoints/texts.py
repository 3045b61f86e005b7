"""Texts from the metadata of a checkpoint, made fit to show and to store; none of it is trusted."""

import json
import re
from math import isfinite
from typing import Any

# Control characters, halves of surrogate pairs, and characters that hide or reorder what is shown.
UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]+")
SPACES = re.compile(r"\s+")
MAX_DIGITS = 15


def clean(text: str, limit: int = 200) -> str:
    """One line of at most `limit` characters."""
    if len(text) <= limit and text.isascii() and text.isprintable() and "  " not in text:
        return text.strip()
    # Cut first, so that a text of megabytes costs nothing.
    line = SPACES.sub(" ", UNFIT.sub(" ", text[: 4 * limit])).strip()
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def load_json(text: str) -> Any:
    """None for what is not JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def load_object(text: str) -> dict[str, Any]:
    """Empty for what is not a JSON object."""
    value = load_json(text)
    return value if isinstance(value, dict) else {}


def to_number(value: object) -> float | None:
    """A finite number from a number or a text of one."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if isfinite(number) else None


def to_count(value: object) -> int | None:
    """A whole number from 0 on; nothing that a program could not have counted."""
    number = to_number(value)
    return int(number) if number is not None and 0 <= number < 10**MAX_DIGITS else None
