"""Routes of the Playground, beneath an organization, and of signed samples, beneath nothing."""

from django.urls import path

from playground.views import get_started, pages, usage

urlpatterns = [
    path("get-started/", get_started.get_started, name="get-started"),
    path("playground/", pages.playground, name="playground"),
    path("playground/price/", pages.price, name="playground-price"),
    path("generations/<uuid:generation_id>/", pages.generation, name="generation"),
    path("generations/<uuid:generation_id>/image/", pages.image, name="generation-image"),
    path("generations/<uuid:generation_id>/thumbnail/", pages.thumbnail, name="generation-thumbnail"),
    path("usage/", usage.usage, name="usage"),
    path("usage.csv", usage.download, name="usage-csv"),
]
sample_urlpatterns = [
    path("samples/<uuid:generation_id>.<str:extension>", pages.sample, name="sample"),
]
