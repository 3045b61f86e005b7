"""Messages whose toast offers to undo what they tell of."""

from django.contrib import messages
from django.contrib.messages.storage.base import Message
from django.http import HttpRequest

# A message carries the address of its Undo among its tags.
UNDO = "undo:"


def offer_undo(request: HttpRequest, text: str, url: str) -> None:
    """A success, with a button that posts to `url`; who answers there takes the change back."""
    messages.success(request, text, extra_tags=f"{UNDO}{url}")


def undo_url_of(message: Message) -> str:
    """Where its Undo posts to; empty for a message that offers none."""
    tags = message.extra_tags or ""
    return tags.removeprefix(UNDO) if tags.startswith(UNDO) else ""
