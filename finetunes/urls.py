"""Routes of the catalog, beneath an organization."""

from django.urls import path

from finetunes.views import catalog, grants, preflight, uploads, versions

urlpatterns = [
    path("finetunes/", catalog.catalog, name="finetunes"),
    path("finetunes/add/", catalog.add, name="finetune-add"),
    path("finetunes/preflight/", preflight.preflight, name="finetune-preflight"),
    # Not beneath finetunes/: a finetune may be named "add".
    path("finetune/<slug:name>/", versions.finetune, name="finetune"),
    path("finetune/<slug:name>/versions/add/", versions.add, name="version-add"),
    path("finetune/<slug:name>/versions/<int:number>/use/", versions.use, name="version-use"),
    path("finetune/<slug:name>/grants/", grants.give, name="grant"),
    path("finetune/<slug:name>/grants/<slug:recipient>/revoke/", grants.revoke, name="grant-revoke"),
    path("uploads/", uploads.uploads, name="uploads"),
    path("uploads/<uuid:upload_id>/", uploads.upload, name="upload"),
]
