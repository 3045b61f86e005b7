"""Webhooks: where the end of a generation is told, and each try to tell it."""

from django.db import models
from django.db.models import Q

from dashboard.organizations.models import Organization, User
from playground.models.generations import Generation


class WebhookState(models.TextChoices):
    """`waiting` for its generation to end, `due` from then on, until it was taken or given up."""

    WAITING = "waiting", "Waiting for the image"
    DUE = "due", "To be sent"
    DELIVERED = "delivered", "Delivered"
    GIVEN_UP = "given_up", "Given up"


class WebhookQuerySet(models.QuerySet["Webhook"]):
    def of_caller(self, organization: Organization) -> "WebhookQuerySet":
        return self.filter(generation__organization=organization)

    def in_reach(self, webhook_id: int, state: WebhookState) -> "WebhookQuerySet":
        """One webhook, if it still stands in `state`: what a conditional UPDATE starts with."""
        return self.filter(pk=webhook_id, state=state)


class Webhook(models.Model):
    """Where a generation's end is to be told, and whether it has been."""

    generation = models.OneToOneField(Generation, models.CASCADE, related_name="webhook")
    url = models.CharField("URL", max_length=2083)
    secret = models.TextField(blank=True, help_text="Sealed; it signs each delivery.")
    state = models.CharField(max_length=20, choices=WebhookState.choices, default=WebhookState.WAITING)
    due_at = models.DateTimeField(null=True, blank=True, help_text="When the next try may begin.")
    tries = models.PositiveSmallIntegerField(default=0, help_text="Those of the schedule, without what was resent.")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = WebhookQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["due_at"], condition=Q(state="due"), name="webhook_due")]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=WebhookState.values), name="webhook_state_known"),
        ]

    def __str__(self) -> str:
        return f"{self.url} ({self.state})"


class WebhookDelivery(models.Model):
    """One try to deliver a webhook, and what came of it."""

    webhook = models.ForeignKey(Webhook, models.CASCADE, related_name="deliveries")
    resent_by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")
    status = models.PositiveSmallIntegerField(null=True, blank=True, help_text="HTTP status; empty without an answer.")
    error = models.CharField(max_length=200, blank=True, help_text="Why there was no answer.")
    seconds = models.FloatField(default=0.0)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"{self.webhook_id}: {self.status or self.error}"
