"""The doors to generations, grids and presets: for members of their organization who may see them."""

from uuid import UUID

from django.http import QueryDict

from dashboard.lib.errors import NotFoundError
from dashboard.organizations.access import require
from dashboard.organizations.models import Membership, Organization
from dashboard.organizations.roles import Permission
from playground import queries
from playground.models import Generation, Grid, Preset, Webhook
from playground.references.chosen import ChosenImage, find_images

NO_GENERATION = "There is no such generation in this organization."
NO_PRESET = "There is no such preset any more. Its author or an Administrator may have deleted it."


def get_generation(organization: Organization, generation_id: UUID) -> Generation:
    """A generation of this organization. Raises NotFoundError, alike for nothing and for another's."""
    generations = queries.with_sample(Generation.objects.of_caller(organization))
    generation = generations.filter(pk=generation_id).first()
    if generation is None:
        raise NotFoundError(NO_GENERATION)
    return generation


def get_grid(organization: Organization, grid_id: UUID) -> Grid:
    """A grid of this organization. Raises NotFoundError, alike for nothing and for another's."""
    grids = Grid.objects.of_caller(organization).select_related("organization", "user", "finetune__organization")
    grid = grids.filter(pk=grid_id).first()
    if grid is None:
        raise NotFoundError("There is no such grid in this organization.")
    return grid


def get_webhook(organization: Organization, webhook_id: int) -> Webhook:
    """A webhook of this organization. Raises NotFoundError, alike for nothing and for another's."""
    webhook = Webhook.objects.of_caller(organization).select_related("generation").filter(pk=webhook_id).first()
    if webhook is None:
        raise NotFoundError("There is no such webhook in this organization. It may have gone with its generation.")
    return webhook


def get_chosen_image(organization: Organization, value: str) -> ChosenImage:
    """A reference image by what the form calls it. Raises NotFoundError, alike for nothing and for another's."""
    image = find_images(organization, [value]).get(value)
    if image is None:
        raise NotFoundError("There is no such reference image in this organization.")
    return image


def get_preset(membership: Membership, preset_id: UUID) -> Preset:
    """The person's own or the organization's. Raises NotFoundError, alike for nothing and for another's."""
    preset = Preset.objects.usable_by(membership.organization, membership.user).filter(pk=preset_id).first()
    if preset is None:
        raise NotFoundError(NO_PRESET)
    return preset


def named_preset(membership: Membership, query: QueryDict) -> Preset | None:
    """The one that an address names (`preset`), for whoever may generate with it. Raises what `get_preset` raises."""
    if not query.get("preset"):
        return None
    require(membership, Permission.GENERATE)
    try:
        return get_preset(membership, UUID(query.get("preset", "")))
    except ValueError:
        raise NotFoundError(NO_PRESET) from None
