"""The prompts that a person wrote before, for the form to bring back."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from dashboard.organizations.access import get_membership
from dashboard.organizations.roles import Permission
from playground import queries


@login_required
@require_safe
@never_cache
def prompts(request: HttpRequest, org_id: str) -> JsonResponse:
    membership = get_membership(request, org_id, Permission.GENERATE)
    return JsonResponse({"prompts": queries.recent_prompts(membership.organization, membership.user)})
