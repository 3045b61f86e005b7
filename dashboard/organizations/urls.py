"""Routes of organizations: their pages beneath `o/<org_id>/`, and those that belong to a person."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
