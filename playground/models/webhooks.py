"""Webhooks: where the end of a generation is told, and each try to tell it."""

from datetime import datetime

from django.db import models
from django.db.models import Q

from dashboard.organizations.models import Organization, User
from playground.models.generations import Generation


class WebhookState(models.TextChoices):
    """`waiting` for its generation to end; then `due` and `sending` by turns, until it was taken or given up."""

    WAITING = "waiting", "Waiting for the image"
    DUE = "due", "To be sent"
    SENDING = "sending", "Being sent"
    DELIVERED = "delivered", "Delivered"
    GIVEN_UP = "given_up", "Given up"


UNSENT_STATES = [WebhookState.DUE, WebhookState.SENDING]
# Nothing can be told before the end, and what is under way is not sent twice at once.
RESENDABLE_STATES = [WebhookState.DUE, WebhookState.DELIVERED, WebhookState.GIVEN_UP]


class WebhookQuerySet(models.QuerySet["Webhook"]):
    def of_caller(self, organization: Organization) -> "WebhookQuerySet":
        return self.filter(organization=organization)

    def in_reach(self, webhook_id: int, *states: WebhookState) -> "WebhookQuerySet":
        """One webhook, if it still stands in one of these states: what a conditional UPDATE starts with."""
        return self.filter(pk=webhook_id, state__in=states)

    def due(self, now: datetime) -> "WebhookQuerySet":
        """Also what is being sent, once its lease has ended. A deleted organization is told nothing more."""
        return self.filter(state__in=UNSENT_STATES, due_at__lte=now, organization__deleted_at=None)


class Webhook(models.Model):
    """Where a generation's end is to be told, and whether it has been."""

    generation = models.OneToOneField(Generation, models.CASCADE, related_name="webhook")
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="webhooks", verbose_name="caller")
    url = models.CharField("URL", max_length=2083)
    secret = models.TextField(blank=True, help_text="Sealed; it signs each delivery.")
    state = models.CharField(max_length=20, choices=WebhookState.choices, default=WebhookState.WAITING)
    due_at = models.DateTimeField(null=True, blank=True, help_text="When the next try may begin, or is taken for dead.")
    tries = models.PositiveSmallIntegerField(default=0, help_text="Those of the schedule, without what was resent.")
    resent_by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")
    delivered_at = models.DateTimeField(null=True, blank=True, help_text="When it was taken first.")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = WebhookQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["due_at"], condition=Q(state__in=["due", "sending"]), name="webhook_due"),
            models.Index(fields=["organization", "-id"], name="webhook_by_caller"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=WebhookState.values), name="webhook_state_known"),
        ]

    def __str__(self) -> str:
        return f"{self.url} ({self.state})"

    @property
    def is_resendable(self) -> bool:
        return self.state in RESENDABLE_STATES


class WebhookDelivery(models.Model):
    """One try to deliver a webhook, and what came of it."""

    webhook = models.ForeignKey(Webhook, models.CASCADE, related_name="deliveries")
    resent_by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")
    status = models.PositiveSmallIntegerField(null=True, blank=True, help_text="HTTP status; empty without an answer.")
    error = models.CharField(max_length=200, blank=True, help_text="Why it failed, where the status does not say.")
    seconds = models.FloatField(default=0.0)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"{self.webhook_id}: {self.status or self.error}"

    @property
    def is_success(self) -> bool:
        return self.status is not None and 200 <= self.status < 300
