"""Ledger entries, which are only ever added, and the account of each organization, which sums them."""

from django.db import models
from django.db.models import Q

from dashboard.lib.append_only import AppendOnly, AppendOnlyQuerySet
from dashboard.lib.credits import as_text
from dashboard.organizations.models import Organization


class Kind(models.TextChoices):
    """Money in is positive, money out negative; a hold is always closed by a release of the same size."""

    TOP_UP = "top_up", "Top-up"
    HOLD = "hold", "Hold"
    RELEASE = "release", "Release"
    SETTLE = "settle", "Settle"


class LedgerEntry(AppendOnly):
    """One movement of credits, in millicredits. `reference` names the event, so that none counts twice."""

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="ledger_entries")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    amount = models.BigIntegerField(help_text="Millicredits; negative is out.")
    reference = models.CharField(max_length=120, unique=True)
    note = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = AppendOnlyQuerySet["LedgerEntry"].as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "ledger entries"
        indexes = [models.Index(fields=["organization", "-id"], name="ledger_by_organization")]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=[Kind.TOP_UP, Kind.RELEASE], amount__gt=0)
                | Q(kind__in=[Kind.HOLD, Kind.SETTLE], amount__lt=0),
                name="ledger_sign_fits_kind",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.amount} ({self.reference})"

    @property
    def event(self) -> str:
        """What was booked, by its ID: a generation's, unless credits came in."""
        return self.reference.partition(":")[2]

    @property
    def amount_text(self) -> str:
        """With its sign, which is a plus for credits that come in."""
        return f"{'+' if self.amount > 0 else ''}{as_text(self.amount)}"


class Account(models.Model):
    """The sum of an organization's entries, kept beside them so that a hold is one conditional UPDATE."""

    organization = models.OneToOneField(Organization, models.PROTECT, related_name="account", primary_key=True)
    balance = models.BigIntegerField(default=0, editable=False, help_text="Millicredits free to spend.")

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(balance__gte=0), name="account_never_overdrawn")]

    def __str__(self) -> str:
        return f"{self.organization}: {self.balance}"
