"""The one place that decides whether a request wants a fragment or the whole page, and answers accordingly."""

import json
from typing import Any
from urllib.parse import SplitResult, urlsplit

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import patch_vary_headers
from django_htmx.http import HttpResponseClientRedirect, HttpResponseLocation, trigger_client_event
from django_htmx.middleware import HtmxDetails


def wants_fragment(request: HttpRequest) -> bool:
    """True for htmx, but neither for a boosted link nor for a history restore: both need the whole page."""
    htmx: HtmxDetails = request.htmx  # type: ignore[attr-defined]
    return bool(htmx) and not htmx.boosted and not htmx.history_restore_request


def render_page(
    request: HttpRequest, template: str, context: dict[str, Any], *, fragment: str, status: int = 200
) -> HttpResponse:
    """Renders the page, or its inline partial `fragment` for htmx, from the same context and `is_fragment`."""
    is_fragment = wants_fragment(request)
    name = f"{template}#{fragment}" if is_fragment else template
    response = render(request, name, {**context, "is_fragment": is_fragment}, status=status)
    patch_vary_headers(response, ["HX-Request"])
    return response


def leave_form(request: HttpRequest, url: str, *, refresh: str) -> HttpResponse:
    """After a POST that worked, on to `url`.

    A form in a dialog over another page closes the dialog and loads `url` into `refresh` on that page, whose address
    stays unless it is `url` with another query.
    """
    if not wants_fragment(request):
        return redirect(url)
    current = _page_of(request).path
    if current == request.path:
        return HttpResponseClientRedirect(url)
    response = HttpResponseLocation(url, target=refresh, swap="outerHTML")
    if current != urlsplit(url).path:
        _without_push(response)
    return trigger_client_event(response, "dialog:close")


def leave_for_list(request: HttpRequest, url: str, *, refresh: str, elsewhere: str = "") -> HttpResponse:
    """After a POST by which the page of a thing ended or moved: back to the list at `url`.

    Where that list is the page already, it closes the dialog over it and loads `refresh` anew as it is filtered and
    paged. From any other page the browser goes to the list, or to `elsewhere`.
    """
    if not wants_fragment(request):
        return redirect(elsewhere or url)
    current = _page_of(request)
    if current.path != urlsplit(url).path:
        return HttpResponseClientRedirect(elsewhere or url)
    same = f"{current.path}?{current.query}" if current.query else current.path
    response = HttpResponseLocation(same, target=refresh, swap="outerHTML")
    return trigger_client_event(_without_push(response), "dialog:close")


def stands_on(request: HttpRequest, url: str) -> bool:
    """Whether the page that sent this, from a dialog over it or from within, is the one at `url`."""
    return _page_of(request).path == urlsplit(url).path


def _page_of(request: HttpRequest) -> SplitResult:
    """The address of the page that sent this; that of no page where a header says what can be no address."""
    htmx: HtmxDetails = request.htmx  # type: ignore[attr-defined]
    try:
        return urlsplit(htmx.current_url or "")
    except ValueError:
        return urlsplit("")


def _without_push(response: HttpResponse) -> HttpResponse:
    """django-htmx has no argument for it."""
    response["HX-Location"] = json.dumps({**json.loads(response["HX-Location"]), "push": "false"})
    return response


def render_toast(request: HttpRequest, template: str, context: dict[str, Any], *, status: int) -> HttpResponse:
    """An answer that stands in no page's place: it joins the toasts and leaves page and address as they are."""
    response = render(request, template, context, status=status)
    response["HX-Retarget"] = "#toasts"
    response["HX-Reswap"] = "beforeend"
    response["HX-Push-Url"] = "false"
    return response
