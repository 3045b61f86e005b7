"""The context of the page shell: whose organization this is, what the role may do, where else the person belongs."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.functional import SimpleLazyObject

from dashboard.organizations import queries
from dashboard.organizations.models import Membership, User
from dashboard.organizations.roles import PERMISSIONS, Permission, Role, may


@dataclass(frozen=True)
class Section:
    """An entry of the sidebar: its route, and the beginnings of the names of the other routes that belong to it."""

    route: str
    label: str
    icon: str
    permission: Permission
    pages: tuple[str, ...] = ()
    is_beta: bool = False
    # A page of everybody's, shown within the organization that it was opened from.
    is_public: bool = False

    def holds(self, route: str) -> bool:
        return route == self.route or route.startswith(self.pages)


@dataclass(frozen=True)
class Group:
    heading: str
    sections: tuple[Section, ...]


PLAYGROUND = Section(
    "playground", "Playground", "sparkles", Permission.GENERATE, ("generation", "history", "retention")
)
FINETUNES = Section(
    "finetunes", "Finetunes", "adjustments-horizontal", Permission.SEE_CATALOG, ("finetune", "version"), is_beta=True
)
GROUPS = (
    Group(
        "",
        (Section("get-started", "Get started", "rocket-launch", Permission.SEE_CATALOG), PLAYGROUND),
    ),
    Group(
        "API",
        (
            Section("keys", "Keys", "key", Permission.MANAGE_KEYS, ("key-",)),
            Section("webhooks", "Webhooks", "bolt", Permission.MANAGE_KEYS, ("webhook",)),
            Section("usage", "Usage", "chart-bar", Permission.SEE_CATALOG),
            Section("api-docs", "API reference", "book-open", Permission.SEE_CATALOG, is_public=True),
        ),
    ),
    Group("Customization", (FINETUNES,)),
    Group(
        "Organization",
        (
            Section("members", "Members", "users", Permission.SEE_CATALOG, ("member-", "invit")),
            Section("billing", "Billing", "credit-card", Permission.MANAGE_CREDITS),
            Section("activity", "Activity", "clock", Permission.MANAGE_MEMBERS),
            Section("organization-settings", "Settings", "cog-6-tooth", Permission.MANAGE_MEMBERS, ("organization-",)),
        ),
    ),
)
SECTIONS = [section for group in GROUPS for section in group.sections]
# Where somebody arrives who asked for no page: the first that the role may open.
LANDINGS = (PLAYGROUND, FINETUNES)
# Names the organization that was worked in last: the way in leads back there. It opens nothing.
COOKIE = "organization"
# Says it in the address of a page that is no organization's.
ORGANIZATION_PARAMETER = "organization"
COOKIE_SECONDS = 365 * 24 * 60 * 60


@dataclass(frozen=True)
class Link:
    """A section as the sidebar shows it in this organization."""

    section: Section
    url: str
    is_current: bool


@dataclass(frozen=True)
class Choice:
    """An organization in the switcher and the page that it leads to."""

    membership: Membership
    url: str
    is_current: bool


def shell(request: HttpRequest) -> dict[str, Any]:
    """`membership`, `organization`, `may` (permission names of the role) and, read when used, `memberships`,
    `navigation` (headings with their links) and `switcher`.
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
        "navigation": SimpleLazyObject(lambda: list(navigation(membership, section))),
        "switcher": SimpleLazyObject(lambda: list_choices(list(memberships), membership, section)),
    }


class LastOrganizationMiddleware:
    """Remembers in the browser which organization's page was opened last; the session stays unwritten."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        membership: Membership | None = getattr(request, "membership", None)
        if membership and request.COOKIES.get(COOKIE) != membership.organization.org_id:
            response.set_cookie(
                COOKIE,
                membership.organization.org_id,
                max_age=COOKIE_SECONDS,
                secure=settings.SESSION_COOKIE_SECURE,
                httponly=True,
                samesite="Lax",
            )
        return response


def last_membership(request: HttpRequest, memberships: list[Membership]) -> Membership:
    """The one of the organization that was worked in last, or else the first."""
    last = request.COOKIES.get(COOKIE)
    return next((one for one in memberships if one.organization.org_id == last), memberships[0])


def section_of(request: HttpRequest) -> Section | None:
    """The section that the page belongs to, by the name of its route."""
    route = request.resolver_match.url_name if request.resolver_match else None
    return next((section for section in SECTIONS if route and section.holds(route)), None)


def navigation(membership: Membership, current: Section | None) -> Iterator[tuple[str, list[Link]]]:
    """What the role may open, group by group; a group of which it may open nothing is not there."""
    for group in GROUPS:
        allowed = [section for section in group.sections if may(membership.role, section.permission)]
        if links := [Link(section, url_of(section, membership), section is current) for section in allowed]:
            yield group.heading, links


def list_choices(memberships: list[Membership], current: Membership, section: Section | None) -> list[Choice]:
    return [Choice(one, landing_url(one, section), one.pk == current.pk) for one in memberships]


def landing_url(membership: Membership, section: Section | None = None) -> str:
    """The page of that section in the organization, or else the first landing that the role may open."""
    wanted = [section, *LANDINGS] if section else LANDINGS
    return next(url_of(one, membership) for one in wanted if may(membership.role, one.permission))


def url_of(section: Section, membership: Membership) -> str:
    org_id = membership.organization.org_id
    if section.is_public:
        return f"{reverse(section.route)}?{urlencode({ORGANIZATION_PARAMETER: org_id})}"
    return reverse(section.route, kwargs={"org_id": org_id})
