"""What a toast's template asks of its message."""

from django import template
from django.contrib.messages.storage.base import Message

from dashboard.lib import toasts

register = template.Library()


@register.filter
def undo_url(text: Message | str) -> str:
    """Of a toast that a script fills in later there is no message yet."""
    return toasts.undo_url_of(text) if isinstance(text, Message) else ""
