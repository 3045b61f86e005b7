"""Forms of one field each, for a finetune that is edited in place: what the browser sends; the services judge it."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from dashboard.lib.errors import InvalidInputError
from dashboard.organizations.models import Organization
from finetunes.models import BASE_MODEL_CHOICES, PRECISION_CHOICES, TRAINED_CHOICES, UPSTREAM_ALONE, Finetune
from finetunes.queries.listing import tags_of
from finetunes.services.editing import PROMPTS_MAX, edit_finetune
from finetunes.services.labels import set_tags

AS_TYPED = {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}


class FieldForm(forms.Form):
    """`title` is how it is called on a page of its own. After `save` it tells in `answer` what else is news."""

    title: ClassVar[str]
    answer = ""

    def __init__(self, finetune: Finetune, editor: Organization, data: Mapping[str, Any] | None = None) -> None:
        self.finetune, self.editor = finetune, editor
        # Several may be open on one page, in rows of the list.
        super().__init__(data, auto_id=f"id_{finetune.pk}_%s", initial=self.read())
        self._focus(next(iter(self.fields)))

    def read(self) -> dict[str, Any]:
        """What the finetune says now, by field."""
        return {name: getattr(self.finetune, name) for name in self.base_fields}

    def save(self) -> bool:
        """Whether it is saved; otherwise what was refused stands at its field."""
        if self.is_valid():
            try:
                self.write()
            except InvalidInputError as error:
                self.add_error(error.field if error.field in self.fields else None, error.message)
        for name in self.errors:
            if name in self.fields:
                self._focus(name)
                break
        return not self.errors

    def write(self) -> None:
        edit_finetune(self.finetune, self.cleaned_data)

    def _focus(self, name: str) -> None:
        for other, field in self.fields.items():
            field.widget.attrs["autofocus"] = other == name


class ServingForm(FieldForm):
    title = "Base Model"
    base_model = forms.ChoiceField(
        label="Base Model",
        choices=BASE_MODEL_CHOICES,
        error_messages={"invalid_choice": f"Choose one of these. {UPSTREAM_ALONE}"},
    )
    precision = forms.ChoiceField(choices=PRECISION_CHOICES, help_text="BF16: 9B (KV-cached) only.")

    def __init__(self, finetune: Finetune, editor: Organization, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(finetune, editor, data)
        if finetune.current_version_id:
            self.fields["base_model"].choices = TRAINED_CHOICES  # type: ignore[attr-defined]

    def write(self) -> None:
        if edit_finetune(self.finetune, self.cleaned_data):
            self.answer = f"It is called on {self.finetune.endpoint.path} now."


class TriggerPhraseForm(FieldForm):
    title = "Trigger Phrase"
    trigger_phrase = forms.CharField(
        label="Trigger Phrase",
        required=False,
        widget=forms.TextInput(AS_TYPED),
        help_text="The words that wake the LoRA. Leave it empty if there are none.",
    )


class DescriptionForm(FieldForm):
    title = "Description"
    description = forms.CharField(
        required=False,
        widget=forms.Textarea({"rows": 8}),
        help_text="Markdown: **bold**, *italics*, # headings, - lists, `code` and [links](https://…). "
        "Everyone who may use the finetune reads it.",
    )


class TagsForm(FieldForm):
    title = "Tags"
    tags = forms.CharField(required=False, widget=forms.TextInput(AS_TYPED))

    def __init__(self, finetune: Finetune, editor: Organization, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(finetune, editor, data)
        self.fields["tags"].help_text = format_html("Separated by commas. Only members of {} see them.", editor.name)

    def read(self) -> dict[str, Any]:
        return {"tags": ", ".join(tags_of(self.editor, self.finetune))}

    def write(self) -> None:
        set_tags(self.editor, self.finetune, self.cleaned_data["tags"].split(","))


class StrengthForm(FieldForm):
    title = "Recommended strength"
    # As text: a browser's own number field loses what is no number.
    recommended_strength = forms.CharField(
        label="Recommended strength",
        required=False,
        widget=forms.TextInput({"inputmode": "decimal", "autocomplete": "off"}),
        help_text="From 0, the base model alone, to 2. Leave it empty for 1, which is as trained.",
    )

    def clean_recommended_strength(self) -> str:
        return str(self.cleaned_data["recommended_strength"]).replace(",", ".")


class PromptsWidget(forms.Textarea):
    """One box a prompt, and an empty one for the next."""

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[str]:
        return list(data.getlist(name))

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        prompts = [*(prompt for prompt in value or [] if prompt), ""][: max(PROMPTS_MAX, len(value or []))]
        boxes = (
            (self._render_box(name, prompt, number, attrs or {}, renderer),) for number, prompt in enumerate(prompts)
        )
        return format_html(
            '<div class="prompt-boxes" data-prompts="{}">{}</div>', PROMPTS_MAX, format_html_join("", "{}", boxes)
        )

    def _render_box(self, name: str, prompt: str, number: int, attrs: dict[str, Any], renderer: Any) -> SafeString:
        own = {**attrs, "rows": 2, "aria-label": f"Example prompt {number + 1}"}
        if number:
            own |= {"id": f"{attrs['id']}_{number}", "autofocus": False}
        return super().render(name, prompt, own, renderer)


class PromptsField(forms.Field):
    widget = PromptsWidget


class PromptsForm(FieldForm):
    title = "Example prompts"
    example_prompts = PromptsField(
        label="Example prompts",
        required=False,
        help_text=f"Prompts that show it at its best, {PROMPTS_MAX} at most. An empty box is left out.",
    )


class LicenseForm(FieldForm):
    title = "License"
    license_note = forms.CharField(label="License", required=False, widget=forms.TextInput({"autocomplete": "off"}))

    def __init__(self, finetune: Finetune, editor: Organization, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(finetune, editor, data)
        own = type(finetune)(base_model=finetune.base_model).license
        self.fields["license_note"].help_text = f"Left empty or as it is for its base model: {own}."

    def read(self) -> dict[str, Any]:
        return {"license_note": self.finetune.license}


# By the field's name in its address. Tags have one of their own, because others than the owner's members set them.
FORMS: dict[str, type[FieldForm]] = {
    "serving": ServingForm,
    "trigger_phrase": TriggerPhraseForm,
    "description": DescriptionForm,
    "recommended_strength": StrengthForm,
    "example_prompts": PromptsForm,
    "license_note": LicenseForm,
}
