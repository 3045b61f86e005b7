"""What the metadata of a checkpoint may tell about its maker, and a header without it."""

import json
import re
from dataclasses import dataclass
from typing import Any

from finetunes.checkpoints.errors import CheckpointError
from finetunes.checkpoints.strict_json import StrictJsonError, loads
from finetunes.checkpoints.texts import clean
from finetunes.checkpoints.trigger_words import TAG_FREQUENCY, certain_tag

METADATA = "__metadata__"
# Kohya's trainers write dozens of ss_ keys: folders, captions, host names, comments. These alone are plain facts.
HARMLESS_SS = {
    "ss_base_model_version",
    "ss_network_dim",
    "ss_network_alpha",
    "ss_network_module",
    "ss_steps",
    "ss_epoch",
    "ss_v2",
}
PRIVATE_KEY = re.compile(
    r"^ss_|^ot_|author|user|owner|creator|e-?mail|contact|host|machine|path|folder|dir(?:ectory|s)?\b|dataset|caption"
    r"|comment|description|config|workflow|prompt$|token|secret|passw|license_key|wandb|merged_from|thumbnail",
    re.IGNORECASE,
)
# Needed to recognise the file, or written by trainers about themselves, though their names sound otherwise.
HARMLESS_KEYS = {"instance_prompt", "trigger_phrase"}
# Every run that these match is bounded by characters that it cannot cross, so megabytes cost linear time.
PRIVATE_VALUE = re.compile(
    r"""
      (?<![a-zA-Z0-9])[A-Za-z]:(?:\\|/(?!/))              # a path of Windows
    | \\\\[\w.$-]                                         # a share of Windows
    | (?:^|[\s"'=,;:(\[{])(?:~/|/(?!/)[\w.@-])          # a path from the root or from home
    | \bfile://
    | [\w.+-]@[\w-]+\.[A-Za-z]                            # an e-mail address
    | ://[^/\s:@"]*:[^/\s@"]*@                            # a URL with a password
    | [?&](?:access_?token|token|key|api_?key|sig|signature|X-Amz-[A-Za-z]+)=
    | \b(?:hf_|sk-|ghp_|github_pat_|AKIA)[A-Za-z0-9_-]{12}   # keys of well-known services
    """,
    re.VERBOSE | re.IGNORECASE,
)


@dataclass(frozen=True)
class PrivateEntry:
    """Cleaned for showing; `value` is cut to 200 characters."""

    key: str
    value: str


def private_entries(metadata: dict[str, str]) -> tuple[PrivateEntry, ...]:
    """In the order of the file."""
    return tuple(PrivateEntry(clean(key), clean(value)) for key, value in metadata.items() if _is_private(key, value))


def strip_private(raw: bytes) -> bytes:
    """The JSON of a header without its private metadata, filled up with spaces to the same length.

    Tensors stay as they are. Raises CheckpointError for JSON that `read_header` refuses.
    """
    try:
        entries: Any = loads(raw)
    except StrictJsonError as error:
        raise CheckpointError(f"The header of this file is not valid: {error.reason}.") from None
    metadata = entries.get(METADATA) if isinstance(entries, dict) else None
    if not isinstance(metadata, dict):
        return raw
    kept = {key: value for key, value in metadata.items() if not _is_private(key, value)}
    if len(kept) == len(metadata):
        return raw
    entries[METADATA] = kept
    # Never longer: without spaces and with no more escapes than JSON must have.
    text = json.dumps(entries, ensure_ascii=False, separators=(",", ":")).encode()
    return text.ljust(len(raw))


def looks_private(text: str) -> bool:
    """Whether a path, an address or a secret stands in the text."""
    return PRIVATE_VALUE.search(text) is not None


def _is_private(key: str, value: str) -> bool:
    return _has_private_key(key, value) or looks_private(value) or looks_private(key)


def _has_private_key(key: str, value: str) -> bool:
    if key in HARMLESS_SS or key in HARMLESS_KEYS or (key == TAG_FREQUENCY and certain_tag(value)):
        return False
    return PRIVATE_KEY.search(key) is not None
