"""JSON as the header of a checkpoint may hold it: every name once, whole numbers from 0 to 2**64 - 1, real text."""

import json
from typing import Any, NoReturn

MAX_INTEGER = 2**64 - 1
LONGEST_INTEGER = 20
SHOWN_CHARS = 60


class StrictJsonError(ValueError):
    """`reason` ends a sentence of ours; the parser's own text is not in it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def loads(raw: bytes) -> Any:
    """Raises StrictJsonError."""
    try:
        return json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_int=_natural,
            parse_float=_no_number,
            parse_constant=_no_number,
        )
    except UnicodeDecodeError as error:
        raise StrictJsonError(f"it is not UTF-8 text at byte {error.start:,}") from None
    except json.JSONDecodeError as error:
        raise StrictJsonError(f"it is not JSON at character {error.pos:,}") from None
    except RecursionError:
        raise StrictJsonError("its brackets are nested too deeply") from None


def shown(text: str) -> str:
    """A name from a file, short and in plain characters, for a sentence."""
    return json.dumps(text if len(text) <= SHOWN_CHARS else text[:SHOWN_CHARS] + "...")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise StrictJsonError(f"it names {shown(name)} twice")
        _check_text(name)
        if isinstance(value, str):
            _check_text(value)
        found[name] = value
    return found


def _check_text(text: str) -> None:
    # JSON can spell half of a surrogate pair; no file written by a trainer does, and it cannot be stored.
    try:
        text.encode()
    except UnicodeEncodeError:
        raise StrictJsonError(f"{shown(text)} is not valid Unicode") from None


def _natural(digits: str) -> int:
    if len(digits) > LONGEST_INTEGER or digits.startswith("-") or int(digits) > MAX_INTEGER:
        _no_number(digits)
    return int(digits)


def _no_number(text: str) -> NoReturn:
    raise StrictJsonError(f"it holds {shown(text)}, and only whole numbers from 0 to 2^64 - 1 belong there")
