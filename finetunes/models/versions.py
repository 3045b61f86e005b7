"""The versions of a finetune, and the uploads that become one."""

import uuid
from datetime import datetime

from django.db import models
from django.db.models import Q

from dashboard.organizations.models import ApiKey, Organization, User
from finetunes.models.catalog import Finetune
from finetunes.models.checkpoints import Checkpoint


class VersionQuerySet(models.QuerySet["Version"]):
    def of(self, finetune: Finetune) -> "VersionQuerySet":
        return self.filter(finetune=finetune)


class Version(models.Model):
    """A checkpoint of a finetune, numbered from 1; the finetune says which one is current."""

    finetune = models.ForeignKey(Finetune, models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    checkpoint = models.ForeignKey(Checkpoint, models.PROTECT, related_name="versions")
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")
    api_key = models.ForeignKey(ApiKey, models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = VersionQuerySet.as_manager()

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["finetune", "number"], name="version_number_unique_per_finetune"),
            models.CheckConstraint(condition=Q(number__gt=0), name="version_numbers_start_at_1"),
        ]

    def __str__(self) -> str:
        return f"{self.finetune} v{self.number}"

    @property
    def label(self) -> str:
        return f"v{self.number}"


class UploadQuerySet(models.QuerySet["Upload"]):
    def of(self, organization: Organization) -> "UploadQuerySet":
        return self.filter(organization=organization)

    def expired(self, now: datetime) -> "UploadQuerySet":
        return self.filter(expires_at__lte=now)

    def open(self) -> "UploadQuerySet":
        """Those that are still to be published."""
        return self.filter(version=None)

    def live(self, now: datetime) -> "UploadQuerySet":
        return self.open().filter(expires_at__gt=now)

    def published(self, now: datetime) -> "UploadQuerySet":
        return self.filter(expires_at__gt=now).exclude(version=None)


class Upload(models.Model):
    """A checkpoint on its way in. How much of it is here, its staged file says.

    The row ends when it is published. That of a program stays until it expires, and names the version: whoever lost
    the answer to the last piece finds it there.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="uploads")
    user = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")
    api_key = models.ForeignKey(ApiKey, models.SET_NULL, null=True, blank=True, related_name="+")
    file_name = models.CharField(max_length=255, blank=True, help_text="As the client named it; shown, never a path.")
    length = models.BigIntegerField(help_text="Bytes announced; the organization's quota counts them from the start.")
    fields = models.JSONField(
        default=dict, blank=True, help_text="The finetune that a program asks for; empty where a form will say it."
    )
    stored_name = models.CharField(
        max_length=200, blank=True, help_text="Where publishing was about to store it; what a killed one leaves there."
    )
    version = models.ForeignKey(
        Version, models.CASCADE, null=True, blank=True, related_name="+", help_text="What it was published as."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()

    objects = UploadQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["expires_at"], name="upload_by_expiry")]
        constraints = [models.CheckConstraint(condition=Q(length__gt=0), name="upload_has_bytes")]

    def __str__(self) -> str:
        return str(self.id)
