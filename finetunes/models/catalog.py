"""Finetunes and grants; who sees a finetune is decided here, in the queryset."""

from datetime import datetime

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from dashboard.bfl.endpoints import BASE_MODEL_LABELS, BaseModel, Endpoint, Precision, endpoint_for
from dashboard.organizations.models import Organization, User
from finetunes.models.checkpoints import Checkpoint

NAME_PATTERN = r"^[a-z0-9_-]+$"
NAME_MAX = 64
NAME = RegexValidator(r"\A[a-z0-9_-]+\Z", "Use only lowercase letters, digits, hyphens and underscores.")
BASE_MODEL_CHOICES = [(model.value, label) for model, label in BASE_MODEL_LABELS.items()]
# What a checkpoint may be trained for.
TRAINED_CHOICES = [(model.value, label) for model, label in BASE_MODEL_LABELS.items() if model.takes_checkpoint]
PRECISION_CHOICES = [(precision.value, precision.label) for precision in Precision]
STRENGTHS = (0, 2)
DEFAULT_STRENGTH = 1.0
UPSTREAM_ALONE = (
    "Finetunes of FLUX.1 [pro] have no checkpoint: they lie in the upstream's account and come here by import."
)


class Source(models.TextChoices):
    """Where a finetune stands from one organization's view."""

    OWNED = "owned", "Owned"
    OFFICIAL = "official", "Official"
    THIRD_PARTY = "third_party", "Third party"


class FinetuneQuerySet(models.QuerySet["Finetune"]):
    """Every read of finetunes on behalf of someone starts with one of these. What is in the trash nobody sees."""

    def owned_by(self, organization: Organization) -> "FinetuneQuerySet":
        return self.filter(organization=organization, deleted_at=None)

    def kept_by(self, organization: Organization) -> "FinetuneQuerySet":
        """Also what lies in its trash, which keeps its name and its files."""
        return self.filter(organization=organization)

    def in_trash(self) -> "FinetuneQuerySet":
        return self.filter(deleted_at__isnull=False)

    def shared_with(self, organization: Organization) -> "FinetuneQuerySet":
        """Granted to the organization, or official; never its own."""
        others = self.exclude(organization=organization).filter(deleted_at=None)
        return others.filter(Q(is_official=True) | _granted_to(organization))

    def visible_to(self, organization: Organization) -> "FinetuneQuerySet":
        """Own, granted and official: what the organization may see and call."""
        live = self.filter(deleted_at=None)
        return live.filter(Q(organization=organization) | Q(is_official=True) | _granted_to(organization))


class Finetune(models.Model):
    """A named LoRA. Base model and precision pick the endpoint that serves it."""

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="finetunes", verbose_name="owner")
    name = models.CharField(max_length=NAME_MAX, validators=[NAME])
    base_model = models.CharField(max_length=40, choices=BASE_MODEL_CHOICES)
    precision = models.CharField(max_length=8, choices=PRECISION_CHOICES, default=Precision.FP8.value)
    trigger_phrase = models.CharField(max_length=200, blank=True)
    description = models.TextField(max_length=10_000, blank=True, help_text="Markdown.")
    recommended_strength = models.DecimalField(
        max_digits=3,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(STRENGTHS[0]), MaxValueValidator(STRENGTHS[1])],
    )
    example_prompts = models.JSONField(default=list, blank=True, help_text="A list of texts.")
    license_note = models.CharField(max_length=300, blank=True, help_text="Empty: the licence of the base model.")
    upstream_name = models.CharField(
        max_length=100, blank=True, help_text="Its finetune_id in the upstream account, where that is another name."
    )
    is_official = models.BooleanField("official", default=False, help_text="Visible to every organization.")
    # Empty while the row is made, in one transaction with its first version; and where upstream alone has the file.
    current_version = models.ForeignKey(
        "Version", models.SET_NULL, null=True, blank=True, editable=False, related_name="+"
    )
    cover = models.ForeignKey("Sample", models.SET_NULL, null=True, blank=True, editable=False, related_name="+")
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="In the trash since then.")
    deleted_by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, editable=False, related_name="+")

    objects = FinetuneQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        indexes = [
            models.Index(fields=["deleted_at"], condition=Q(deleted_at__isnull=False), name="finetune_in_trash"),
            models.Index(fields=["upstream_name", "name"], name="finetune_by_upstream_name"),
        ]
        constraints = [
            # Also over the trash: an Undo finds its name free, and for that week no other finetune answers to it.
            models.UniqueConstraint(fields=["organization", "name"], name="finetune_name_unique_per_owner"),
            models.CheckConstraint(condition=Q(name__regex=NAME_PATTERN), name="finetune_name_chars"),
            models.CheckConstraint(
                condition=Q(base_model__in=list(BaseModel), precision=Precision.FP8)
                | Q(base_model=BaseModel.KLEIN_9B_KV, precision=Precision.BF16),
                name="finetune_served_by_an_endpoint",
            ),
            models.CheckConstraint(
                condition=~Q(base_model=BaseModel.FLUX_1_PRO) | Q(current_version=None),
                name="finetune_of_flux_1_is_upstream_alone",
                violation_error_message=UPSTREAM_ALONE,
            ),
            models.CheckConstraint(
                condition=Q(recommended_strength=None) | Q(recommended_strength__range=STRENGTHS),
                name="finetune_strength_in_range",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.organization.org_id}/{self.name}"

    @property
    def endpoint(self) -> Endpoint:
        return endpoint_for(self.base_model, self.precision)

    @property
    def precision_label(self) -> str:
        """Empty where upstream does not tell in which precision it runs."""
        return str(self.get_precision_display()) if BaseModel(self.base_model).takes_checkpoint else ""

    @property
    def checkpoint(self) -> Checkpoint | None:
        """What is served: the checkpoint of the current version."""
        return self.current_version.checkpoint if self.current_version else None

    @property
    def strength(self) -> float:
        """The one to start with: as it is recommended, else the endpoint's own."""
        own = self.endpoint.inputs.model_fields["finetune_strength"].default
        return float(own if self.recommended_strength is None else self.recommended_strength)

    @property
    def license(self) -> str:
        return self.license_note or BaseModel(self.base_model).license

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


class FormerName(models.Model):
    """A name that a finetune had: it stays taken as long as the finetune is there, so that no other answers to it."""

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="+")
    name = models.CharField(max_length=NAME_MAX)
    finetune = models.ForeignKey(Finetune, models.CASCADE, related_name="former_names")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "name"], name="former_name_unique_per_owner"),
        ]

    def __str__(self) -> str:
        return f"{self.name}, now {self.finetune}"


class GrantQuerySet(models.QuerySet["Grant"]):
    def live(self, now: datetime) -> "GrantQuerySet":
        return self.filter(Q(expires_at=None) | Q(expires_at__gt=now))


class Grant(models.Model):
    """Leave, given by the owner of a finetune to one other organization; until it expires, if it does."""

    finetune = models.ForeignKey(Finetune, models.CASCADE, related_name="grants")
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="grants", verbose_name="recipient")
    granted_by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")
    expires_at = models.DateTimeField(null=True, blank=True)
    monthly_cap = models.PositiveIntegerField(null=True, blank=True, help_text="Images in a calendar month (UTC).")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = GrantQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["finetune", "organization"], name="one_grant_per_recipient"),
            models.CheckConstraint(condition=Q(monthly_cap=None) | Q(monthly_cap__gt=0), name="grant_cap_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.finetune} to {self.organization}"

    @property
    def is_live(self) -> bool:
        return self.expires_at is None or self.expires_at > timezone.now()


def _granted_to(organization: Organization) -> Exists:
    live = Grant.objects.live(timezone.now())
    return Exists(live.filter(finetune=OuterRef("pk"), organization=organization))
