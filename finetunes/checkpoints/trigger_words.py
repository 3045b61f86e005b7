"""The trigger words that trainers leave in the metadata of a checkpoint, each with its source."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from finetunes.checkpoints.texts import clean, load_json, load_object

MAX_CHARS = 200
MAX_SUGGESTIONS = 5
TAG_FREQUENCY = "ss_tag_frequency"
# Keys whose whole text is the trigger.
TRIGGER_KEYS = ("modelspec.trigger_phrase", "trigger_phrase", "trigger_word", "instance_prompt")
HINT_KEYS = ("modelspec.usage_hint", "usage_hint")
LIST_KEYS = ("trainedWords",)
TAG_KEYS = ("modelspec.tags", "tags")


@dataclass(frozen=True)
class TriggerWords:
    """`certain` when a trainer wrote them as the trigger; else they are only a suggestion."""

    text: str
    source: str
    certain: bool


def find_trigger_words(metadata: dict[str, str]) -> tuple[TriggerWords, ...]:
    """Certain ones first, no text twice, a few suggestions at most."""
    found: dict[str, TriggerWords] = {}
    for words in sorted(_all(metadata), key=lambda words: not words.certain):
        if words.text:
            found.setdefault(words.text, words)
    certain = [words for words in found.values() if words.certain]
    suggestions = [words for words in found.values() if not words.certain]
    return (*certain[:MAX_SUGGESTIONS], *suggestions[:MAX_SUGGESTIONS])


def certain_tag(value: str) -> str:
    """The trigger in ai-toolkit's exact form of tag frequencies, {"1_<trigger>": {"<trigger>": 1}}; else nothing."""
    folders = load_object(value)
    if len(folders) != 1:
        return ""
    ((folder, tags),) = folders.items()
    if not isinstance(tags, dict) or len(tags) != 1:
        return ""
    ((tag, count),) = tags.items()
    return tag if folder == f"1_{tag}" and count == 1 else ""


def _all(metadata: dict[str, str]) -> Iterator[TriggerWords]:
    for key in TRIGGER_KEYS:
        yield TriggerWords(clean(metadata.get(key, ""), MAX_CHARS), key, True)
    if TAG_FREQUENCY in metadata:
        yield from _of_tag_frequency(metadata[TAG_FREQUENCY])
    for key in LIST_KEYS:
        words = _listed(metadata.get(key, ""))
        yield from (TriggerWords(text, key, len(words) == 1) for text in words)
    for key in HINT_KEYS:
        yield TriggerWords(clean(metadata.get(key, ""), MAX_CHARS), key, False)
    for key in TAG_KEYS:
        yield from (TriggerWords(text, key, False) for text in _listed(metadata.get(key, "")))


def _of_tag_frequency(value: str) -> Iterator[TriggerWords]:
    if tag := certain_tag(value):
        yield TriggerWords(clean(tag, MAX_CHARS), f"{TAG_FREQUENCY} (AI-Toolkit)", True)
        return
    counts: Counter[str] = Counter()
    for tags in load_object(value).values():
        counts.update(_counts(tags))
    for tag, count in counts.most_common(MAX_SUGGESTIONS):
        yield TriggerWords(clean(tag, MAX_CHARS), f"{TAG_FREQUENCY}, in {count:,} captions", False)


def _counts(tags: Any) -> dict[str, int]:
    """Counts of captions; what is not a sensible count is left out."""
    if not isinstance(tags, dict):
        return {}
    return {tag: count for tag, count in tags.items() if type(count) is int and 0 < count < 10**9}


def _listed(value: str) -> list[str]:
    """A JSON list of texts, or texts between commas."""
    loaded = load_json(value) if value.lstrip().startswith("[") else value[: 10 * MAX_CHARS].split(",")
    texts = (
        [clean(text, MAX_CHARS) for text in loaded[:50] if isinstance(text, str)] if isinstance(loaded, list) else []
    )
    return [text for text in texts if text]
