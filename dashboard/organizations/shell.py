"""The context of the page shell: whose organization this is, what the role may do, where else the person belongs."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject

from dashboard.organizations import queries
from dashboard.organizations.models import Membership, User
from dashboard.organizations.roles import PERMISSIONS, Permission, Role, may


@dataclass(frozen=True)
class Section:
    """An entry of the sidebar: its route is named after the app whose views it holds."""

    route: str
    permission: Permission


SECTIONS = (
    Section("playground", Permission.GENERATE),
    Section("finetunes", Permission.SEE_CATALOG),
)


@dataclass(frozen=True)
class Choice:
    """An organization in the switcher and the page that it leads to."""

    membership: Membership
    url: str
    is_current: bool


def shell(request: HttpRequest) -> dict[str, Any]:
    """`membership`, `organization`, `may` (permission names of the role), `section` and, read when used,
    `memberships` and `switcher`.
    """
    if not isinstance(user := getattr(request, "user", None), User):
        return {}
    memberships = SimpleLazyObject(lambda: queries.memberships_of(user))
    membership: Membership | None = getattr(request, "membership", None)
    if membership is None:
        return {"memberships": memberships}
    section = section_of(request)
    return {
        "memberships": memberships,
        "membership": membership,
        "organization": membership.organization,
        "may": {permission.name.lower(): True for permission in PERMISSIONS[Role(membership.role)]},
        "section": section,
        "switcher": SimpleLazyObject(lambda: list_choices(list(memberships), membership, section)),
    }


def section_of(request: HttpRequest) -> str:
    """The section that the page belongs to: the app of its view."""
    match = request.resolver_match
    return match.func.__module__.partition(".")[0] if match else ""


def list_choices(memberships: list[Membership], current: Membership, section: str) -> list[Choice]:
    return [Choice(one, landing_url(one, section), one.pk == current.pk) for one in memberships]


def landing_url(membership: Membership, section: str = "") -> str:
    """The page of that section in the organization, or the first that the role may open."""
    routes = [entry.route for entry in SECTIONS if may(membership.role, entry.permission)]
    route = section if section in routes else routes[0]
    return reverse(route, kwargs={"org_id": membership.organization.org_id})
