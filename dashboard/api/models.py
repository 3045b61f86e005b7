"""Requests that carried an `Idempotency-Key`, and what they were answered with."""

import uuid

from django.db import models

from dashboard.organizations.models import Organization


class IdempotentRequest(models.Model):
    """One request under its key. `status` is empty while it is being worked on; `id` names what it makes.

    Ids of what a request makes are derived from its `id`: who repeats one whose worker died finds what it made.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="+")
    key = models.CharField("Idempotency-Key", max_length=255)
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of method, path and body, in hex.")
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    answer = models.BinaryField(default=bytes, help_text="The body of the answer.")
    headers = models.JSONField(default=dict, help_text="The headers of the answer, as its call set them.")
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)
    leased_until = models.DateTimeField(help_text="A worker that has not answered by then is taken for dead.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organization", "key"], name="idempotency_key_once")]

    def __str__(self) -> str:
        return f"{self.organization}: {self.key}"
