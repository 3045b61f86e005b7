"""Finetunes, checkpoints, versions, grants and uploads; who sees a finetune is decided here, in the queryset."""

import uuid
from datetime import datetime

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Exists, OuterRef, Q

from dashboard.bfl.endpoints import BASE_MODEL_LABELS, BaseModel, Endpoint, Precision, endpoint_for
from dashboard.organizations.models import ApiKey, Organization, User
from finetunes.checkpoints.families import Family

NAME_PATTERN = r"^[a-z0-9_-]+$"
NAME_MAX = 64
NAME = RegexValidator(r"\A[a-z0-9_-]+\Z", "Use only lowercase letters, digits, hyphens and underscores.")
BASE_MODEL_CHOICES = [(model.value, label) for model, label in BASE_MODEL_LABELS.items()]
PRECISION_CHOICES = [(precision.value, precision.label) for precision in Precision]


class Source(models.TextChoices):
    """Where a finetune stands from one organization's view."""

    OWNED = "owned", "Owned"
    OFFICIAL = "official", "Official"
    THIRD_PARTY = "third_party", "Third party"


class FinetuneQuerySet(models.QuerySet["Finetune"]):
    """Every read of finetunes on behalf of someone starts with one of these."""

    def owned_by(self, organization: Organization) -> "FinetuneQuerySet":
        return self.filter(organization=organization)

    def shared_with(self, organization: Organization) -> "FinetuneQuerySet":
        """Granted to the organization, or official; never its own."""
        granted = Exists(Grant.objects.filter(finetune=OuterRef("pk"), organization=organization))
        return self.exclude(organization=organization).filter(Q(is_official=True) | granted)

    def visible_to(self, organization: Organization) -> "FinetuneQuerySet":
        """Own, granted and official: what the organization may see and call."""
        granted = Exists(Grant.objects.filter(finetune=OuterRef("pk"), organization=organization))
        return self.filter(Q(organization=organization) | Q(is_official=True) | granted)


class Finetune(models.Model):
    """A named LoRA. Base model and precision pick the endpoint that serves it."""

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="finetunes", verbose_name="owner")
    name = models.CharField(max_length=NAME_MAX, validators=[NAME])
    base_model = models.CharField(max_length=40, choices=BASE_MODEL_CHOICES)
    precision = models.CharField(max_length=8, choices=PRECISION_CHOICES, default=Precision.FP8.value)
    trigger_phrase = models.CharField(max_length=200, blank=True)
    is_official = models.BooleanField("official", default=False, help_text="Visible to every organization.")
    # Empty while the row is made, in one transaction with its first version.
    current_version = models.ForeignKey(
        "Version", models.SET_NULL, null=True, blank=True, editable=False, related_name="+"
    )
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = FinetuneQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(fields=["organization", "name"], name="finetune_name_unique_per_owner"),
            models.CheckConstraint(condition=Q(name__regex=NAME_PATTERN), name="finetune_name_chars"),
            models.CheckConstraint(
                condition=Q(base_model__in=list(BaseModel), precision=Precision.FP8)
                | Q(base_model=BaseModel.KLEIN_9B_KV, precision=Precision.BF16),
                name="finetune_served_by_an_endpoint",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.organization.org_id}/{self.name}"

    @property
    def endpoint(self) -> Endpoint:
        return endpoint_for(self.base_model, self.precision)

    @property
    def checkpoint(self) -> "Checkpoint | None":
        """What is served: the checkpoint of the current version."""
        return self.current_version.checkpoint if self.current_version else None

    def id_for(self, caller: Organization) -> str:
        """The `finetune_id` that this caller must send."""
        return self.name if caller.pk == self.organization_id else str(self)

    def name_for(self, viewer: Organization) -> str:
        """The name for lists: with its owner where that is another organization."""
        return self.name if viewer.pk == self.organization_id else f"{self.name} · {self.organization.name}"

    def source_for(self, viewer: Organization) -> Source:
        if self.is_official:
            return Source.OFFICIAL
        return Source.OWNED if viewer.pk == self.organization_id else Source.THIRD_PARTY


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


class Grant(models.Model):
    """Leave, given by the owner of a finetune to one other organization."""

    finetune = models.ForeignKey(Finetune, models.CASCADE, related_name="grants")
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="grants", verbose_name="recipient")
    granted_by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["finetune", "organization"], name="one_grant_per_recipient"),
        ]

    def __str__(self) -> str:
        return f"{self.finetune} to {self.organization}"


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
