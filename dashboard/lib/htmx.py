"""The one place that decides whether a request wants a fragment or the whole page, and answers accordingly."""

from typing import Any
from urllib.parse import urlsplit

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

    A form in a dialog over another page closes the dialog and loads `url` into `refresh` on that page.
    """
    if not wants_fragment(request):
        return redirect(url)
    htmx: HtmxDetails = request.htmx  # type: ignore[attr-defined]
    if urlsplit(htmx.current_url or "").path == request.path:
        return HttpResponseClientRedirect(url)
    return trigger_client_event(HttpResponseLocation(url, target=refresh, swap="outerHTML"), "dialog:close")


def render_toast(request: HttpRequest, template: str, context: dict[str, Any], *, status: int) -> HttpResponse:
    """An answer that stands in no page's place: it joins the toasts and leaves page and address as they are."""
    response = render(request, template, context, status=status)
    response["HX-Retarget"] = "#toasts"
    response["HX-Reswap"] = "beforeend"
    response["HX-Push-Url"] = "false"
    return response
