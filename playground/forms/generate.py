"""The Playground's form: a model, a prompt, and exactly the parameters of the endpoint that the model picks."""

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.http import QueryDict

from dashboard.bfl.endpoints import FINETUNED_ENDPOINTS, Endpoint
from dashboard.bfl.inputs import MAX_PROMPT_CHARS, Inputs
from dashboard.lib.errors import DashboardError, NotFoundError
from dashboard.organizations.models import Organization
from finetunes.access import get_visible
from playground import inputs
from playground.forms.parameters import ASPECTS, DRAWN, OPEN_SIDES, SIDES, fields_of, note_defaults, size_rule
from playground.offered import BASE_GROUP, GROUP_LABELS, Model, base_models, find_model, model_of
from playground.queries import callable_finetunes
from playground.references.chosen import ChosenImage, find_images
from playground.services.generating import Job

MAX_COUNT = 8
PICK = "Pick a model"
REQUIRED_PROMPT = "Write what the image should show."
REQUIRED_MODEL = "Pick a model."
TOO_MANY_IMAGES = "{model} takes {images} at most: remove {over}."
REFERENCE_GONE = "A reference image is no longer here. It was left out; lay it in again if it is needed."
LAST_SEED = "{count} images take {count} seeds in a row from this one. Use a smaller seed."


class ModelSelect(forms.Select):
    """Options carry what the page shows of the one that is picked."""

    models: Mapping[str, Model]

    def create_option(self, name: str, value: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option = super().create_option(name, value, *args, **kwargs)
        if model := self.models.get(str(value)):
            option["attrs"]["data-trigger"] = model.trigger_phrase
        return option


class GenerateForm(forms.Form):
    """One or more images with one model. After `is_valid`, `endpoint` and `jobs` are set."""

    model = forms.CharField(label="Model", widget=ModelSelect, error_messages={"required": REQUIRED_MODEL})
    prompt = forms.CharField(
        widget=forms.Textarea({"rows": 4, "maxlength": MAX_PROMPT_CHARS}),
        error_messages={"required": REQUIRED_PROMPT},
        strip=True,
    )
    references = forms.Field(label="Reference images", required=False, widget=forms.MultipleHiddenInput)
    count = forms.IntegerField(label="Images", required=False, initial=1, min_value=1, max_value=MAX_COUNT)

    endpoint: Endpoint
    jobs: list[Job]

    def __init__(self, *args: Any, caller: Organization, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.caller = caller
        self.lacking = ""
        offered = self._offered()
        self.picked = self._pick(offered)
        self._offer(offered)
        self.parameters = fields_of(self.endpoint_shown)
        if self.picked and self.picked.recommended_strength is not None:
            self.parameters["finetune_strength"].initial = self.picked.recommended_strength
        note_defaults({**self.parameters, "count": self.fields["count"]})
        self.fields.update(self.parameters)
        self.images = self._find_images()

    @classmethod
    def from_link(cls, query: QueryDict, *, caller: Organization) -> "GenerateForm":
        """The form as a link fills it: what it gives stands in it, also what is wrong, which is told at its field."""
        plain = cls({"model": query["model"]} if "model" in query else None, caller=caller)
        given = {name: query[name] for name in plain.fields if name in query}
        if not any(given.values()):
            return cls(caller=caller)
        data = QueryDict(mutable=True)
        for name, value in (plain.defaults | given).items():
            data[name] = str(value)
        data.setlist("references", query.getlist("references"))
        if plain.picked:
            data["model"] = plain.picked.value  # as the picker calls it, whatever the link does
        form = cls(data, caller=caller)
        told = {name for name, value in given.items() if value} | ({"width"} if given.get("height") else set())
        for name in [name for name in form.errors if name not in told or name == "model"]:
            del form.errors[name]
        return form

    # --- What it stands on -----------------------------------------------------------------------------------

    def _offered(self) -> dict[str, list[Model]]:
        """In the groups of the picker; finetunes as far as a plain list goes, the search finds the others."""
        groups = callable_finetunes(self.caller)
        found = {
            GROUP_LABELS[source]: [model_of(finetune, self.caller) for finetune in finetunes]
            for source, finetunes in groups.items()
        }
        return {**found, BASE_GROUP: base_models()}

    def _pick(self, offered: Mapping[str, Iterable[Model]]) -> Model | None:
        """The model that the form asks for, or the first one; None where it asks for one that is not here."""
        known = {model.value: model for models in offered.values() for model in models}
        value = self["model"].value()
        if value is None:
            return next(iter(known.values()))
        if not value or value in known:
            return known.get(value)
        try:
            return find_model(self.caller, str(value))
        except NotFoundError:
            self.lacking = str(value)
            return None

    def _offer(self, offered: Mapping[str, Iterable[Model]]) -> None:
        widget = self.fields["model"].widget
        assert isinstance(widget, ModelSelect)
        widget.models = {model.value: model for models in offered.values() for model in models}
        groups: list[Any] = [(label, [(m.value, m.name) for m in models]) for label, models in offered.items()]
        if self.picked is None:  # the picker must not silently stand on another
            groups.insert(0, ("", PICK))
        elif self.picked.value not in widget.models:
            widget.models[self.picked.value] = self.picked
            groups.insert(0, (self.picked.value, self.picked.name))
        widget.choices = groups
        self.has_finetunes = any(model.finetune for model in widget.models.values())

    def _find_images(self) -> list[ChosenImage]:
        """The reference images that the form names and that are here; `lost` tells how many are not."""
        asked = list(dict.fromkeys(self["references"].value() or []))
        found = find_images(self.caller, asked[: MAX_COUNT * 2])
        self.lost = len(asked) - len(found)
        return list(found.values())

    @property
    def notice(self) -> str:
        """What to say of a model that a link asks for and the caller may not use."""
        try:
            return "" if not self.lacking else str(get_visible(self.caller, self.lacking))
        except NotFoundError as error:
            return error.message

    def tell(self, error: DashboardError) -> None:
        """At the field that it names, which is `model` for a finetune; else above the form."""
        told = error.errors if isinstance(error, inputs.InvalidFieldsError) else {error.field or "": error.message}
        for name, message in told.items():
            field = "model" if name == "finetune_id" else name
            self.add_error(field if field in self.fields else None, message)

    @property
    def defaults(self) -> dict[str, Any]:
        """What stands in an untouched form, by field."""
        return {name: field.initial for name, field in self.fields.items() if field.initial is not None}

    @property
    def other_parameters(self) -> list[forms.BoundField]:
        """Those that the page draws by their type alone."""
        return [self[name] for name in self.parameters if name not in DRAWN]

    @property
    def aspects(self) -> list[tuple[str, ...]]:
        """Proposals for the size: width and height of each."""
        return [tuple(aspect.split(":")) for aspect in ASPECTS]

    @property
    def size_rule(self) -> str:
        """What sides the endpoint takes."""
        return size_rule(self.endpoint_shown)

    @property
    def may_follow_image(self) -> bool:
        """Whether sides that are left open are those of the first reference image."""
        return self.size_rule == OPEN_SIDES

    @property
    def endpoint_shown(self) -> Endpoint:
        """Whose parameters stand in the form: those of a finetune while none is picked."""
        return self.picked.endpoint if self.picked else FINETUNED_ENDPOINTS[0]

    @property
    def most_images(self) -> int:
        """Reference images that the endpoint takes."""
        return len(self.endpoint_shown.inputs.image_fields)

    @property
    def too_many_images(self) -> str:
        """Says so where more are laid in than the endpoint takes."""
        over = len(self.images) - self.most_images
        if self.picked is None or over <= 0:
            return ""
        images = "one reference image" if self.most_images == 1 else f"{self.most_images} reference images"
        return TOO_MANY_IMAGES.format(model=self.picked.name, images=images, over=over)

    # --- What it asks for ------------------------------------------------------------------------------------

    def cost(self) -> int | None:
        """Millicredits for the form as it stands, before anything else is filled in; None for an impossible size."""
        if self.picked is None:
            return None
        shape = {name: self[name].value() for name in (*SIDES, "aspect_ratio") if name in self.parameters}
        try:
            parsed = self._parse({"prompt": "", **{k: v for k, v in shape.items() if v}})
        except inputs.InvalidFieldsError:
            return None
        first = self.images[0].size if self.images else None
        each = inputs.cost_of(self.picked.endpoint, parsed.size_after(first), len(self.images))
        return each * self.count_asked

    @property
    def count_asked(self) -> int:
        """As far as it is a number of images at all, read as the field itself does."""
        try:
            count = self.fields["count"].to_python(self["count"].value())
        except forms.ValidationError:
            return 1
        return min(max(count or 1, 1), MAX_COUNT)

    def clean_references(self) -> list[str]:
        if self.too_many_images:
            raise forms.ValidationError(self.too_many_images)
        if self.lost:
            raise forms.ValidationError(REFERENCE_GONE)
        return [image.value for image in self.images]

    def clean(self) -> dict[str, Any]:
        if self.picked is None:
            if "model" not in self.errors:
                self.add_error("model", self.notice or REQUIRED_MODEL)
            return self.cleaned_data
        found = {name: self.cleaned_data.get(name) for name in ("prompt", *self.parameters)}
        given = {name: value for name, value in found.items() if value not in (None, "")}
        try:
            first = self._parse(given)
        except inputs.InvalidFieldsError as error:
            # A field that already is wrong, an empty prompt for one, is missing here and needs no second sentence.
            for field, message in error.errors.items():
                if field not in self.errors:
                    self.add_error(field if field in self.fields else None, message)
            return self.cleaned_data
        self.endpoint = self.picked.endpoint
        self.jobs = self._jobs(first)
        return self.cleaned_data

    def _parse(self, given: Mapping[str, Any]) -> Inputs:
        assert self.picked
        own = {"finetune_id": self.picked.value} if self.picked.finetune else {}
        return inputs.parse(self.picked.endpoint, {**own, **given})

    def _jobs(self, first: Inputs) -> list[Job]:
        """One an image. A seed counts on from one to the next, so that each can be made again by its own."""
        references = [image.source for image in self.images]
        count = self.cleaned_data.get("count") or 1
        seeds = [None if first.seed is None else first.seed + place for place in range(count)]
        if seeds[-1] is not None and seeds[-1] > self.parameters["seed"].widget.attrs["max"]:
            self.add_error("seed", LAST_SEED.format(count=count))
        return [Job(first.model_copy(update={"seed": seed}), references=references) for seed in seeds]
