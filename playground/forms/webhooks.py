"""The filter of the webhooks, and the button that sends one again."""

from enum import StrEnum
from uuid import UUID, uuid4

from django import forms

from dashboard.lib import once
from dashboard.lib.errors import DashboardError
from dashboard.organizations.models import Membership
from playground.models import Webhook, WebhookState
from playground.services.webhooks import resend


class Shown(StrEnum):
    """Which webhooks the list shows."""

    ALL = "all"
    WAITING = "waiting"
    DUE = "due"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"

    @property
    def label(self) -> str:
        return LABELS[self]

    @property
    def states(self) -> tuple[WebhookState, ...]:
        return STATES[self]

    @classmethod
    def read(cls, value: str | None) -> "Shown":
        """Out of an address; what is none of them shows all."""
        return cls(value) if value in list(cls) else cls.ALL


LABELS = {
    Shown.ALL: "All",
    Shown.WAITING: "Waiting",
    Shown.DUE: "To be sent",
    Shown.DELIVERED: "Delivered",
    Shown.GIVEN_UP: "Given up",
}
STATES: dict[Shown, tuple[WebhookState, ...]] = {
    Shown.ALL: (),
    Shown.WAITING: (WebhookState.WAITING,),
    Shown.DUE: (WebhookState.DUE, WebhookState.SENDING),
    Shown.DELIVERED: (WebhookState.DELIVERED,),
    Shown.GIVEN_UP: (WebhookState.GIVEN_UP,),
}


class ResendForm(forms.Form):
    """Sends a webhook once, however often the same form comes."""

    request_id = forms.UUIDField(required=False, initial=uuid4, widget=forms.HiddenInput)

    def send(self, webhook: Webhook, membership: Membership) -> None:
        """Raises what `resend` raises."""
        sent: UUID | None = self.cleaned_data.get("request_id") if self.is_valid() else None
        token = f"{membership.pk}:{webhook.pk}:{sent}" if sent else ""
        if not once.claim("webhook", token):
            return
        try:
            resend(webhook, by=membership.user)
        except DashboardError:
            once.give_back("webhook", token)
            raise
