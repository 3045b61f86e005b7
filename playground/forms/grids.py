"""The form of a sweep: what all cells have in common, and the axes that they differ in."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django import forms

from dashboard.bfl.endpoints import FINETUNED_ENDPOINTS, Endpoint
from dashboard.lib.errors import InvalidInputError, NotFoundError
from dashboard.organizations.models import Organization
from finetunes.access import resolve_finetune
from finetunes.models import Finetune, Source
from playground import inputs
from playground.forms.parameters import fields_of
from playground.grids import STRENGTHS, AxisKind, Plan, make_plan, read_axis
from playground.queries import callable_finetunes
from playground.queries.boards import Allowance, allowance_of
from playground.references.chosen import find_images
from playground.services import sampling

DECLARED = FINETUNED_ENDPOINTS[0]
FORMATS = [("jpeg", "JPEG"), ("png", "PNG"), ("webp", "WebP")]
GROUP_LABELS = {Source.OWNED: "Owned", Source.THIRD_PARTY: "Shared with us", Source.OFFICIAL: "Official"}
KINDS = [(kind.value, kind.label) for kind in AxisKind]
MOST_IMAGES = len(DECLARED.inputs.image_fields)
DEFAULTS = {
    "across": AxisKind.STRENGTH.value,
    "across_values": STRENGTHS,
    "finetune_strength": "1.0",
    "width": "1024",
    "height": "1024",
    "output_format": "jpeg",
}
# By the names that the Playground's own form and links have.
COMMON = ("prompt", "finetune_strength", "seed", "width", "height", "output_format", "safety_tolerance")
REFERENCE_GONE = "A reference image is no longer here, or is one too many. It was left out."
TOO_MANY_REFERENCES = "This finetune takes fewer reference images. Remove some."
NO_PROMPT = "Write what the images should show."
NO_FINETUNE = "Pick a finetune."


@dataclass(frozen=True)
class Price:
    """Millicredits."""

    each: int
    total: int


def _number(field: str, step: str, placeholder: str = "") -> forms.NumberInput:
    limits = inputs.limits_of(DECLARED, field)
    attrs = {"min": limits.minimum, "max": limits.maximum, "step": step, "placeholder": placeholder}
    return forms.NumberInput({key: value for key, value in attrs.items() if value not in (None, "")})


def _values(rows: int = 2) -> forms.Textarea:
    return forms.Textarea({"rows": rows, "autocomplete": "off", "spellcheck": "false"})


class GridForm(forms.Form):
    """A sweep or grid. After `is_valid`, `endpoint`, `given` and `plan` are set; what can be told before is."""

    model = forms.ChoiceField(label="Finetune", error_messages={"required": NO_FINETUNE})
    prompt = forms.CharField(required=False, widget=forms.Textarea({"rows": 3}), strip=True)
    across = forms.ChoiceField(label="Across", choices=KINDS)
    across_values = forms.CharField(label="Values across", widget=_values())
    down = forms.ChoiceField(label="Down", choices=[("", "Nothing: one row"), *KINDS], required=False)
    down_values = forms.CharField(label="Values down", required=False, widget=_values())
    seed = forms.IntegerField(required=False, widget=_number("seed", "1", "Drawn once for all"))
    finetune_strength = forms.FloatField(label="Strength", widget=_number("finetune_strength", "0.05"))
    # Left open, they are those of the first reference image.
    width = forms.IntegerField(required=False, widget=_number("width", "16"))
    height = forms.IntegerField(required=False, widget=_number("height", "16"))
    output_format = forms.ChoiceField(label="Format", choices=FORMATS)
    safety_tolerance = fields_of(DECLARED)["safety_tolerance"]
    references = forms.Field(label="Reference images", required=False, widget=forms.MultipleHiddenInput)

    endpoint: Endpoint | None = None
    given: dict[str, Any]
    plan: Plan | None = None

    def __init__(self, *args: Any, caller: Organization, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.caller = caller
        self.images = list(find_images(caller, (self["references"].value() or [])[:MOST_IMAGES]).values())
        groups = callable_finetunes(caller)
        self.finetunes = {each.id_for(caller): each for found in groups.values() for each in found}
        field = self.fields["model"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [
            *self._beyond_the_list(),
            *(
                (GROUP_LABELS[source], [(each.id_for(caller), each.name_for(caller)) for each in finetunes])
                for source, finetunes in groups.items()
            ),
        ]

    def _beyond_the_list(self) -> list[tuple[str, str]]:
        """The finetune that was asked for, where it is not among the first: the list is cut, the picker is not."""
        asked = str(self["model"].value() or "")
        if asked in self.finetunes:
            return []
        try:
            finetune = resolve_finetune(self.caller, asked)
        except NotFoundError:
            return []
        self.finetunes[asked] = finetune
        return [(asked, finetune.name_for(self.caller))]

    @property
    def picked(self) -> Finetune | None:
        """Call `is_valid` before."""
        return self.finetunes.get(str(self.cleaned_data.get("model", "")))

    @cached_property
    def allowance(self) -> Allowance | None:
        """What the cap of a grant still allows; None where there is none."""
        return allowance_of(self.caller, self.picked) if self.picked else None

    @property
    def price(self) -> Price | None:
        """As far as it is filled in: None while size, finetune or axes are none. Call `is_valid` before."""
        if self.plan is None or self.picked is None:
            return None
        endpoint = self.picked.endpoint
        sides = {side: self.cleaned_data.get(side) or None for side in ("width", "height")}
        try:
            parsed = inputs.parse(endpoint, {"finetune_id": "any", "prompt": "", **sides})
        except inputs.InvalidFieldsError:
            return None
        first = self.images[0].size if self.images else None
        each = inputs.cost_of(endpoint, parsed.size_after(first), len(self.images))
        return Price(each, each * self.plan.count)

    @property
    def reason(self) -> str:
        """Why it cannot run as it stands: the first of its errors."""
        return next((str(error) for errors in self.errors.values() for error in errors), "")

    def clean(self) -> dict[str, Any]:
        cleaned = self.cleaned_data
        if len(self.images) < len(set(cleaned.get("references") or [])):
            self.add_error(None, REFERENCE_GONE)
        self.plan = self._read_plan()
        if self.plan and AxisKind.PROMPT not in self.plan.kinds and not cleaned.get("prompt"):
            self.add_error("prompt", NO_PROMPT)
        if self.plan and AxisKind.SEED not in self.plan.kinds and cleaned.get("seed") is None:
            cleaned["seed"] = sampling.draw_seed()
        if self.plan and self.allowance and (refusal := self.allowance.refusal(self.plan.count)):
            self.add_error("down_values" if self.plan.down else "across_values", refusal)
        if self.plan and not self.errors:
            self._judge(self.plan)
        return cleaned

    def _read_plan(self) -> Plan | None:
        cleaned = self.cleaned_data
        axes = []
        for direction in ("across", "down"):
            kind = cleaned.get(direction)
            if not kind:
                continue
            try:
                axes.append(read_axis(AxisKind(kind), cleaned.get(f"{direction}_values") or ""))
            except InvalidInputError as error:
                if f"{direction}_values" not in self.errors:
                    self.add_error(f"{direction}_values", error.message)
        if {"across", "across_values", "down", "down_values"} & set(self.errors):
            return None
        try:
            return make_plan(axes[0], axes[1] if len(axes) > 1 else None)
        except InvalidInputError as error:
            self.add_error(error.field, error.message)
            return None

    def _judge(self, plan: Plan) -> None:
        """Each cell as the endpoint takes it, so that nothing is held for a grid that breaks at its last prompt."""
        found = {name: self.cleaned_data.get(name) for name in COMMON}
        finetune_id = self.cleaned_data["model"]
        self.given = {name: value for name, value in found.items() if value not in (None, "")}
        self.given["finetune_id"] = finetune_id
        try:
            self.endpoint = resolve_finetune(self.caller, finetune_id).endpoint
            if len(self.images) > len(self.endpoint.inputs.image_fields):
                self.add_error(None, TOO_MANY_REFERENCES)
            for place in plan.places():
                inputs.parse(self.endpoint, {**self.given, **place.changes})
        except NotFoundError as error:
            self.add_error("model", error.message)
        except inputs.InvalidFieldsError as error:
            own = {plan.across.kind.field: "across_values"}
            if plan.down:
                own[plan.down.kind.field] = "down_values"
            for name, message in error.errors.items():
                field = own.get(name, name)
                self.add_error(field if field in self.fields else None, message)
