"""The forms that make API keys: a new one, and one in the place of another."""

from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID, uuid4

from django import forms
from django.db.models import IntegerChoices, TextChoices
from django.utils import timezone

from dashboard.lib import once
from dashboard.lib.errors import DashboardError
from dashboard.organizations.models import ApiKey, Membership
from dashboard.organizations.roles import Scope
from dashboard.organizations.services import keys
from dashboard.organizations.services.keys import KeyAndSecret

NAME_MAX = 80
REQUIRED_NAME = "Give the key a name, for instance that of the program that will use it."
REQUIRED_DAY = "Choose the last day on which the key works."
BAD_DAY = "Write the day as year, month and day: 2027-03-31."
SENT_BEFORE = (
    "This form was sent before and its key was made. A secret is shown once: "
    "if you do not have it, revoke that key and create another."
)
SCOPE_CHOICES = [
    (Scope.EVERYTHING, "Everything"),
    (Scope.GENERATE, "Generate: make images, and read"),
    (Scope.READ, "Read: look at credits, catalog and results"),
    (Scope.MANAGE, "Manage: add and delete finetunes, and read; cannot spend credits"),
]


class Lifetime(TextChoices):
    NEVER = "never", "Never"
    WEEK = "7", "In 7 days"
    MONTH = "30", "In 30 days"
    QUARTER = "90", "In 90 days"
    YEAR = "365", "In 1 year"
    UNTIL = "until", "After a day that I choose"


class Overlap(IntegerChoices):
    """How many hours the replaced key goes on."""

    NONE = 0, "Not at all: it stops now"
    HOUR = 1, "1 hour"
    DAY = 24, "24 hours"
    WEEK = 168, "7 days"


class KeyForm(forms.Form):
    """Makes one key, however often the same form is sent."""

    request_id = forms.UUIDField(required=False, initial=uuid4, widget=forms.HiddenInput)

    def create(self, membership: Membership) -> KeyAndSecret | None:
        """The new key and its secret; or None, with what was refused at the field that it is about."""
        if not self.is_valid():
            return None
        token = self._token(membership)
        if not once.claim("api-key", token):
            self.add_error(None, SENT_BEFORE)
            return None
        try:
            return self.make(membership)
        except DashboardError as error:
            once.give_back("api-key", token)
            self.add_error(error.field if error.field in self.fields else None, error.message)
            return None

    def make(self, membership: Membership) -> KeyAndSecret:
        raise NotImplementedError

    def _token(self, membership: Membership) -> str:
        sent: UUID | None = self.cleaned_data["request_id"]
        return f"{membership.pk}:{sent}" if sent else ""


class CreateKeyForm(KeyForm):
    name = forms.CharField(
        max_length=NAME_MAX,
        error_messages={"required": REQUIRED_NAME},
        widget=forms.TextInput({"autocomplete": "off", "placeholder": "render farm", "autofocus": True}),
        help_text="What will use it. The name stands in the list and in the activity log.",
    )
    scope = forms.ChoiceField(
        choices=SCOPE_CHOICES,
        initial=Scope.EVERYTHING,
        help_text="What a program may do with it. A scope cannot be changed later.",
    )
    lifetime = forms.ChoiceField(label="Expires", choices=Lifetime.choices, initial=Lifetime.NEVER)
    expires_at = forms.DateField(
        label="Last day",
        error_messages={"required": REQUIRED_DAY, "invalid": BAD_DAY},
        widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
        help_text="The key works until that day is over, by UTC.",
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("lifetime") != Lifetime.UNTIL:
            self.errors.pop("expires_at", None)  # it is shown and asked for with that choice alone
        return data

    def make(self, membership: Membership) -> KeyAndSecret:
        return keys.mint_api_key(
            membership.organization,
            self.cleaned_data["name"],
            scope=Scope(self.cleaned_data["scope"]),
            expires_at=self._expires_at(),
            created_by=membership.user,
        )

    def _expires_at(self) -> datetime | None:
        lifetime = self.cleaned_data["lifetime"]
        if lifetime == Lifetime.NEVER:
            return None
        if lifetime == Lifetime.UNTIL:
            return _end_of(self.cleaned_data["expires_at"])
        return timezone.now() + timedelta(days=int(lifetime))


class RotateKeyForm(KeyForm):
    overlap = forms.TypedChoiceField(
        label="How long the old key goes on",
        choices=Overlap.choices,
        initial=Overlap.DAY,
        coerce=int,
        widget=forms.Select({"autofocus": True}),
        help_text="Time to give the new key to every program that has the old one.",
    )

    def __init__(self, *args: Any, key: ApiKey, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.key = key

    def make(self, membership: Membership) -> KeyAndSecret:
        overlap = timedelta(hours=self.cleaned_data["overlap"])
        return keys.rotate_api_key(self.key, overlap=overlap, created_by=membership.user)


def _end_of(day: date) -> datetime:
    """Midnight after the day; the last day that there is has none."""
    start = datetime.combine(day, time(), tzinfo=timezone.get_default_timezone())
    return start + timedelta(days=1) if day < date.max else start
