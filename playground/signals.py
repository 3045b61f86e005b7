"""What the Playground tells itself across the order of its rooms."""

from django.dispatch import Signal

# A webhook may be sent, in so many `seconds`. Whoever misses it loses nothing: the sweeper comes.
webhook_due = Signal()
