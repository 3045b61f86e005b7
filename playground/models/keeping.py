"""How long generations are kept, and what the removed ones came to."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Coalesce

from dashboard.organizations.models import ApiKey, Organization, User
from finetunes.models import Finetune


class Retention(models.Model):
    """How long an organization keeps its generations; without one, or without days, for ever."""

    organization = models.OneToOneField(Organization, models.CASCADE, related_name="retention")
    days = models.PositiveSmallIntegerField(null=True, blank=True, help_text="Empty: for ever. Starred ones are kept.")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(days__isnull=True) | Q(days__gt=0), name="retention_days_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.organization}: {self.days or 'for ever'}"


class RemovedUsage(models.Model):
    """What removed generations of one day (UTC) came to; `playground.removed_usage` is its only writer.

    Of finetune, person and key it holds ids that outlive them: set to null, two rows would become the same.
    """

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="+", verbose_name="caller")
    day = models.DateField()
    finetune_id_sent = models.CharField("finetune ID", max_length=100, blank=True)
    endpoint_name = models.CharField("endpoint", max_length=60)
    finetune = models.ForeignKey(Finetune, models.DO_NOTHING, null=True, db_constraint=False, related_name="+")
    user = models.ForeignKey(User, models.DO_NOTHING, null=True, db_constraint=False, related_name="+", db_index=False)
    api_key = models.ForeignKey(
        ApiKey, models.DO_NOTHING, null=True, db_constraint=False, related_name="+", db_index=False
    )
    ready = models.PositiveIntegerField()
    failed = models.PositiveIntegerField()
    cost = models.BigIntegerField(help_text="Millicredits.")
    last_at = models.DateTimeField(help_text="When the last of them was asked for.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                *("organization", "day", "finetune_id_sent", "endpoint_name"),
                *(Coalesce(name, 0) for name in ("finetune", "user", "api_key")),
                name="removed_usage_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.organization} on {self.day}"
