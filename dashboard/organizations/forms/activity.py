"""The filter of the activity log."""

from urllib.parse import urlencode

from django import forms

from dashboard.lib.periods import PeriodForm
from dashboard.organizations.activity import Filter
from dashboard.organizations.events import Kind

UNKNOWN_KIND = "There is no such kind of activity. Choose one of the list."


class ActivityFilterForm(PeriodForm):
    """Read from the address of the page; names are suggested by the list `activity-names`."""

    who = forms.CharField(
        label="Person or key",
        required=False,
        max_length=254,
        widget=forms.TextInput({"list": "activity-names", "autocomplete": "off", "placeholder": "Anyone"}),
    )
    kind = forms.ChoiceField(
        required=False,
        choices=[("", "Everything"), *Kind.choices],
        error_messages={"invalid_choice": UNKNOWN_KIND},
    )
    field_order = ("who", "kind", "since", "until")

    @property
    def wanted(self) -> Filter:
        """What a valid form asks for."""
        data = self.cleaned_data
        kind = Kind(data["kind"]) if data["kind"] else None
        return Filter(data["who"], kind, data["since"], data["until"])

    @property
    def query(self) -> str:
        """The fields that are filled in, for links to other pages of the same lines."""
        return urlencode({name: value for name, value in self.cleaned_data.items() if value})
