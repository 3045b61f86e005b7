"""The filter that draws a form field's control as the look wants it."""

from django import template
from django.forms import BoundField, CheckboxInput, Select
from django.utils.safestring import SafeString

register = template.Library()


@register.filter
def control(field: BoundField) -> SafeString:
    """The field's widget with its class; without a placeholder that only repeats the label above it."""
    attrs: dict[str, str | bool] = {"class": _css_class(field)}
    if str(field.label).lower() in str(field.field.widget.attrs.get("placeholder", "")).lower():
        attrs["placeholder"] = False
    return field.as_widget(attrs=attrs)


def _css_class(field: BoundField) -> str:
    widget = field.field.widget
    if isinstance(widget, CheckboxInput):
        return "form-check-input"
    return "form-select" if isinstance(widget, Select) else "form-control"
