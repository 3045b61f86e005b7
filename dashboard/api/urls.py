"""Routes of the API's own pages."""

from django.urls import path

from dashboard.api import views

urlpatterns = [
    # Named like this where the lane of programs lets it by.
    path("v1/docs", views.docs, name="api-docs"),
    path("o/<slug:org_id>/keys/trial/", views.make_trial_key, name="key-trial"),
]
