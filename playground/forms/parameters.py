"""The form's fields for an endpoint's parameters, made out of the schema that validates them.

A side that the schema leaves open follows the first reference image; one that it does not has limits of its own.
"""

from collections.abc import Callable, Mapping
from typing import Any

from django import forms

from dashboard.bfl.endpoints import Endpoint
from dashboard.bfl.schemas import OutputFormat
from dashboard.bfl.sizes import DEFAULT_SIDE, MAX_PIXELS, SIDE_STEP
from playground.inputs import IMAGE_FIELDS, Limits, limits_of, schema_of

# Asked for elsewhere: the picked model says the finetune, the form's head the prompt; programs alone have webhooks.
ELSEWHERE = {"finetune_id", "prompt", "webhook_url", "webhook_secret", *IMAGE_FIELDS}
SIDES = ("width", "height")
ORDER = (
    "finetune_strength",
    *SIDES,
    "aspect_ratio",
    "output_format",
    "safety_tolerance",
    "steps",
    "guidance",
    "image_prompt_strength",
)
LABELS = {
    "finetune_strength": "Strength",
    "output_format": "Format",
    "image_prompt_strength": "Reference weight",
    "prompt_upsampling": "Let the model rewrite the prompt",
    "raw": "Raw: less processed, more like a photograph",
}
STEPS = {"integer": "1", "number": "0.05"}
# Drawn each in its own way; what an endpoint has besides is drawn by its type.
DRAWN = {"finetune_strength", *SIDES, "aspect_ratio", "seed"}
FORMATS = {OutputFormat.JPEG: "JPEG", OutputFormat.PNG: "PNG", OutputFormat.WEBP: "WebP"}
ASPECTS = ("1:1", "4:3", "3:2", "16:9", "3:4", "2:3", "9:16")
WIDEST_ASPECTS = ("21:9", *ASPECTS, "9:21")
OPEN_ASPECT = "As image 1, else 1:1"
# What a page says of the sizes that an endpoint takes.
OPEN_SIDES = f"Multiples of {SIDE_STEP}; 4 MP at most."
CLOSED_SIDES = "Multiples of {step} from {least} to {most}."
TOLERANCES = {0: "0, the strictest", 2: "2, as usual", 5: "5, the most tolerant", 6: "6, the most tolerant"}


def fields_of(endpoint: Endpoint) -> dict[str, forms.Field]:
    """One field for each parameter, by its name on the wire, in the order of the form."""
    declared = schema_of(endpoint)
    names = [name for name in declared if name not in ELSEWHERE]
    names.sort(key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER))
    return {name: _field(endpoint, name, declared[name]) for name in names}


def _field(endpoint: Endpoint, name: str, declared: Mapping[str, Any]) -> forms.Field:
    limits = limits_of(endpoint, name)
    if name == "aspect_ratio":
        return _aspect_field(endpoint, limits)
    label = LABELS.get(name, name.replace("_", " ").capitalize())
    if name in CHOSEN:
        return CHOSEN[name](label, limits)
    kind = _kind_of(declared)
    if kind == "boolean":
        return forms.BooleanField(label=label, required=False, initial=limits.default)
    if kind == "string":
        return forms.CharField(label=label, required=False, initial=limits.default)
    initial = DEFAULT_SIDE if name in SIDES and not limits.default else limits.default
    field = forms.IntegerField if kind == "integer" else forms.FloatField
    return field(label=label, required=False, initial=initial, widget=_number(name, kind, limits))


def size_rule(endpoint: Endpoint) -> str:
    """What sides it takes, as a sentence; empty where it has none."""
    if "width" not in schema_of(endpoint):
        return ""
    limits = limits_of(endpoint, "width")
    if limits.maximum is None:
        return OPEN_SIDES
    return CLOSED_SIDES.format(step=limits.multiple_of, least=limits.minimum, most=limits.maximum)


def note_defaults(fields: Mapping[str, forms.Field]) -> None:
    """Each tells the page where it stands untouched: such a one follows the next model that is picked."""
    for field in fields.values():
        field.widget.attrs["data-default"] = _as_in_page(field.initial)


def _as_in_page(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else ""
    return "" if value is None else str(value)


def _kind_of(declared: Mapping[str, Any]) -> str:
    """JSON's type of a parameter, which may be left open."""
    kinds = [variant.get("type") for variant in (declared, *declared.get("anyOf", []))]
    return next((str(kind) for kind in kinds if kind not in (None, "null")), "string")


def _number(name: str, kind: str, limits: Limits) -> forms.NumberInput:
    step = str(limits.multiple_of or SIDE_STEP) if name in SIDES else STEPS[kind]
    attrs = {"min": limits.minimum, "max": limits.maximum, "step": step, "data-multiple-of": limits.multiple_of}
    if name in SIDES and limits.maximum is None:
        attrs |= {"data-most-pixels": MAX_PIXELS}
    if name == "seed":
        attrs |= {"placeholder": "Random"}
    return forms.NumberInput({key: value for key, value in attrs.items() if value is not None})


class AspectSelect(forms.Select):
    """Shows also a ratio that is none of the usual ones, as a link or a program may have asked for it."""

    def optgroups(self, name: str, value: list[str], attrs: dict[str, Any] | None = None) -> list[Any]:
        offered = {choice for choice, _ in self.choices}
        others = [(each, each) for each in value if each and each not in offered]
        widget = type(self)(self.attrs, [*self.choices, *others])
        return super(AspectSelect, widget).optgroups(name, value, attrs)


def _aspect_field(endpoint: Endpoint, limits: Limits) -> forms.Field:
    """The usual ratios, each with the size that it makes; the schema judges what comes back."""
    choices = [(each, _aspect_label(endpoint, each)) for each in WIDEST_ASPECTS]
    if limits.default is None:
        choices.insert(0, ("", OPEN_ASPECT))
    return forms.CharField(
        label="Aspect ratio", required=False, initial=limits.default, widget=AspectSelect(choices=choices)
    )


def _aspect_label(endpoint: Endpoint, ratio: str) -> str:
    width, height = endpoint.inputs.model_construct(prompt="", aspect_ratio=ratio).size
    return f"{ratio} · {width} × {height}"


def _format_field(label: str, limits: Limits) -> forms.Field:
    choices = [(each.value, words) for each, words in FORMATS.items()]
    return forms.ChoiceField(label=label, choices=choices, required=False, initial=str(limits.default))


def _tolerance_field(label: str, limits: Limits) -> forms.Field:
    assert limits.minimum is not None
    assert limits.maximum is not None
    values = range(int(limits.minimum), int(limits.maximum) + 1)
    choices = [(value, TOLERANCES.get(value, str(value))) for value in values]
    return forms.TypedChoiceField(
        label=label, choices=choices, coerce=int, empty_value=None, required=False, initial=limits.default
    )


CHOSEN: dict[str, Callable[[str, Limits], forms.Field]] = {
    "output_format": _format_field,
    "safety_tolerance": _tolerance_field,
}
