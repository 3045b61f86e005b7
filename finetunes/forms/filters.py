"""The catalog's filters as they stand in the address of the page: what is not understood there is left out."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.http import QueryDict

from dashboard.organizations.models import User
from finetunes.models import BASE_MODEL_CHOICES, PRECISION_CHOICES
from finetunes.queries import Tab
from finetunes.queries.listing import Filters, Sort

SEARCH_MAX = 200
# Of these a list is as it is without them.
DEFAULTS = {"tab": Tab.ALL.value, "sort": Sort.NAME.value}
# Each of these sends the form when it changes; the search does as one types.
CHOICE = {"class": "catalog-choice form-select"}
TOGGLE = {"class": "catalog-choice visually-hidden"}


class CatalogFilterForm(forms.Form):
    """Read with `read`; what it holds then is what it shows."""

    tab = forms.ChoiceField(choices=Tab.choices, required=False, widget=forms.HiddenInput)
    q = forms.CharField(
        label="Search",
        required=False,
        max_length=SEARCH_MAX,
        widget=forms.TextInput(
            {"type": "search", "id": "catalog-search", "placeholder": "Name, trigger phrase, tag, owner"}
        ),
    )
    base_model = forms.ChoiceField(
        label="Base model",
        choices=[("", "All base models"), *BASE_MODEL_CHOICES],
        required=False,
        widget=forms.Select(CHOICE),
    )
    precision = forms.ChoiceField(
        label="Precision",
        choices=[("", "All precisions"), *PRECISION_CHOICES],
        required=False,
        widget=forms.Select(CHOICE),
    )
    tag = forms.ChoiceField(label="Tag", required=False, widget=forms.Select(CHOICE))
    sort = forms.ChoiceField(
        label="Sort by",
        choices=[(sort.value, f"Sort: {sort.label}") for sort in Sort],
        required=False,
        widget=forms.Select(CHOICE),
    )
    favourites = forms.BooleanField(label="Favourites", required=False, widget=forms.CheckboxInput(TOGGLE))

    def __init__(self, data: QueryDict | dict[str, Any], *, tags: Sequence[str]) -> None:
        super().__init__(data, auto_id="catalog-%s")
        tag = self.fields["tag"]
        assert isinstance(tag, forms.ChoiceField)
        tag.choices = [("", "All tags"), *((name, name) for name in tags)]

    @property
    def choices(self) -> list[forms.BoundField]:
        """The fields that one chooses from a list."""
        return [self[name] for name in ("base_model", "precision", "tag", "sort")]

    @classmethod
    def read(cls, query: QueryDict, tags: Sequence[str]) -> "CatalogFilterForm":
        """A form with all of the address that is understood, and nothing else."""
        asked = cls(query, tags=tags)
        asked.full_clean()
        understood = {**DEFAULTS, **{name: value for name, value in asked.cleaned_data.items() if value}}
        form = cls(understood, tags=tags)
        form.full_clean()
        return form

    def wanted(self, user: User) -> Filters:
        data = self.cleaned_data
        return Filters(
            tab=Tab(data["tab"]),
            search=data["q"],
            base_model=data["base_model"],
            precision=data["precision"],
            tag=data["tag"],
            starred_by=user if data["favourites"] else None,
            sort=Sort(data["sort"]),
        )

    def query(self, **changed: str) -> str:
        """The filters that are set, for links to the same list; `changed` takes the place of some."""
        shown = {name: "1" if value is True else value for name, value in self.cleaned_data.items()} | changed
        return urlencode({name: value for name, value in shown.items() if value and DEFAULTS.get(name) != value})
