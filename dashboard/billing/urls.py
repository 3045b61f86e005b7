"""Routes of billing, beneath an organization."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
