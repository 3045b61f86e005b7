"""The first tab of a finetune, what it is and how it is meant to be used; and the tab that shows how to call it."""

from dataclasses import dataclass

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from dashboard.bfl import prices
from dashboard.lib.credits import as_text
from dashboard.organizations.roles import Permission, may, roles_that_may
from finetunes import markdown, snippets
from finetunes.queries.listing import tags_of
from finetunes.views.panel import Panel, open_panel, render_panel

ROUTE = "finetune"
API_ROUTE = "finetune-api"
# What an example makes: the size that the API takes where none is asked for.
SIDE = 1024
# Key, label, and what an editor reads where there is nothing yet.
SETTINGS = (
    ("serving", "Base Model", ""),
    ("trigger_phrase", "Trigger Phrase", "Add a trigger phrase"),
    ("description", "Description", "Add a description"),
    ("tags", "Tags", "Add tags"),
    ("recommended_strength", "Recommended strength", "Recommend a strength"),
    ("example_prompts", "Example prompts", "Add example prompts"),
    ("license_note", "License", ""),
)


@dataclass(frozen=True)
class Setting:
    """One row of the overview. Where `edit_url` is empty the viewer may only read it."""

    key: str
    label: str
    ask: str
    value: object
    edit_url: str
    element_id: str

    @property
    def is_shown(self) -> bool:
        return bool(self.value or self.edit_url)


@login_required
@require_safe
def overview(request: HttpRequest, org_id: str, finetune_id: str) -> HttpResponse:
    panel = open_panel(request, org_id, finetune_id, ROUTE)
    settings = [setting_of(panel, key) for key, _, _ in SETTINGS]
    return render_panel(request, panel, {"settings": [setting for setting in settings if setting.is_shown]})


@login_required
@require_safe
def api_example(request: HttpRequest, org_id: str, finetune_id: str) -> HttpResponse:
    panel = open_panel(request, org_id, finetune_id, API_ROUTE)
    cost = prices.price(panel.finetune.endpoint.price_key, width=SIDE, height=SIDE)
    context = {
        "snippets": snippets.list_snippets(panel.finetune, panel.viewer),
        "cost_text": as_text(cost),
        "is_priced_by_size": "width" in panel.finetune.endpoint.inputs.model_fields,
        "who_manages_keys": roles_that_may(Permission.MANAGE_KEYS),
    }
    return render_panel(request, panel, context)


def setting_of(panel: Panel, key: str) -> Setting:
    _, label, ask = next(setting for setting in SETTINGS if setting[0] == key)
    element_id = f"{panel.element_id}-{key}"
    return Setting(key, label, ask, _value_of(panel, key), _edit_url(panel, key), element_id)


def _value_of(panel: Panel, key: str) -> object:
    finetune = panel.finetune
    if key == "tags":
        return tags_of(panel.viewer, finetune)
    if key == "description":
        return markdown.render(finetune.description)
    return getattr(finetune, {"serving": "endpoint", "license_note": "license"}.get(key, key))


def _edit_url(panel: Panel, key: str) -> str:
    """Tags are the viewing organization's, on whosever finetune they stand."""
    if key == "tags" and may(panel.membership.role, Permission.EDIT_FINETUNES):
        return reverse("finetune-tags", args=[panel.viewer.org_id, panel.finetune_id])
    if key != "tags" and panel.may_edit:
        return reverse("finetune-field", args=[panel.viewer.org_id, panel.finetune.name, key])
    return ""
