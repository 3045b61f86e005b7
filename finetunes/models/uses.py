"""How often finetunes are used: counts without prompts, which outlive the generations."""

from django.db import models
from django.db.models import Q

from dashboard.organizations.models import Organization
from finetunes.models.catalog import Finetune


class Use(models.Model):
    """Images of one caller with one finetune at one strength on one day (UTC): submitted, less what ended without one.

    `finetunes.services.uses` is its only writer.
    """

    finetune = models.ForeignKey(Finetune, models.CASCADE, related_name="uses")
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="+", verbose_name="caller")
    day = models.DateField()
    strength = models.PositiveSmallIntegerField(help_text="In tenths.")
    images = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["finetune", "organization", "day", "strength"], name="use_counted_once"),
            models.CheckConstraint(condition=Q(strength__lte=20), name="use_strength_in_range"),
        ]
        indexes = [models.Index(fields=["finetune", "day"], name="use_by_day")]

    def __str__(self) -> str:
        return f"{self.images} of {self.finetune} on {self.day}"
