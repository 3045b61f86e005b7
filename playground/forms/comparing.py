"""The form of a comparison."""

from collections.abc import Iterable, Mapping

from django import forms
from django.utils.text import Truncator

from playground.models import Generation


class CompareForm(forms.Form):
    """Which two results to compare: among the newest, and those that are chosen already."""

    a = forms.ChoiceField(label="First result")
    b = forms.ChoiceField(label="Second result")

    def __init__(self, chosen: Mapping[str, Generation], recent: Iterable[Generation]) -> None:
        super().__init__(initial={name: str(generation.pk) for name, generation in chosen.items()})
        offered = {str(generation.pk): generation for generation in (*chosen.values(), *recent)}
        choices = [("", "Choose a result"), *((pk, _label_of(generation)) for pk, generation in offered.items())]
        for field in self.fields.values():
            assert isinstance(field, forms.ChoiceField)
            field.choices = choices


def _label_of(generation: Generation) -> str:
    """Short enough for a select: the prompt, and what tells results of one prompt apart."""
    strength = generation.inputs.get("finetune_strength")
    facts = [generation.finetune_id_sent, f"strength {strength}" if strength is not None else "", generation.seed]
    return " · ".join(filter(None, [Truncator(generation.prompt).chars(60), *facts]))
