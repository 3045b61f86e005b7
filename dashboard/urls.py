"""The map of every URL. An organization's pages carry its ID, so that two tabs may hold two organizations."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from dashboard.api.wire import create_api
from dashboard.billing.api import router as billing_router
from dashboard.views import home
from finetunes.api import router as finetunes_router
from playground.api import results
from playground.api import router as playground_router
from playground.urls import outer_urlpatterns

handler400 = "dashboard.views.bad_request"
handler403 = "dashboard.views.forbidden"
handler404 = "dashboard.views.not_found"
handler500 = "dashboard.views.server_error"

api = create_api()
api.add_router("", billing_router)
api.add_router("", finetunes_router)
api.add_router("", playground_router)

# Polls are most of what this server answers: they pass ninja by, and need not be compared with the addresses of pages.
calls, calls_app, calls_namespace = api.urls
urlpatterns: list[URLPattern | URLResolver] = [
    path("v1/", ([path("get_result", results.answer, name="get_result"), *calls], calls_app, calls_namespace)),
    path("", home, name="home"),
    path("account/", include("allauth.account.urls")),
    path("account/2fa/", include("allauth.mfa.urls")),
    path("account/sessions/", include("allauth.usersessions.urls")),
    path("account/3rdparty/", include("allauth.socialaccount.urls")),
    path("account/", include("allauth.socialaccount.providers.openid_connect.urls")),
    path("", include("dashboard.api.urls")),
    path("", include("dashboard.organizations.urls")),
    path("o/<slug:org_id>/", include("dashboard.billing.urls")),
    path("admin/", admin.site.urls),
    path("o/<slug:org_id>/", include("finetunes.urls")),
    path("o/<slug:org_id>/", include("playground.urls")),
    *outer_urlpatterns,
]
