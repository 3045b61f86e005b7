"""The filter of usage."""

from datetime import date, timedelta
from typing import Any

from django import forms

from dashboard.lib.periods import PeriodForm
from playground.queries.usage import Period

DAYS = (7, 30, 90)
DEFAULT_DAYS = 30
MOST_DAYS = 366


class UsageForm(PeriodForm):
    """The days that usage is told of: the last so many, unless it says from when to when."""

    days = forms.ChoiceField(
        required=False,
        choices=[("", ""), *((days, f"{days} days") for days in DAYS)],
        widget=forms.HiddenInput,
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        since, until = cleaned.get("since"), cleaned.get("until")
        if since and until and until - since >= timedelta(days=MOST_DAYS):
            self.add_error("until", f"At most {MOST_DAYS} days are summed up at once. Choose an earlier day.")
        for name, given in (("since", until), ("until", since)):
            if given and name not in self.errors and not cleaned.get(name):
                self.add_error(name, "Give both days, or neither.")
        return cleaned

    def period(self, today: date) -> Period:
        """What a valid form asks for."""
        if self.days_asked is None:
            return Period(self.cleaned_data["since"], self.cleaned_data["until"])
        return Period(today - timedelta(days=self.days_asked - 1), today)

    @property
    def days_asked(self) -> int | None:
        """The choice that the page shows as taken."""
        data = self.cleaned_data
        return None if data["since"] else int(data["days"] or DEFAULT_DAYS)
