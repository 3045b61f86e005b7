"""Ending one of one's own sessions; allauth has the list and the end of all others."""

from allauth.usersessions.adapter import get_adapter
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from dashboard.lib.errors import NotFoundError
from dashboard.organizations import queries
from dashboard.organizations.models import User


@require_POST
@login_required
def end_session(request: HttpRequest, session_id: int) -> HttpResponse:
    assert isinstance(request.user, User)
    session = queries.find_session(request.user, session_id)
    if session is None:
        raise NotFoundError("There is no such session; it may have ended already.")
    get_adapter().end_sessions([session])
    messages.success(request, "That session is signed out.")
    return redirect("usersessions_list")
