"""What a generation's card and page ask of it: links for using it again, times, and what this member may do."""

from django import template
from django.http import HttpRequest
from django.template import RequestContext
from django.utils import timezone

from dashboard.lib.credits import as_text
from playground import workflow
from playground.models import Generation, State
from playground.references.chosen import Kind
from playground.reuse import Reuse, full_link, reuse_link
from playground.services import cancelling, comparing

register = template.Library()

AGAIN = "Try again; if it goes on, ask the operator of this server."
ADVICE = dict.fromkeys([workflow.NO_ANSWER, workflow.DIED, workflow.LOST], AGAIN)


@register.simple_tag(takes_context=True)
def reuse_url(context: RequestContext, generation: Generation, reuse: str) -> str:
    """A short link to the Playground with all inputs, all but the seed, the prompt or the seed filled in."""
    return reuse_link(context["organization"], generation, Reuse(reuse))


@register.filter
def as_input(generation: Generation) -> str:
    """What a form and a link call its image as a reference image."""
    return f"{Kind.RESULT}-{generation.pk}"


@register.simple_tag(takes_context=True)
def permalink_url(context: RequestContext, generation: Generation) -> str:
    """A link with all inputs as somebody else opens it: with scheme and host."""
    request: HttpRequest = context["request"]
    return request.build_absolute_uri(full_link(context["organization"], generation))


@register.simple_tag(takes_context=True)
def may_cancel(context: RequestContext, generation: Generation) -> bool:
    return cancelling.may_cancel(context["membership"], generation)


@register.filter
def place_in_words(generation: Generation) -> str:
    """For what is queued: `next in the queue`, `3 before it`. Empty for all else."""
    before: int | None = getattr(generation, "queued_before", None)
    if generation.state != State.QUEUED or before is None:
        return ""
    return f"{before:,} before it" if before else "next in the queue"


@register.filter
def mark(generation: Generation) -> str:
    """What changes whenever the card of an unfinished generation must be drawn anew."""
    return f"{generation.state}.{getattr(generation, 'queued_before', None) or 0}"


@register.filter
def elapsed(generation: Generation) -> int:
    """Whole seconds since it was asked for."""
    return max(0, int((timezone.now() - generation.created_at).total_seconds()))


@register.filter
def duration(generation: Generation) -> str:
    """From submission to its end: `3.4 s`; empty while it is not finished."""
    if generation.finished_at is None:
        return ""
    seconds = (generation.finished_at - generation.created_at).total_seconds()
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.1f} min"


@register.filter
def advice(generation: Generation) -> str:
    """What to do about an error; moderation's explanation says it already."""
    if generation.state != State.ERROR or generation.is_cancelled:
        return ""
    return ADVICE.get(generation.explanation, "Try again, or change the prompt or the size.")


@register.filter
def ended_in_words(generation: Generation) -> str:
    """For the live region."""
    if generation.image:
        return "Your image is ready."
    return f"{generation.status}. {generation.explanation} Not charged."


@register.filter
def moderation_reasons(generation: Generation) -> str:
    """As the provider gave them."""
    reasons = (generation.details or {}).get("Moderation Reasons", [])
    return ", ".join(str(reason) for reason in reasons) if isinstance(reasons, list) else ""


@register.filter
def has_base(generation: Generation) -> bool:
    return comparing.has_base(generation)


@register.filter
def base_cost_text(generation: Generation) -> str:
    """Credits for the same image at strength 0."""
    return as_text(comparing.base_cost(generation))
