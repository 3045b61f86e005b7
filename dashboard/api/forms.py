"""The form of the API reference that makes a key for trying calls."""

from django import forms

from dashboard.organizations.forms.keys import SCOPE_CHOICES
from dashboard.organizations.roles import Scope


class TrialKeyForm(forms.Form):
    scope = forms.ChoiceField(
        choices=SCOPE_CHOICES,
        initial=Scope.GENERATE,
        help_text="What the calls below may do with it. Images cost credits as they always do.",
    )
