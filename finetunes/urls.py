"""Routes of the catalog, beneath an organization."""

from django.urls import path, register_converter

from finetunes.converters import FinetuneIdConverter
from finetunes.views import (
    bulk,
    catalog,
    downloads,
    fields,
    grants,
    labels,
    names,
    overview,
    preflight,
    samples,
    trash,
    uploads,
    upstream,
    usage,
    versions,
)

register_converter(FinetuneIdConverter, "finetune_id")

urlpatterns = [
    path("finetunes/", catalog.catalog, name="finetunes"),
    path("finetunes/add/", catalog.add, name="finetune-add"),
    path("finetunes/tag/", bulk.tag, name="finetunes-tag"),
    path("finetunes/delete/", bulk.delete, name="finetunes-delete"),
    path("finetunes/restore/", bulk.restore, name="finetunes-restore"),
    path("finetunes/rows/<int:pk>/", catalog.row, name="finetune-row"),
    path("finetunes/rows/<int:pk>/star/", labels.star, name="finetune-star"),
    path("finetunes/trash/", trash.trash, name="finetune-trash"),
    path("finetunes/trash/<slug:name>/remove/", trash.remove, name="finetune-remove"),
    path("finetunes/preflight/", preflight.preflight, name="finetune-preflight"),
    path("finetunes/import/", upstream.import_finetunes, name="finetune-import"),
    # Not beneath finetunes/: a finetune may be named "add". Its tabs, also of one that another organization shares:
    path("finetune/<finetune_id:finetune_id>/", overview.overview, name="finetune"),
    path("finetune/<finetune_id:finetune_id>/sharing/", grants.sharing, name="finetune-sharing"),
    path("finetune/<finetune_id:finetune_id>/usage/", usage.usage, name="finetune-usage"),
    path("finetune/<finetune_id:finetune_id>/usage/csv/", usage.download, name="finetune-usage-csv"),
    path("finetune/<finetune_id:finetune_id>/checkpoint/", versions.checkpoint, name="finetune-checkpoint"),
    path("finetune/<finetune_id:finetune_id>/samples/", samples.samples, name="finetune-samples"),
    path("finetune/<finetune_id:finetune_id>/samples/<int:sample_id>/image/", samples.image, name="sample-image"),
    path(
        "finetune/<finetune_id:finetune_id>/samples/<int:sample_id>/thumbnail/",
        samples.thumbnail,
        name="sample-thumbnail",
    ),
    path("finetune/<finetune_id:finetune_id>/api/", overview.api_example, name="finetune-api"),
    path("finetune/<finetune_id:finetune_id>/tags/", fields.tags, name="finetune-tags"),
    # What its owner does with it:
    path("finetune/<slug:name>/fields/<slug:field>/", fields.field, name="finetune-field"),
    path("finetune/<slug:name>/samples/<int:sample_id>/cover/", samples.cover, name="sample-cover"),
    path("finetune/<slug:name>/samples/<int:sample_id>/remove/", samples.remove, name="sample-remove"),
    path("finetune/<slug:name>/versions/<int:number>/download/", downloads.download, name="version-download"),
    path("finetune/<slug:name>/upstream/", upstream.edit, name="finetune-upstream"),
    path("finetune/<slug:name>/upstream/check/", upstream.check, name="upstream-check"),
    path("finetune/<slug:name>/rename/", names.rename, name="finetune-rename"),
    path("finetune/<slug:name>/delete/", trash.delete, name="finetune-delete"),
    path("finetune/<slug:name>/restore/", trash.restore, name="finetune-restore"),
    path("finetune/<slug:name>/versions/add/", versions.add, name="version-add"),
    path("finetune/<slug:name>/versions/<int:number>/use/", versions.use, name="version-use"),
    path("finetune/<slug:name>/grants/", grants.give, name="grant"),
    path("finetune/<slug:name>/grants/<slug:recipient>/", grants.edit, name="grant-edit"),
    path("finetune/<slug:name>/grants/<slug:recipient>/revoke/", grants.revoke, name="grant-revoke"),
    path("uploads/", uploads.uploads, name="uploads"),
    path("uploads/<uuid:upload_id>/", uploads.upload, name="upload"),
]
