"""The door to a generation: its organization's members who may see it, and holders of its signed URL."""

from uuid import UUID

from dashboard.lib.errors import NotFoundError
from dashboard.organizations.models import Organization
from playground.models import Generation


def get_generation(organization: Organization, generation_id: UUID) -> Generation:
    """A generation of this organization. Raises NotFoundError, alike for nothing and for another's."""
    generations = Generation.objects.of_caller(organization).select_related("user", "api_key")
    generation = generations.filter(pk=generation_id).first()
    if generation is None:
        raise NotFoundError("There is no such generation in this organization.")
    return generation
