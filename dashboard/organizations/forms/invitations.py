"""The form that invites a person."""

from django import forms

from dashboard.lib.errors import DashboardError
from dashboard.organizations.models import Membership
from dashboard.organizations.roles import Role
from dashboard.organizations.services import invitations
from dashboard.organizations.services.invitations import Sending


class InviteForm(forms.Form):
    email = forms.EmailField(
        label="E-mail",
        max_length=254,
        error_messages={
            "required": "Enter the e-mail address of the person.",
            "invalid": "This is not an e-mail address. Enter one such as mira@example.com.",
        },
        widget=forms.EmailInput({"autocomplete": "off", "autofocus": True}),
        help_text="The invitation goes there, and is for that address alone.",
    )
    role = forms.ChoiceField(
        choices=Role.choices,
        initial=Role.VIEWER,
        error_messages={"required": "Choose a role.", "invalid_choice": "Choose one of the roles in the list."},
    )

    @property
    def roles(self) -> list[Role]:
        return list(Role)

    def send(self, membership: Membership) -> Sending | None:
        """The invitation; or None, with what was refused at the field."""
        if not self.is_valid():
            return None
        email, role = self.cleaned_data["email"], Role(self.cleaned_data["role"])
        try:
            return invitations.invite(membership.organization, email, role, invited_by=membership.user)
        except DashboardError as error:
            self.add_error(error.field if error.field in self.fields else None, error.message)
            return None
