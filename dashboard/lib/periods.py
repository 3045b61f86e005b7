"""Spans of days, as filters ask for them; a day is one of UTC."""

from datetime import UTC, date, datetime, time
from typing import Any

from django import forms

TURNED = "This day lies before the one in From. Choose a later one."
NO_DATE = "Enter a date as 2026-01-31."


def start_of(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)


def end_of(day: date) -> datetime:
    return datetime.combine(day, time.max, UTC)


class PeriodForm(forms.Form):
    """From one day to another, both included; either may be left open."""

    since = forms.DateField(
        label="From",
        required=False,
        input_formats=["%Y-%m-%d"],
        error_messages={"invalid": NO_DATE},
        widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
    )
    until = forms.DateField(
        label="To",
        required=False,
        input_formats=["%Y-%m-%d"],
        error_messages={"invalid": NO_DATE},
        widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
    )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        since, until = cleaned.get("since"), cleaned.get("until")
        if since and until and until < since:
            self.add_error("until", TURNED)
        return cleaned
