"""Finetunes and grants; who sees a finetune is decided here, in the queryset."""

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Exists, OuterRef, Q

from dashboard.bfl.endpoints import BASE_MODEL_LABELS, BaseModel, Endpoint, Precision, endpoint_for
from dashboard.organizations.models import Organization, User

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
    checkpoint = models.FileField(upload_to="checkpoints/", max_length=200, editable=False)
    checkpoint_bytes = models.BigIntegerField(editable=False)
    checkpoint_sha256 = models.CharField("checkpoint SHA-256", max_length=64, editable=False)
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
