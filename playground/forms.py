"""The Playground's form, whose limits and judgement are the endpoint's declared inputs; and the filter of usage."""

from datetime import date, timedelta
from typing import Any

from django import forms

from dashboard.bfl.endpoints import FINETUNED_ENDPOINTS, Endpoint
from dashboard.bfl.schemas import Inputs
from dashboard.lib.errors import NotFoundError
from dashboard.lib.periods import PeriodForm
from dashboard.organizations.models import Organization
from finetunes.access import resolve_finetune
from finetunes.models import Finetune, Source
from playground import inputs
from playground.queries import callable_finetunes
from playground.usage import Period

# The six finetuned endpoints take the same parameters; the picked finetune decides which one validates.
DECLARED = FINETUNED_ENDPOINTS[0]
GROUP_LABELS = {
    Source.OWNED: "Finetunes · Owned",
    Source.THIRD_PARTY: "Finetunes · Shared with us",
    Source.OFFICIAL: "Finetunes · Official",
}
FORMATS = [("jpeg", "JPEG"), ("png", "PNG"), ("webp", "WebP")]
PARAMETERS = ("prompt", "finetune_strength", "seed", "width", "height", "output_format")
DAYS = (7, 30, 90)
DEFAULT_DAYS = 30
MOST_DAYS = 366
REQUIRED_PROMPT = "Write what the image should show."
REQUIRED_FINETUNE = "Pick a finetune."


class FinetuneSelect(forms.Select):
    """Options carry what the page shows when they are picked: trigger phrase and endpoint."""

    finetunes: dict[str, Finetune]

    def create_option(self, name: str, value: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option = super().create_option(name, value, *args, **kwargs)
        if finetune := self.finetunes.get(str(value)):
            option["attrs"]["data-trigger"] = finetune.trigger_phrase
            option["attrs"]["data-endpoint"] = finetune.endpoint.path
        return option


def _number(field: str, *, step: str, placeholder: str = "") -> forms.NumberInput:
    limits = inputs.limits_of(DECLARED, field)
    attrs = {"min": limits.minimum, "max": limits.maximum, "step": step, "placeholder": placeholder}
    return forms.NumberInput({key: value for key, value in attrs.items() if value not in (None, "")})


class GenerateForm(forms.Form):
    """One generation with one finetune. After `is_valid`, `endpoint` and `inputs` are set."""

    finetune = forms.ChoiceField(label="Model", widget=FinetuneSelect, error_messages={"required": REQUIRED_FINETUNE})
    prompt = forms.CharField(
        widget=forms.Textarea({"rows": 5}), error_messages={"required": REQUIRED_PROMPT}, strip=True
    )
    finetune_strength = forms.FloatField(
        label="Strength",
        required=False,
        initial=inputs.limits_of(DECLARED, "finetune_strength").default,
        widget=_number("finetune_strength", step="0.05"),
    )
    seed = forms.IntegerField(required=False, widget=_number("seed", step="1", placeholder="Random"))
    width = forms.IntegerField(required=False, initial=1024, widget=_number("width", step="16"))
    height = forms.IntegerField(required=False, initial=1024, widget=_number("height", step="16"))
    output_format = forms.ChoiceField(label="Format", choices=FORMATS, required=False, initial="jpeg")

    endpoint: Endpoint
    inputs: Inputs

    def __init__(self, *args: Any, caller: Organization, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.caller = caller
        groups = callable_finetunes(caller)
        field = self.fields["finetune"]
        assert isinstance(field, forms.ChoiceField)
        assert isinstance(field.widget, FinetuneSelect)
        field.choices = [
            (GROUP_LABELS[source], [(f.id_for(caller), f.name_for(caller)) for f in finetunes])
            for source, finetunes in groups.items()
        ]
        field.widget.finetunes = {f.id_for(caller): f for finetunes in groups.values() for f in finetunes}
        self.has_finetunes = bool(groups)

    @property
    def picked(self) -> Finetune | None:
        """The finetune that the form stands on, or the first one."""
        widget = self.fields["finetune"].widget
        assert isinstance(widget, FinetuneSelect)
        found = widget.finetunes.get(str(self["finetune"].value()))
        return found or next(iter(widget.finetunes.values()), None)

    def cost(self) -> int | None:
        """Millicredits for the form as it stands, before anything else is filled in; None for an impossible size."""
        sides = {name: self[name].value() for name in ("width", "height")}
        if self.picked is None:
            return None
        endpoint = self.picked.endpoint
        try:
            parsed = inputs.parse(
                endpoint, {"finetune_id": "any", "prompt": "", **{k: v for k, v in sides.items() if v}}
            )
        except inputs.InvalidFieldsError:
            return None
        return inputs.cost_of(endpoint, inputs.size_of(parsed), len(parsed.images))

    def clean(self) -> dict[str, Any]:
        finetune_id = self.cleaned_data.get("finetune")
        if finetune_id is None:
            return self.cleaned_data
        found = {name: self.cleaned_data.get(name) for name in PARAMETERS}
        given = {name: value for name, value in found.items() if value not in (None, "")}
        try:
            self.endpoint = resolve_finetune(self.caller, finetune_id).endpoint
            self.inputs = inputs.parse(self.endpoint, {"finetune_id": finetune_id, **given})
        except NotFoundError as error:
            self.add_error("finetune", error.message)
        except inputs.InvalidFieldsError as error:
            # A field that already is wrong, an empty prompt for one, is missing here and needs no second sentence.
            for field, message in error.errors.items():
                if field not in self.errors:
                    self.add_error(field if field in self.fields else None, message)
        return self.cleaned_data


class UsageForm(PeriodForm):
    """The days that usage is told of: the last so many, unless it says from when to when."""

    days = forms.ChoiceField(
        required=False,
        choices=[("", ""), *((days, f"{days} days") for days in DAYS)],
        widget=forms.HiddenInput,
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        since, until = cleaned.get("since"), cleaned.get("until")
        if since and until and until - since >= timedelta(days=MOST_DAYS):
            self.add_error("until", f"At most {MOST_DAYS} days are summed up at once. Choose an earlier day.")
        for name, given in (("since", until), ("until", since)):
            if given and name not in self.errors and not cleaned.get(name):
                self.add_error(name, "Give both days, or neither.")
        return cleaned

    def period(self, today: date) -> Period:
        """What a valid form asks for."""
        if self.days_asked is None:
            return Period(self.cleaned_data["since"], self.cleaned_data["until"])
        return Period(today - timedelta(days=self.days_asked - 1), today)

    @property
    def days_asked(self) -> int | None:
        """The choice that the page shows as taken."""
        data = self.cleaned_data
        return None if data["since"] else int(data["days"] or DEFAULT_DAYS)
