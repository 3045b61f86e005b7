"""Forms of an organization itself: found one, rename it, its avatar, and the confirmation of its end."""

from typing import Any

from django import forms

from dashboard.lib.errors import DashboardError
from dashboard.organizations.models import Organization, User
from dashboard.organizations.services import deletion, organizations
from dashboard.organizations.services.organizations import NAME_MAX, NO_NAME

NO_FILE = "Choose a picture first."


class OrganizationForm(forms.Form):
    """Its name is all that is asked for."""

    name = forms.CharField(
        label="Organization name",
        max_length=NAME_MAX,
        error_messages={"required": NO_NAME},
        widget=forms.TextInput({"autocomplete": "organization"}),
    )

    def create(self, founder: User) -> Organization | None:
        """The new organization; or None, with what was refused at the field."""
        if not self.is_valid():
            return None
        try:
            return organizations.create_organization(self.cleaned_data["name"], administrator=founder)
        except DashboardError as error:
            self.add_error(error.field, error.message)
            return None

    def rename(self, organization: Organization) -> bool:
        if not self.is_valid():
            return False
        organizations.rename_organization(organization, self.cleaned_data["name"])
        return True


class AvatarForm(forms.Form):
    avatar = forms.FileField(
        label="Picture",
        allow_empty_file=True,  # the service says what is wrong with an empty picture
        error_messages={"required": NO_FILE},
        widget=forms.FileInput({"accept": "image/png,image/jpeg,image/webp"}),
        help_text="PNG, JPEG or WebP, up to 2 MB. It is cut to a square.",
    )

    def change(self, organization: Organization) -> bool:
        if not self.is_valid():
            return False
        try:
            organizations.change_avatar(organization, self.cleaned_data["avatar"])
        except DashboardError as error:
            self.add_error(error.field, error.message)
            return False
        return True


class DeleteForm(forms.Form):
    """What is typed must be the name or the ID, to the letter."""

    typed = forms.CharField(
        label="Name or organization ID",
        strip=False,
        error_messages={"required": "Type the name or the organization ID."},
        widget=forms.TextInput({"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, organization: Organization, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.organization = organization

    def clean_typed(self) -> str:
        typed: str = self.cleaned_data["typed"]
        name, org_id = self.organization.name, self.organization.org_id
        if typed.strip() not in (name, org_id):
            raise forms.ValidationError(f"This is neither {name} nor {org_id}. Type one of them exactly.")
        return typed

    def delete(self) -> bool:
        if not self.is_valid():
            return False
        try:
            deletion.delete_organization(self.organization)
        except deletion.DeletionRefusedError as error:
            self.add_error(None, error.message)
            return False
        return True
