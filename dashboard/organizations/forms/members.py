"""The form of a member's role."""

from collections.abc import Mapping
from typing import Any

from django import forms

from dashboard.lib.errors import InvalidInputError
from dashboard.organizations.models import Membership
from dashboard.organizations.roles import Role
from dashboard.organizations.services import members

UNKNOWN_ROLE = "Choose one of the roles in the list."


class RoleForm(forms.Form):
    """One a row: its ids carry the member's."""

    role = forms.ChoiceField(choices=Role.choices, error_messages={"invalid_choice": UNKNOWN_ROLE})

    def __init__(self, data: Mapping[str, Any] | None = None, *, member: Membership) -> None:
        super().__init__(data, initial={"role": member.role}, auto_id=f"{member.pk}-%s")
        self.member = member
        self.fields["role"].widget.attrs["aria-label"] = f"Role of {member.user.email}"

    def save(self) -> bool | None:
        """Whether it was another role; None with what was refused at the field."""
        if not self.is_valid():
            return None
        try:
            return members.change_role(self.member, Role(self.cleaned_data["role"]))
        except InvalidInputError as error:
            self.add_error("role", error.message)
            return None
