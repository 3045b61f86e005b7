"""Generations: one image job each, from submission to its end."""

import uuid
from datetime import datetime

from django.db import models
from django.db.models import Q

from dashboard.bfl.endpoints import BY_NAME, Endpoint
from dashboard.bfl.schemas import Status
from dashboard.lib.credits import as_text
from dashboard.organizations.models import ApiKey, Organization, User
from finetunes.models import Finetune
from playground.grids import Plan


class State(models.TextChoices):
    """Where a generation stands. The first four are Pending to the outside; the others are ends."""

    QUEUED = "queued", "Queued"
    SUBMITTING = "submitting", "Submitting"
    RUNNING = "running", "Running"
    FETCHING = "fetching", "Fetching the image"
    READY = "ready", "Ready"
    ERROR = "error", "Error"
    REQUEST_MODERATED = "request_moderated", "Request Moderated"
    CONTENT_MODERATED = "content_moderated", "Content Moderated"


OPEN_STATES = [State.QUEUED, State.SUBMITTING, State.RUNNING, State.FETCHING]
ENDS = {
    Status.ERROR: State.ERROR,
    Status.REQUEST_MODERATED: State.REQUEST_MODERATED,
    Status.CONTENT_MODERATED: State.CONTENT_MODERATED,
}
FAILED_STATES = list(ENDS.values())
# The `error` of one that was called back, as the wire tells it; people read a sentence.
CANCELLED = "cancelled"
EXPLANATIONS = {
    State.REQUEST_MODERATED: "The prompt or a reference image was blocked before generation. Change it and try again.",
    State.CONTENT_MODERATED: "The image was made, but blocked by moderation. Change the prompt or try another seed.",
}


class GenerationQuerySet(models.QuerySet["Generation"]):
    def of_caller(self, organization: Organization) -> "GenerationQuerySet":
        return self.filter(organization=organization)

    def unfinished(self) -> "GenerationQuerySet":
        return self.filter(state__in=OPEN_STATES)

    def in_state(self, state: State) -> "GenerationQuerySet":
        return self.filter(state=state)

    def in_reach(self, generation_id: uuid.UUID, state: State) -> "GenerationQuerySet":
        """One generation, if it still stands in `state`: what a conditional UPDATE starts with."""
        return self.filter(pk=generation_id, state=state)

    def due(self, now: datetime) -> "GenerationQuerySet":
        return self.filter(due_at__lte=now)


class GridQuerySet(models.QuerySet["Grid"]):
    def of_caller(self, organization: Organization) -> "GridQuerySet":
        return self.filter(organization=organization)


class Grid(models.Model):
    """Generations asked for at once, which differ in one or two parameters alone."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, models.PROTECT, related_name="grids", verbose_name="caller")
    user = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")
    finetune = models.ForeignKey(Finetune, models.SET_NULL, null=True, blank=True, related_name="+")
    finetune_id_sent = models.CharField("finetune ID", max_length=100)
    axes = models.JSONField(help_text="What changes across and down, with its values.")
    inputs = models.JSONField(help_text="The inputs of the first cell, as a generation keeps them.")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = GridQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "id"]
        indexes = [models.Index(fields=["organization", "-created_at"], name="grid_by_caller")]

    def __str__(self) -> str:
        return f"{self.id} ({self.finetune_id_sent})"

    @property
    def plan(self) -> Plan:
        return Plan.from_json(self.axes)


class Generation(models.Model):
    """One image job. Its id is the task id on the wire, and unguessable."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, models.PROTECT, related_name="generations", verbose_name="caller")
    user = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")
    api_key = models.ForeignKey(ApiKey, models.SET_NULL, null=True, blank=True, related_name="+")
    finetune = models.ForeignKey(Finetune, models.SET_NULL, null=True, blank=True, related_name="generations")
    finetune_id_sent = models.CharField("finetune ID", max_length=100, blank=True)
    upstream_finetune_id = models.CharField(max_length=100, blank=True)
    # Copies, so that they outlive the finetune: what exactly made this image.
    finetune_version = models.PositiveIntegerField(null=True, blank=True)
    checkpoint_sha256 = models.CharField("checkpoint SHA-256", max_length=64, blank=True)
    endpoint_name = models.CharField("endpoint", max_length=60)
    provider = models.CharField(max_length=20, default="bfl")
    inputs = models.JSONField(help_text="The request as validated, without finetune_id and images.")
    references = models.JSONField(default=list, blank=True, help_text="Reference images: a URL or a stored file each.")
    # Its place in a grid; of several in one place the newest counts, and those before it failed.
    grid = models.ForeignKey(Grid, models.SET_NULL, null=True, blank=True, related_name="cells")
    row = models.PositiveSmallIntegerField(null=True, blank=True)
    column = models.PositiveSmallIntegerField(null=True, blank=True)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    cost = models.BigIntegerField(help_text="Millicredits held at submission and settled at Ready.")

    state = models.CharField(max_length=20, choices=State.choices, default=State.QUEUED)
    due_at = models.DateTimeField(help_text="When the next step may be taken, or a step that died retaken.")
    attempts = models.PositiveSmallIntegerField(default=0, help_text="Submissions to the provider.")
    polling_url = models.CharField(max_length=2083, blank=True)
    submitted_at = models.DateTimeField(null=True, blank=True)
    sample_url = models.CharField(max_length=2083, blank=True)
    # Text, because clients draw seeds up to 2^64 - 1 and no database's integer is that wide.
    seed = models.CharField(max_length=20, blank=True, help_text="The seed that was really used.")
    details = models.JSONField(null=True, blank=True)

    image = models.FileField(upload_to="generations/", max_length=200, blank=True)
    thumbnail = models.FileField(upload_to="generations/", max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    ready_at = models.DateTimeField(null=True, blank=True, help_text="When the provider was seen to be ready.")
    finished_at = models.DateTimeField(null=True, blank=True)
    is_starred = models.BooleanField(default=False, help_text="For the whole organization; retention keeps it.")

    objects = GenerationQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "id"]
        indexes = [
            models.Index(fields=["organization", "-created_at"], name="generation_by_caller"),
            models.Index(fields=["state", "due_at"], condition=Q(state__in=OPEN_STATES), name="generation_due"),
            models.Index(fields=["endpoint_name", "-ready_at"], name="generation_durations"),
            models.Index(fields=["organization", "user", "-created_at"], name="generation_by_person"),
            models.Index(fields=["organization", "finetune_id_sent", "-created_at"], name="generation_by_finetune"),
            models.Index(
                fields=["organization", "-created_at"], condition=Q(is_starred=True), name="generation_starred"
            ),
            models.Index(
                fields=["organization", "-created_at"], condition=Q(state__in=FAILED_STATES), name="generation_failed"
            ),
            models.Index(
                fields=["organization", "endpoint_name"],
                condition=Q(state__in=OPEN_STATES, api_key__isnull=False),
                name="generation_active",
            ),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=State.values), name="generation_state_known"),
            models.CheckConstraint(condition=Q(cost__gt=0), name="generation_costs"),
            models.CheckConstraint(
                condition=~Q(state=State.READY) | (Q(finished_at__isnull=False) & ~Q(image="")),
                name="generation_ready_has_image",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.id} ({self.endpoint_name}, {self.state})"

    @property
    def endpoint(self) -> Endpoint:
        return BY_NAME[self.endpoint_name]

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES

    @property
    def status(self) -> Status:
        """The word on the wire."""
        return Status.PENDING if self.is_open else Status(self.get_state_display())

    @property
    def is_cancelled(self) -> bool:
        return self.state == State.ERROR and self.details == {"error": CANCELLED}

    @property
    def explanation(self) -> str:
        """What happened, for people, where a generation ended without an image."""
        if self.state == State.ERROR:
            error = (self.details or {}).get("error")
            return "Cancelled." if self.is_cancelled else str(error or "The provider could not make this image.")
        return EXPLANATIONS.get(State(self.state), "")

    @property
    def cost_text(self) -> str:
        return as_text(self.cost)

    @property
    def prompt(self) -> str:
        return str(self.inputs["prompt"])
