"""Routes of the catalog, beneath an organization."""

from django.urls import path

from finetunes import views

urlpatterns = [
    path("finetunes/", views.catalog, name="finetunes"),
    path("finetunes/add/", views.add, name="finetune-add"),
]
