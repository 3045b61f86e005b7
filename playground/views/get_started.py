"""Get started: a key, a first call that works as pasted, the Playground; each for whoever may."""

import shlex

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from dashboard.organizations.access import get_membership
from dashboard.organizations.roles import Permission, roles_that_may
from finetunes.queries import find_example
from finetunes.snippets import curl_snippet


@login_required
@require_safe
def get_started(request: HttpRequest, org_id: str) -> HttpResponse:
    organization = get_membership(request, org_id, Permission.SEE_CATALOG).organization
    finetune = find_example(organization)
    export = f"export BFL_API={shlex.quote(settings.BASE_URL)}\n\n"
    context = {
        "finetune": finetune,
        "finetune_id": finetune.id_for(organization) if finetune else "",
        "snippet": export + curl_snippet(finetune, organization) if finetune else "",
        "who_manages_keys": roles_that_may(Permission.MANAGE_KEYS),
        "who_edits_finetunes": roles_that_may(Permission.EDIT_FINETUNES),
        "who_generates": roles_that_may(Permission.GENERATE),
    }
    return render(request, "playground/get_started.html", context)
