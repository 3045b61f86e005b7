"""The tags that write a moment: everywhere the same, in UTC, with the exact second in the title."""

from datetime import datetime

from django import template
from django.contrib.humanize.templatetags.humanize import naturaltime
from django.utils.dateformat import format as format_date
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag
def day(at: datetime) -> SafeString:
    """21 Nov 2026."""
    return _time(at, format_date(at, "j M Y"))


@register.simple_tag
def moment(at: datetime) -> SafeString:
    """21 Nov 2026, 18:09; that it is UTC is said beside it or above the list."""
    return _time(at, format_date(at, "j M Y, H:i"))


@register.simple_tag
def second(at: datetime) -> SafeString:
    """21 Nov 2026, 18:09:36, for a log of what may follow within a minute."""
    return _time(at, format_date(at, "j M Y, H:i:s"))


@register.simple_tag
def ago(at: datetime) -> SafeString:
    """3 minutes ago."""
    return _time(at, naturaltime(at))


def _time(at: datetime, text: str) -> SafeString:
    title = format_date(at, "j F Y, H:i:s")
    return format_html('<time datetime="{}" title="{} UTC">{}</time>', at.isoformat(), title, text)
