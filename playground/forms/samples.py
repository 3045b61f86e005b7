"""The form of a pair of samples."""

from django import forms

from dashboard.bfl.inputs import MAX_PROMPT_CHARS
from playground.services import sampling

REQUIRED_PROMPT = "Write what the images should show."


class MakeSamplesForm(forms.Form):
    """A pair of samples."""

    prompt = forms.CharField(
        widget=forms.Textarea({"rows": 3}),
        max_length=MAX_PROMPT_CHARS,
        error_messages={"required": REQUIRED_PROMPT},
        help_text="The trigger phrase belongs in it.",
    )
    seed = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=sampling.SEEDS - 1,
        widget=forms.NumberInput({"min": 0, "max": sampling.SEEDS - 1, "step": 1, "placeholder": "Random"}),
    )
