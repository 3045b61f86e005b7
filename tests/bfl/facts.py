"""What an OpenAPI document says of each endpoint, a line a field; `python -m tests.bfl.facts` keeps what BFL's says.

Facts alone: types, bounds, defaults, what is required. The document itself lies beside the repository, if anywhere.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Facts = dict[str, dict[str, str]]
KEPT = Path(__file__).with_name("bfl_facts.json")
DOCUMENT = Path(__file__).resolve().parents[3] / "shared" / "reference" / "bfl-openapi-2026-05.json"
BOUNDS = ("minimum", "maximum", "multipleOf", "minLength", "maxLength", "format", "pattern", "enum", "const")


def facts_of(document: dict[str, Any]) -> Facts:
    """By "POST /v1/…", then by field; an answer's are those of the 200."""
    return {
        f"{method.upper()} {path}": dict(_of_call(document, call))
        for path, calls in document["paths"].items()
        for method, call in calls.items()
    }


def _of_call(document: dict[str, Any], call: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "security", " or ".join(sorted(name for each in call.get("security") or [] for name in each)) or "none"
    yield "statuses", " ".join(sorted(call["responses"]))
    for each in call.get("parameters", ()):
        yield f"{each['in']}.{each['name']}", _line(document, each["schema"], required=each.get("required", False))
    if body := call.get("requestBody"):
        yield from _of_object(document, "body", body["content"]["application/json"]["schema"])
    if answer := call["responses"].get("200", {}).get("content"):
        yield from _of_object(document, "answer", answer["application/json"]["schema"])


def _of_object(document: dict[str, Any], name: str, schema: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Of several that an answer may be, the first is the plain one and the second that with a webhook."""
    for number, each in enumerate(schema.get("anyOf", [schema])):
        found = _resolve(document, each)
        for field, declared in found["properties"].items():
            place = f"{name} with webhook" if number else name
            yield f"{place}.{field}", _line(document, declared, required=field in found.get("required", ()))


def _line(document: dict[str, Any], declared: dict[str, Any], *, required: bool) -> str:
    kinds = [_kind(_resolve(document, each)) for each in declared.get("anyOf", [declared])]
    default = [f"default {json.dumps(_number(declared['default']))}"] if "default" in declared else []
    return ", ".join([" or ".join(kinds), *default, *(["required"] if required else [])])


def _kind(schema: dict[str, Any]) -> str:
    bounds = [f"{name} {json.dumps(_number(schema[name]))}" for name in BOUNDS if name in schema]
    items = [f"of {_kind(schema['items'])}"] if "items" in schema else []
    return " ".join([schema.get("type", "any"), *items, *bounds])


def _number(value: Any) -> Any:
    """5.0 and 5 are one number."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _resolve(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in schema:
        return schema
    found: dict[str, Any] = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return found


def keep() -> None:
    facts = facts_of(json.loads(DOCUMENT.read_text()))
    KEPT.write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    keep()
