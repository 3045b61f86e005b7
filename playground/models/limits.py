"""How much of this server an organization may use at once."""

from django.db import models

from dashboard.organizations.models import Organization


class TaskLimit(models.Model):
    """How many tasks of an organization's keys may be active at once, where an operator chose another number."""

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="task_limits")
    endpoint_name = models.CharField("endpoint", max_length=60, blank=True, help_text="Empty: all of them together.")
    most = models.PositiveIntegerField("active tasks")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organization", "endpoint_name"], name="task_limit_once")]

    def __str__(self) -> str:
        return f"{self.organization}, {self.endpoint_name or 'all endpoints'}: {self.most}"
