"""What the account pages ask beyond allauth's context: whether sign-up is possible, and a browser's name in words."""

from allauth.account.adapter import get_adapter
from django import template
from django.conf import settings
from django.template import RequestContext

register = template.Library()

# The first that stands in the text names it: each browser also claims to be those below it.
BROWSERS = {
    "Edg": "Edge",
    "OPR/": "Opera",
    "Firefox/": "Firefox",
    "FxiOS/": "Firefox",
    "CriOS/": "Chrome",
    "Chrome/": "Chrome",
    "Safari/": "Safari",
}
SYSTEMS = {
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Android": "Android",
    "CrOS": "ChromeOS",
    "Windows": "Windows",
    "Mac OS X": "macOS",
    "Linux": "Linux",
}


@register.simple_tag(takes_context=True)
def sign_up_is_open(context: RequestContext) -> bool:
    request = context["request"]
    return bool(get_adapter(request).is_open_for_signup(request))


@register.simple_tag
def sign_up_mode() -> str:
    return str(settings.SIGN_UP)


@register.filter
def device(user_agent: str) -> str:
    """`Firefox on Linux`; of what is no known browser the first word, which is how programs name themselves."""
    browser, system = _first(BROWSERS, user_agent), _first(SYSTEMS, user_agent)
    if browser and system:
        return f"{browser} on {system}"
    return browser or user_agent.partition(" ")[0][:40] or "Unknown browser"


def _first(names: dict[str, str], text: str) -> str:
    return next((name for mark, name in names.items() if mark in text), "")
