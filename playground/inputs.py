"""The parameters of each endpoint, declared once in the wire's schemas: validated here for the form and the API."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from dashboard.bfl.endpoints import ENDPOINTS, Endpoint
from dashboard.bfl.inputs import Inputs
from dashboard.bfl.prices import megapixels, price
from dashboard.lib.errors import InvalidInputError
from finetunes.models import DEFAULT_STRENGTH

# Kept in columns of their own, or never kept at all.
IMAGE_FIELDS = tuple(dict.fromkeys(field for endpoint in ENDPOINTS for field in endpoint.inputs.image_fields))
NOT_KEPT = {"finetune_id", "webhook_url", "webhook_secret", *IMAGE_FIELDS}
# For people, by pydantic's type of the error; the API answers in pydantic's own words, as BFL does.
SENTENCES = {
    "greater_than_equal": "Use {ge} or more.",
    "less_than_equal": "Use {le} or less.",
    "multiple_of": "Use a multiple of {multiple_of}.",
    "aspect_ratio": "Use a ratio between 21:9 and 9:21.",
    "area_too_large": "Width times height is over 4 MP; use a smaller size.",
    "string_too_long": "Use at most {max_length:,} characters.",
}


class InvalidFieldsError(InvalidInputError):
    """One or more fields are wrong; `errors` holds a sentence for each."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{field}: {message}" for field, message in errors.items()))
        self.errors = dict(errors)


def parse(endpoint: Endpoint, data: Mapping[str, Any]) -> Inputs:
    """The inputs of `endpoint`, within its limits. Raises InvalidFieldsError."""
    try:
        return endpoint.inputs.model_validate(dict(data))
    except ValidationError as error:
        raise InvalidFieldsError({str(e["loc"][0]): _sentence(e) for e in error.errors()}) from None


def _sentence(error: ErrorDetails) -> str:
    known = SENTENCES.get(error["type"])
    limits = {name: _plain(value) for name, value in error.get("ctx", {}).items()}
    return known.format(**limits) if known else error["msg"]


def _plain(value: Any) -> Any:
    """2.0 as 2, and a large seed with all of its digits."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


@cache
def schema_of(endpoint: Endpoint) -> Mapping[str, Any]:
    """The JSON schema of each parameter, by its name on the wire."""
    properties: Mapping[str, Any] = endpoint.inputs.model_json_schema()["properties"]
    return properties


def keep(inputs: Inputs) -> dict[str, Any]:
    """What a generation remembers of its inputs, as JSON."""
    return inputs.model_dump(mode="json", exclude=NOT_KEPT, exclude_none=True)


def strength_of(kept: Mapping[str, Any]) -> float:
    """That of a generation with a finetune, out of what it remembers of its inputs."""
    return float(kept.get("finetune_strength", DEFAULT_STRENGTH))


def cost_of(endpoint: Endpoint, size: tuple[int, int], images: int) -> int:
    """Millicredits for one image of `size` pixels made with `images` reference images."""
    return price(endpoint.price_key, width=size[0], height=size[1], images=images)


def input_megapixels(sizes: Sequence[tuple[int, int] | None]) -> float:
    """Megapixels of the reference images; one that only its URL describes counts as the full megapixel."""
    return round(sum(megapixels(*size) if size else 1.0 for size in sizes), 2)


@dataclass(frozen=True)
class Limits:
    """What a form must know of one parameter."""

    default: Any
    minimum: float | None = None
    maximum: float | None = None
    multiple_of: int | None = None


def limits_of(endpoint: Endpoint, field: str) -> Limits:
    """The limits of one parameter, read from the schema that validates it."""
    declared = schema_of(endpoint)[field]
    variants = [declared, *declared.get("anyOf", [])]
    keys = ("minimum", "maximum", "multipleOf")
    found = {key: variant[key] for variant in variants for key in keys if key in variant}
    return Limits(declared.get("default"), found.get("minimum"), found.get("maximum"), found.get("multipleOf"))
