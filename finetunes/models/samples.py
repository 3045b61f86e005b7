"""Images that show what a finetune does."""

from django.db import models
from django.db.models import Q

from dashboard.organizations.models import User
from finetunes.models.catalog import Finetune


class Sample(models.Model):
    """An image with the inputs that made it, chosen by the owner and shown to everyone who sees the finetune.

    Its files are copies: they outlive the generation. While it is made on request it has none; the pair of strengths
    0 and 1 with one seed is held together by `pair`.
    """

    finetune = models.ForeignKey(Finetune, models.CASCADE, related_name="samples")
    image = models.FileField(upload_to="samples/", max_length=200, blank=True)
    thumbnail = models.FileField(upload_to="samples/", max_length=200, blank=True)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    prompt = models.TextField()
    strength = models.DecimalField(max_digits=3, decimal_places=2)
    seed = models.CharField(max_length=20, blank=True)
    pair = models.UUIDField(null=True, blank=True)
    generation_id = models.UUIDField(help_text="The generation that it comes from.")
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["created_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["finetune", "generation_id"], name="sample_once_per_generation"),
        ]
        indexes = [models.Index(fields=["generation_id"], condition=Q(image=""), name="sample_being_made")]

    def __str__(self) -> str:
        return f"sample {self.pk} of {self.finetune}"

    @property
    def is_ready(self) -> bool:
        return bool(self.image)
