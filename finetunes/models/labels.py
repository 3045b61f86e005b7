"""What people put on finetunes to find them again: tags of an organization, favourites of a person."""

from django.db import models

from dashboard.organizations.models import Organization, User
from finetunes.models.catalog import Finetune

TAG_MAX = 40


class Tag(models.Model):
    """An organization tags what it sees, its own finetunes and those shared with it; no other reads its tags."""

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="tags")
    name = models.CharField(max_length=TAG_MAX, help_text="In lowercase.")
    finetunes = models.ManyToManyField(Finetune, related_name="tags")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["organization", "name"], name="tag_unique_per_organization"),
        ]

    def __str__(self) -> str:
        return self.name


class Favourite(models.Model):
    """A finetune that a person starred."""

    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    finetune = models.ForeignKey(Finetune, models.CASCADE, related_name="favourites")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "finetune"], name="favourite_once_per_person")]

    def __str__(self) -> str:
        return f"{self.finetune} of {self.user}"
