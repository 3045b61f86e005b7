"""Routes of the Playground, beneath an organization, and of signed samples, beneath nothing."""

from django.urls import path

from playground import views

urlpatterns = [
    path("playground/", views.playground, name="playground"),
    path("playground/price/", views.price, name="playground-price"),
    path("generations/<uuid:generation_id>/", views.generation, name="generation"),
    path("generations/<uuid:generation_id>/image/", views.image, name="generation-image"),
    path("generations/<uuid:generation_id>/thumbnail/", views.thumbnail, name="generation-thumbnail"),
]
sample_urlpatterns = [
    path("samples/<uuid:generation_id>.<str:extension>", views.sample, name="sample"),
]
