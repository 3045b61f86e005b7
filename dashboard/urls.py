"""The map of every URL. An organization's pages carry its ID, so that two tabs may hold two organizations."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from dashboard.views import home

handler404 = "dashboard.views.not_found"
handler500 = "dashboard.views.server_error"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", home, name="home"),
    path("account/", include("allauth.account.urls")),
    path("admin/", admin.site.urls),
]
