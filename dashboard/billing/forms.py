"""The filter of the ledger."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode

from django import forms

from dashboard.billing.queries import month_before
from dashboard.organizations.models import Organization

MOST_MONTHS = 120
UNKNOWN_MONTH = "There are no entries of this month. Choose one of the list."
EVERYTHING = "all"


def months_since(first: date, last: date) -> Iterator[date]:
    """Newest first."""
    month = last.replace(day=1)
    for _ in range(MOST_MONTHS):
        yield month
        if month <= first:
            return
        month = month_before(month)


class LedgerFilterForm(forms.Form):
    """Read from the address of the page."""

    month = forms.ChoiceField(required=False, error_messages={"invalid_choice": UNKNOWN_MONTH})
    show = forms.ChoiceField(required=False, choices=[("", ""), (EVERYTHING, "")], widget=forms.HiddenInput)

    def __init__(self, *args: Any, organization: Organization, today: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        months = months_since(organization.created_at.date(), today)
        field = self.fields["month"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [("", "All months"), *((f"{month:%Y-%m}", f"{month:%B %Y}") for month in months)]

    @property
    def month_asked(self) -> date | None:
        value = self.cleaned_data["month"]
        return datetime.strptime(value, "%Y-%m").date() if value else None

    @property
    def everything(self) -> bool:
        return bool(self.cleaned_data["show"] == EVERYTHING)

    @property
    def query(self) -> str:
        return urlencode({name: value for name, value in self.cleaned_data.items() if value})
