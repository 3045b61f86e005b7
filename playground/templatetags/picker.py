"""What the picked model and the options of the picker show."""

from django import template
from django.template import RequestContext

from finetunes.queries.listing import WORD
from finetunes.queries.usage import Terms, terms_for
from playground.forms.generate import GenerateForm
from playground.offered import Model
from playground.queries import MOST_LISTED

register = template.Library()


@register.filter
def initials(model: Model) -> str:
    """Where there is no picture: of the first two words of its name."""
    words = WORD.findall(model.finetune.name if model.finetune else model.name.lower())
    return "".join(word[0] for word in words[:2]).upper() or "–"


@register.simple_tag(takes_context=True)
def terms_of(context: RequestContext, model: Model) -> Terms | None:
    """Of the grant by which the organization may use it, if that has any."""
    return terms_for(context["organization"], model.finetune) if model.finetune else None


@register.filter
def is_cut(form: GenerateForm) -> bool:
    """Whether the plain list ends before the catalog does."""
    offered = getattr(form.fields["model"].widget, "models", {})
    return sum(model.finetune is not None for model in offered.values()) >= MOST_LISTED
