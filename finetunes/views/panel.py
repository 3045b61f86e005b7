"""The frame of a finetune's pages: its tabs, alike on a page of its own and inside of a row of the list."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django_htmx.http import trigger_client_event

from dashboard.lib.errors import NotFoundError
from dashboard.lib.htmx import leave_form, render_page
from dashboard.organizations.access import get_membership
from dashboard.organizations.models import Membership, Organization
from dashboard.organizations.roles import Permission, may
from finetunes import upstream
from finetunes.access import get_visible
from finetunes.forms.upstream import UpstreamNameForm
from finetunes.models import Finetune, Source
from finetunes.queries.usage import Terms, terms_for


@dataclass(frozen=True)
class Tab:
    """One page about a finetune. What is `for_owner` nobody else finds, not even by its address."""

    route: str
    label: str
    template: str
    permission: Permission = Permission.SEE_CATALOG
    for_owner: bool = False


TABS = (
    Tab("finetune", "Overview", "finetunes/overview.html"),
    Tab("finetune-api", "API example", "finetunes/api_example.html"),
    Tab("finetune-samples", "Samples", "finetunes/samples.html"),
    Tab("finetune-sharing", "Sharing", "finetunes/sharing.html", Permission.GRANT, for_owner=True),
    Tab("finetune-checkpoint", "Checkpoint", "finetunes/checkpoint.html"),
    Tab("finetune-usage", "Usage", "finetunes/usage.html", for_owner=True),
)
BY_ROUTE = {tab.route: tab for tab in TABS}


@dataclass(frozen=True)
class Panel:
    """A finetune as a member of one organization sees it, with one tab open."""

    membership: Membership
    finetune: Finetune
    tab: Tab

    @property
    def viewer(self) -> Organization:
        return self.membership.organization

    @property
    def is_owner(self) -> bool:
        return self.viewer.pk == self.finetune.organization_id

    @property
    def may_edit(self) -> bool:
        return self.is_owner and may(self.membership.role, Permission.EDIT_FINETUNES)

    @property
    def upstream_form(self) -> UpstreamNameForm | None:
        """For who may say what the finetune is called upstream, where that is an account somewhere else."""
        return UpstreamNameForm(finetune=self.finetune) if self.may_edit and upstream.may_use(self.viewer) else None

    @property
    def upstream_id(self) -> str:
        return upstream.upstream_id_of(self.finetune)

    @property
    def finetune_id(self) -> str:
        return self.finetune.id_for(self.viewer)

    @property
    def source(self) -> Source:
        return self.finetune.source_for(self.viewer)

    @cached_property
    def terms(self) -> Terms | None:
        """Those that a recipient has it on."""
        return None if self.is_owner else terms_for(self.viewer, self.finetune)

    @property
    def element_id(self) -> str:
        return element_id_of(self.finetune)

    @property
    def tabs(self) -> list[tuple[Tab, str]]:
        """Those that this member may open, each with its address."""
        open_ones = [tab for tab in TABS if self._opens(tab)]
        return [(tab, reverse(tab.route, args=[self.viewer.org_id, self.finetune_id])) for tab in open_ones]

    def _opens(self, tab: Tab) -> bool:
        return (self.is_owner or not tab.for_owner) and may(self.membership.role, tab.permission)


def open_panel(request: HttpRequest, org_id: str, finetune_id: str, route: str) -> Panel:
    """The finetune behind a tab's URL. Raises NotFoundError, alike for nothing and for what is not the viewer's."""
    tab = BY_ROUTE[route]
    membership = get_membership(request, org_id, tab.permission)
    panel = Panel(membership, get_visible(membership.organization, finetune_id), tab)
    if tab.for_owner and not panel.is_owner:
        raise NotFoundError("This page of a finetune is its owner's.")
    return panel


def render_panel(request: HttpRequest, panel: Panel, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    """The whole page, or the panel alone, which replaces the one on the page or in the row; or the page's head."""
    context = {"panel": panel, "finetune": panel.finetune, **context}
    fragment = "head" if request.GET.get("part") == "head" else "panel"
    return render_page(request, "finetunes/finetune.html", context, fragment=fragment, status=status)


def leave_dialog(request: HttpRequest, finetune: Finetune, route: str) -> HttpResponse:
    """After a change in a dialog: the tab of that route again, in whatever panel of the finetune is on the page."""
    url = reverse(route, args=[finetune.organization.org_id, finetune.name])
    return changed(leave_form(request, url, refresh=f"#{element_id_of(finetune)}"), finetune)


def changed(response: HttpResponse, finetune: Finetune) -> HttpResponse:
    """Tells the page that holds this finetune's row or head to load it anew."""
    return trigger_client_event(response, f"finetune-changed-{finetune.pk}")


def element_id_of(finetune: Finetune) -> str:
    return f"panel-{finetune.pk}"
