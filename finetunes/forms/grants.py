"""The forms of sharing: whom to share with, until when and how much; the services judge it."""

from datetime import UTC, datetime
from typing import Any

from django import forms

from dashboard.lib.errors import DashboardError, InvalidInputError
from dashboard.lib.periods import NO_DATE, end_of
from dashboard.organizations.models import Membership, Organization
from finetunes.models import Finetune, Grant
from finetunes.services import grants

REQUIRED_ORG_ID = "Enter the organization ID of the recipient."


class LimitsForm(forms.Form):
    """Until when, and how many images a month; both may be left open."""

    expires_at = forms.DateField(
        label="Expires",
        required=False,
        input_formats=["%Y-%m-%d"],
        error_messages={"invalid": NO_DATE},
        help_text="At the end of this day (UTC).",
        widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
    )
    monthly_cap = forms.IntegerField(
        label="Images a month",
        required=False,
        error_messages={"invalid": grants.NO_CAP},
        help_text="Counted anew each month (UTC).",
        widget=forms.NumberInput({"min": 1, "max": grants.MOST_IMAGES, "step": 1, "placeholder": "No cap"}),
    )

    @classmethod
    def of(cls, grant: Grant) -> "LimitsForm":
        """Filled in with what stands; an expiry that has passed is not offered again."""
        day = grant.expires_at.astimezone(UTC).date() if grant.expires_at and grant.is_live else None
        return cls(initial={"expires_at": day, "monthly_cap": grant.monthly_cap})

    def clean_expires_at(self) -> datetime | None:
        day = self.cleaned_data["expires_at"]
        return end_of(day) if day else None

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        # Each alone, so that both are told at once.
        for expires_at, monthly_cap in ((cleaned.get("expires_at"), None), (None, cleaned.get("monthly_cap"))):
            try:
                grants.check_limits(expires_at, monthly_cap)
            except InvalidInputError as error:
                self.add_error(error.field, error.message)
        return cleaned

    @property
    def limits(self) -> dict[str, Any]:
        """What a valid form says, as arguments of the services."""
        return {name: self.cleaned_data[name] for name in ("expires_at", "monthly_cap")}

    def change(self, grant: Grant) -> bool:
        """Whether it was valid and is done."""
        if not self.is_valid():
            return False
        grants.change(grant, **self.limits)
        return True


class GrantForm(LimitsForm):
    """Names the recipient by ID; no name is told for less than a whole one, and few tries are free."""

    org_id = forms.CharField(
        label="Organization ID",
        max_length=40,
        error_messages={"required": REQUIRED_ORG_ID},
        help_text="Members of the recipient find it in their switcher and under Settings.",
        widget=forms.TextInput({"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
    )
    field_order = ["org_id", "expires_at", "monthly_cap"]

    standing: Grant | None = None  # the live grant that the organization of this ID has already

    def find(self, membership: Membership, finetune: Finetune) -> Organization | None:
        """The recipient; or None, with what was refused at its field."""
        if not self.is_valid():
            return None
        try:
            grants.count_lookup(membership.organization)
            recipient = grants.find_recipient(finetune, self.cleaned_data["org_id"])
            self._check_new(finetune, recipient)
        except DashboardError as error:
            self.add_error("org_id", error.message)
            return None
        return recipient

    def _check_new(self, finetune: Finetune, recipient: Organization) -> None:
        """One that expired is given anew."""
        grant = finetune.grants.filter(organization=recipient).first()
        if grant and grant.is_live:
            self.standing = grant
            raise InvalidInputError(f"{recipient.name} has this finetune already.")
