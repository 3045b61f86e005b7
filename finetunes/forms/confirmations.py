"""Forms that end or rename a finetune: where others rely on it, its name is typed first."""

from typing import Any

from django import forms

from dashboard.lib.errors import DashboardError
from dashboard.organizations.models import User
from finetunes.models import NAME_MAX, Finetune
from finetunes.services import names, trash

AS_IS = {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}


class TypedNameForm(forms.Form):
    """What is typed must be the name, to the letter."""

    typed = forms.CharField(strip=False, widget=forms.TextInput(AS_IS))

    def __init__(self, *args: Any, finetune: Finetune, must_type: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.finetune = finetune
        if must_type:
            self.fields["typed"].label = f"Type {finetune.name} to confirm"
            self.fields["typed"].error_messages["required"] = f"Type {finetune.name} to confirm."
        else:
            del self.fields["typed"]

    def clean_typed(self) -> str:
        typed: str = self.cleaned_data["typed"]
        if typed.strip() != self.finetune.name:
            raise forms.ValidationError(f"This is not {self.finetune.name}. Type the name exactly.")
        return typed


class DeleteForm(TypedNameForm):
    def discard(self, by: User) -> bool:
        """Whether it lies in the trash now; False with what was refused."""
        if not self.is_valid():
            return False
        trash.discard(self.finetune, by=by)  # who came second finds it there
        return True


class RemoveForm(TypedNameForm):
    def remove(self) -> bool:
        """Whether it is gone for good; False with what was refused."""
        if not self.is_valid():
            return False
        if not trash.remove(self.finetune):
            self.add_error(None, "It lies in the trash no more: somebody restored it meanwhile.")
            return False
        return True


class RenameForm(TypedNameForm):
    name = forms.CharField(
        label="New name",
        max_length=NAME_MAX,
        error_messages={"required": "Type the new name."},
        # The hyphen is escaped because browsers read patterns with the `v` flag.
        widget=forms.TextInput({**AS_IS, "pattern": r"[a-z0-9_\-]+", "autofocus": True}),
        help_text="Lowercase letters, digits, hyphens and underscores.",
    )
    field_order = ("name", "typed")

    def rename(self) -> bool:
        """Whether it has the new name; False with what was refused at the field that it is about."""
        if not self.is_valid():
            return False
        try:
            if names.rename_finetune(self.finetune, self.cleaned_data["name"]):
                return True
            self.add_error(None, "It was renamed or deleted meanwhile. Load the page again.")
        except DashboardError as error:
            self.add_error(error.field, error.message)
        return False
