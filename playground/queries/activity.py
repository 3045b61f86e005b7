"""What an organization's API keys have under way."""

from django.db.models import Count, Q

from dashboard.organizations.models import Organization
from playground.models import Generation
from playground.queries import IN_INDEX


def count_active(caller: Organization, endpoint_name: str) -> tuple[int, int]:
    """Unfinished generations that were asked for with keys: all of them, and those on the endpoint."""
    active = Generation.objects.of_caller(caller).filter(IN_INDEX, api_key__isnull=False)
    here = Count("pk", filter=Q(endpoint_name=endpoint_name))
    counted = active.aggregate(everywhere=Count("pk"), here=here)
    return counted["everywhere"], counted["here"]
