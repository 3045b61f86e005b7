"""What people keep of the Playground's form: reference images laid in, and presets."""

import uuid

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from dashboard.organizations.models import Organization, User


class OwnedQuerySet(models.QuerySet["ReferenceUpload"]):
    def of_caller(self, organization: Organization) -> "OwnedQuerySet":
        return self.filter(organization=organization)


class ReferenceUpload(models.Model):
    """A reference image that somebody laid into the Playground's form. A generation made with it keeps its own copy."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="reference_uploads")
    user = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")
    name = models.CharField(max_length=100, help_text="What the person's file was called.")
    file = models.FileField(upload_to="references/", max_length=200)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    objects = OwnedQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.name} ({self.organization})"


class PresetQuerySet(models.QuerySet["Preset"]):
    def usable_by(self, organization: Organization, user: User) -> "PresetQuerySet":
        """The organization's and the person's own in it."""
        return self.filter(Q(user=None) | Q(user=user), organization=organization)


class Preset(models.Model):
    """What the Playground's form stood on, under a name: one person's, or the whole organization's."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="presets")
    user = models.ForeignKey(
        User, models.CASCADE, null=True, blank=True, related_name="+", help_text="Empty: the whole organization's."
    )
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    name = models.CharField(max_length=60)
    values = models.JSONField(help_text="By the names of the form's fields; without reference images.")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = PresetQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(
                "organization", "user", Lower("name"), name="preset_name_once_a_person", condition=Q(user__isnull=False)
            ),
            models.UniqueConstraint(
                "organization", Lower("name"), name="preset_name_once", condition=Q(user__isnull=True)
            ),
        ]

    def __str__(self) -> str:
        return self.name
