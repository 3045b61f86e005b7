"""Routes of billing, beneath an organization."""

from django.urls import path

from dashboard.billing import views

urlpatterns = [
    path("billing/", views.billing, name="billing"),
    path("billing.csv", views.download, name="billing-csv"),
]
