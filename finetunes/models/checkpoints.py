"""Stored files: one row for the same bytes of an organization."""

from django.db import models
from django.db.models import Q

from dashboard.bfl.endpoints import BaseModel
from dashboard.organizations.models import Organization
from finetunes.checkpoints.families import Family


class CheckpointQuerySet(models.QuerySet["Checkpoint"]):
    def kept_by(self, organization: Organization) -> "CheckpointQuerySet":
        """An organization finds its own files alone: no other one's answers tell what this one has."""
        return self.filter(organization=organization, discarded_at=None)

    def unreferenced(self) -> "CheckpointQuerySet":
        """Also what was discarded and could not be removed yet."""
        return self.filter(versions=None)

    def uninspected(self) -> "CheckpointQuerySet":
        """Kept since before files were read."""
        return self.filter(facts={}, discarded_at=None)


class Checkpoint(models.Model):
    """One stored file of an organization, once however many versions refer to it, and gone with the last of them."""

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="checkpoints", verbose_name="owner")
    sha256 = models.CharField("SHA-256", max_length=64)
    weights_sha256 = models.CharField(
        "weights digest", max_length=64, blank=True, help_text="Of the tensors alone, whatever the metadata says."
    )
    bytes = models.BigIntegerField()
    file = models.FileField(max_length=200)
    facts = models.JSONField(default=dict, blank=True, help_text="What the inspection found in the header.")
    created_at = models.DateTimeField(auto_now_add=True)
    # Set with the last version gone, and committed before the file is: no version may ever refer to it again.
    discarded_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = CheckpointQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "sha256"],
                condition=Q(discarded_at=None),
                name="checkpoint_stored_once_per_owner",
            ),
            models.CheckConstraint(condition=Q(bytes__gt=0), name="checkpoint_has_bytes"),
        ]
        indexes = [models.Index(fields=["organization", "weights_sha256"], name="checkpoint_by_weights")]

    def __str__(self) -> str:
        return f"{self.sha256[:12]} of {self.organization.org_id}"

    @property
    def base_models(self) -> tuple[BaseModel, ...]:
        """What it is made for, as far as the file tells: several for an ambiguous one, none where it was not read."""
        family = self.facts.get("family")
        families = self.facts.get("candidates", []) if family == Family.AMBIGUOUS else [family] if family else []
        return tuple(base_model for each in families for base_model in Family(each).base_models)
