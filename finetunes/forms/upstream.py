"""The forms about the upstream: a finetune's name there, and the finetunes that are brought in from there."""

from typing import Any

from django import forms

from dashboard.bfl.endpoints import Precision
from dashboard.lib.errors import DashboardError
from dashboard.organizations.models import Membership
from finetunes.models import BASE_MODEL_CHOICES, NAME, NAME_MAX, PRECISION_CHOICES, Finetune
from finetunes.services.upstream import (
    IMPORTED_AT_ONCE,
    UPSTREAM_NAME_MAX,
    Import,
    InvalidRowsError,
    import_finetunes,
    propose,
    set_upstream_name,
)

PLAIN = {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}


class UpstreamNameForm(forms.Form):
    upstream_name = forms.CharField(
        label="Upstream name",
        required=False,
        max_length=UPSTREAM_NAME_MAX,
        help_text="Only if it has another name there.",
        widget=forms.TextInput(PLAIN),
    )

    def __init__(self, data: Any = None, *, finetune: Finetune) -> None:
        super().__init__(data, initial={"upstream_name": finetune.upstream_name})
        self.finetune = finetune
        self.fields["upstream_name"].widget.attrs["placeholder"] = finetune.name

    def save(self) -> bool | None:
        """Whether it changed; None, with what was refused at the field."""
        if not self.is_valid():
            return None
        try:
            return set_upstream_name(self.finetune, self.cleaned_data["upstream_name"])
        except DashboardError as error:
            self.add_error(error.field if error.field in self.fields else None, error.message)
            return None


class ImportForm(forms.Form):
    """One finetune of the upstream's account; the fields are those of `Import`."""

    upstream_name = forms.CharField(max_length=UPSTREAM_NAME_MAX, widget=forms.HiddenInput)
    name = forms.CharField(
        max_length=NAME_MAX,
        validators=[NAME],
        error_messages={"required": "Give the finetune a name."},
        widget=forms.TextInput(PLAIN),
    )
    base_model = forms.ChoiceField(
        label="Base Model",
        choices=[("", "Choose…"), *BASE_MODEL_CHOICES],
        error_messages={"required": "Choose the base model that it was trained for."},
    )
    precision = forms.ChoiceField(choices=PRECISION_CHOICES, initial=Precision.FP8.value)
    trigger_phrase = forms.CharField(
        label="Trigger Phrase", required=False, max_length=200, widget=forms.TextInput(PLAIN)
    )

    def refuse(self, errors: dict[str, str]) -> None:
        for field, message in errors.items():
            # What is wrong with a hidden field must be read all the same.
            self.add_error(None if field == "upstream_name" else field, message)


class ImportForms(
    forms.formset_factory(  # type: ignore[misc]  # the class is made here
        ImportForm, extra=0, min_num=1, max_num=IMPORTED_AT_ONCE, absolute_max=IMPORTED_AT_ONCE, validate_min=True
    )
):
    """The rows of an import."""

    @classmethod
    def propose(cls, membership: Membership, chosen: list[str]) -> "ImportForms":
        """Filled in with what is known of those that were chosen."""
        return cls(initial=[vars(row) for row in propose(membership.organization, chosen)])

    def save(self, membership: Membership) -> list[Finetune] | None:
        """The new finetunes; or None, with what was refused in its row. Raises what the service raises besides."""
        if not self.is_valid():
            return None
        rows = [Import(**form.cleaned_data) for form in self.forms]
        try:
            return import_finetunes(membership.organization, rows, created_by=membership.user)
        except InvalidRowsError as error:
            for at, errors in error.errors.items():
                self.forms[at].refuse(dict(errors))
            return None
