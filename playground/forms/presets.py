"""Forms of presets: the Playground's form saved under a name, and a new name for one."""

from typing import Any
from uuid import UUID

from django import forms
from django.http import QueryDict

from dashboard.bfl.inputs import MAX_PROMPT_CHARS
from dashboard.lib.errors import DashboardError
from dashboard.organizations.models import Membership
from playground.forms.generate import GenerateForm
from playground.models import Preset
from playground.services import presets

NAME_CHARS = Preset._meta.get_field("name").max_length
# Of every field but the prompt: model, numbers and choices.
VALUE_CHARS = 200
REFERENCES = "references"
TOO_LONG = "What stands in {label} is too long to be kept. Go back and make it shorter."
ME, ORGANIZATION = "me", "organization"


def values_of(form: GenerateForm) -> dict[str, str]:
    """What stands in the fields of a form, right or wrong; without what is empty and without reference images."""
    found = {name: form[name].value() for name in form.fields if name != REFERENCES}
    # No database takes a NUL in a text.
    return {name: str(value).replace("\0", "") for name, value in found.items() if value not in (None, "")}


class NameForm(forms.Form):
    prefix = "preset"  # the Playground's form may be sent along
    name = forms.CharField(
        label="Name",
        max_length=NAME_CHARS,
        widget=forms.TextInput({"autocomplete": "off", "autofocus": True}),
        error_messages={"required": "Give the preset a name."},
    )

    def __init__(self, *args: Any, membership: Membership, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.membership = membership

    def clean_name(self) -> str:
        """On one line, as the menu shows it."""
        return " ".join(self.cleaned_data["name"].split())

    def tell(self, error: DashboardError) -> None:
        self.add_error(error.field if error.field in self.fields else None, error.message)


class SaveForm(NameForm):
    """Name and reach of a preset, with all that the Playground's form said. `taken` is who has the name already."""

    scope = forms.ChoiceField(label="Who can use it", widget=forms.RadioSelect, initial=ME)

    taken: Preset | None = None

    def __init__(self, sent: QueryDict, *, membership: Membership, current: Preset | None) -> None:
        is_asked = self.name_in(sent)
        initial = {"name": current.name, "scope": ME if current.user_id else ORGANIZATION} if current else {}
        super().__init__(sent if is_asked else None, membership=membership, initial=initial)
        self.fields["name"].widget.attrs["list"] = "preset-names"
        self.fields["scope"].choices = [  # type: ignore[attr-defined]
            (ME, "Only me"),
            (ORGANIZATION, f"Everyone in {membership.organization.name} who generates"),
        ]
        self.generate = GenerateForm(sent, caller=membership.organization)
        self.replacing = _uuid(sent.get("preset-replace", ""))

    @staticmethod
    def name_in(sent: QueryDict) -> bool:
        """Whether the name was asked for already; the Playground's own form sends none."""
        return "preset-name" in sent

    @property
    def carried(self) -> list[tuple[str, str]]:
        """The Playground's form by name and value, for the way there and back."""
        references = [(REFERENCES, image.value) for image in self.generate.images]
        return [*values_of(self.generate).items(), *references]

    def clean(self) -> dict[str, Any]:
        for name, value in values_of(self.generate).items():
            if len(value) > (MAX_PROMPT_CHARS if name == "prompt" else VALUE_CHARS):
                self.add_error(None, TOO_LONG.format(label=self.generate[name].label))
        return self.cleaned_data

    def save(self) -> Preset | None:
        """None after a refusal, which the form tells; or asks, where `taken` is set."""
        if not self.is_valid():
            return None
        name, is_shared = self.cleaned_data["name"], self.cleaned_data["scope"] == ORGANIZATION
        try:
            return presets.save(
                self.membership, name, values_of(self.generate), is_shared=is_shared, replacing=self.replacing
            )
        except presets.NameTakenError as error:
            self.taken = error.preset
        except DashboardError as error:
            self.tell(error)
        return None


class RenameForm(NameForm):
    def __init__(self, *args: Any, preset: Preset, membership: Membership) -> None:
        super().__init__(*args, membership=membership, initial={"name": preset.name})
        self.preset = preset

    def rename(self) -> bool:
        """Whether it was; a refusal is told at its field."""
        if not self.is_valid():
            return False
        try:
            presets.rename(self.preset, self.membership, self.cleaned_data["name"])
        except DashboardError as error:
            self.tell(error)
            return False
        return True


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
