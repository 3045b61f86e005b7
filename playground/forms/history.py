"""The history's filters as they stand in the address of the page, what is ticked there, and the form of retention."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.http import QueryDict

from dashboard.bfl.endpoints import BY_NAME
from dashboard.lib.errors import InvalidInputError
from dashboard.organizations.models import User
from playground.queries.history import Choices, Filters, Standing
from playground.retention import MOST_DAYS

FIELD = "generation"
MOST_CHOSEN = 500
NONE_CHOSEN = "Nothing is selected. Tick at least one generation first."
TOO_MANY = f"At most {MOST_CHOSEN} generations go at once. Select fewer, and take the rest after them."
SEARCH_MAX = 200
ME, EVERYONE, PERSON, KEY = "me", "all", "person-", "key-"
# Of these the page is as it is without them.
DEFAULTS = {"who": ME}
# Each of these sends the form when it changes; the search does as one types.
CHOICE = {"class": "history-choice form-select"}
DAY = {"type": "date", "class": "history-choice form-control"}


class HistoryFilterForm(forms.Form):
    """Read with `read`; what it holds then is what it shows."""

    q = forms.CharField(
        label="Search prompts",
        required=False,
        max_length=SEARCH_MAX,
        widget=forms.TextInput({"type": "search", "id": "history-search", "placeholder": "Words of the prompt"}),
    )
    who = forms.ChoiceField(label="Made by", required=False, widget=forms.Select(CHOICE))
    finetune = forms.ChoiceField(label="Finetune", required=False, widget=forms.Select(CHOICE))
    state = forms.ChoiceField(
        label="State", choices=[("", "Any state"), *Standing.choices], required=False, widget=forms.Select(CHOICE)
    )
    endpoint = forms.ChoiceField(
        label="Endpoint",
        choices=[("", "All endpoints"), *((name, name) for name in BY_NAME)],
        required=False,
        widget=forms.Select(CHOICE),
    )
    since = forms.DateField(
        label="From", required=False, input_formats=["%Y-%m-%d"], widget=forms.DateInput(DAY, format="%Y-%m-%d")
    )
    until = forms.DateField(
        label="To", required=False, input_formats=["%Y-%m-%d"], widget=forms.DateInput(DAY, format="%Y-%m-%d")
    )
    starred = forms.BooleanField(
        label="Starred", required=False, widget=forms.CheckboxInput({"class": "history-choice visually-hidden"})
    )

    def __init__(self, data: QueryDict | dict[str, Any], *, choices: Choices) -> None:
        super().__init__(data, auto_id="history-%s")
        people = [(f"{PERSON}{pk}", email) for pk, email in choices.people]
        keys = [(f"{KEY}{pk}", name) for pk, name in choices.keys]
        self._offer("who", [(ME, "By me"), (EVERYONE, "By anyone"), ("People", people), ("API keys", keys)])
        self._offer("finetune", [("", "All finetunes"), *((name, name) for name in choices.finetunes)])

    def _offer(self, name: str, choices: Sequence[tuple[str, Any]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [choice for choice in choices if choice[1]]

    @property
    def selects(self) -> list[forms.BoundField]:
        return [self[name] for name in ("who", "finetune", "state", "endpoint")]

    @property
    def days(self) -> list[forms.BoundField]:
        return [self["since"], self["until"]]

    @classmethod
    def read(cls, query: QueryDict, choices: Choices) -> "HistoryFilterForm":
        """A form with all of the address that is understood, and nothing else."""
        asked = cls(query, choices=choices)
        asked.full_clean()
        understood = {**DEFAULTS, **{name: value for name, value in asked.cleaned_data.items() if value}}
        form = cls(understood, choices=choices)
        form.full_clean()
        return form

    def wanted(self, user: User) -> Filters:
        data = self.cleaned_data
        return Filters(
            **_read_who(data["who"], user),
            finetune=data["finetune"],
            endpoint=data["endpoint"],
            state=Standing(data["state"]) if data["state"] else None,
            starred=data["starred"],
            since=data["since"],
            until=data["until"],
            search=data["q"].strip(),
        )

    def query(self, **changed: str) -> str:
        """The filters that are set, for links to the same page; `changed` takes the place of some."""
        shown = {name: "1" if value is True else value for name, value in self.cleaned_data.items()} | changed
        return urlencode({name: value for name, value in shown.items() if value and DEFAULTS.get(name) != value})


def read_chosen(query: QueryDict) -> list[UUID]:
    """What is ticked. Raises InvalidInputError for nothing and for too many."""
    chosen = list(dict.fromkeys(found for value in query.getlist(FIELD) if (found := _read_id(value))))
    if not chosen:
        raise InvalidInputError(NONE_CHOSEN)
    if len(chosen) > MOST_CHOSEN:
        raise InvalidInputError(TOO_MANY)
    return chosen


class RetentionForm(forms.Form):
    days = forms.IntegerField(
        label="Days",
        required=False,
        min_value=1,
        max_value=MOST_DAYS,
        error_messages={
            "invalid": "Enter a whole number of days, or nothing.",
            "min_value": "Enter 1 day or more, or nothing to keep all for ever.",
            "max_value": f"Enter at most {MOST_DAYS} days, or nothing to keep all for ever.",
        },
        help_text="Leave it empty to keep everything for ever.",
    )


def _read_who(value: str, user: User) -> dict[str, int | None]:
    if value.startswith(PERSON):
        return {"person": int(value.removeprefix(PERSON))}
    if value.startswith(KEY):
        return {"key": int(value.removeprefix(KEY))}
    return {} if value == EVERYONE else {"person": user.pk}


def _read_id(value: str) -> UUID | None:
    try:
        return UUID(value)
    except ValueError:
        return None
