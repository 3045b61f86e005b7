"""What takes an organization's storage: checkpoints, and uploads on their way."""

import json
from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.utils.html import format_html
from django.utils.safestring import SafeString

from finetunes.admin.reading import ForReading
from finetunes.models import Checkpoint, Upload
from finetunes.services import uploads
from finetunes.uploads.errors import UploadGoneError


@admin.register(Checkpoint)
class CheckpointAdmin(ForReading, admin.ModelAdmin):
    """Each goes with the last version that refers to it."""

    list_display = ["short_sha256", "organization", "size", "version_count", "found", "created_at", "discarded_at"]
    list_filter = ["created_at", "discarded_at"]
    list_select_related = ["organization"]
    search_fields = ["sha256", "weights_sha256", "organization__name", "organization__org_id"]
    shown = [
        "organization", "sha256", "weights_sha256", "size", "file_name", "version_count", "created_at",
        "discarded_at", "all_facts",
    ]  # fmt: skip
    fields = [*shown]
    readonly_fields = shown

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        checkpoints: QuerySet[Checkpoint] = super().get_queryset(request)
        return checkpoints.annotate(version_count=Count("versions"))

    @admin.display(description="SHA-256", ordering="sha256")
    def short_sha256(self, checkpoint: Checkpoint) -> str:
        return f"{checkpoint.sha256[:12]}…"

    @admin.display(ordering="bytes")
    def size(self, checkpoint: Checkpoint) -> str:
        return filesizeformat(checkpoint.bytes)

    @admin.display(description="versions", ordering="version_count")
    def version_count(self, checkpoint: Any) -> int:
        count: int = checkpoint.version_count
        return count

    @admin.display(description="made for")
    def found(self, checkpoint: Checkpoint) -> str:
        return str(checkpoint.facts.get("family_label") or checkpoint.facts.get("error") or "not looked into yet")

    @admin.display(description="file")
    def file_name(self, checkpoint: Checkpoint) -> str:
        return str(checkpoint.file.name)  # never a link: files are served to nobody

    @admin.display(description="facts")
    def all_facts(self, checkpoint: Checkpoint) -> SafeString:
        return format_html("<pre>{}</pre>", json.dumps(checkpoint.facts, indent=2, ensure_ascii=False))


@admin.register(Upload)
class UploadAdmin(ForReading, admin.ModelAdmin):
    list_display = ["id", "organization", "file_name", "here", "size", "version", "user", "created_at", "expires_at"]
    list_filter = ["created_at", "expires_at"]
    list_select_related = ["organization", "user", "version__finetune__organization"]
    search_fields = ["=id", "file_name", "organization__name", "organization__org_id", "user__email"]
    actions = ["cancel"]
    shown = [
        "id", "organization", "file_name", "here", "size", "fields", "stored_name", "version", "user", "api_key",
        "created_at", "expires_at",
    ]  # fmt: skip
    fields = [*shown]
    readonly_fields = shown

    @admin.display(ordering="length")
    def size(self, upload: Upload) -> str:
        return filesizeformat(upload.length)

    @admin.display
    def here(self, upload: Upload) -> str:
        try:
            return filesizeformat(uploads.offset_of(upload))
        except UploadGoneError:
            return "–"

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("finetunes.delete_upload")

    @admin.action(description="Cancel selected uploads", permissions=["cancel"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Upload]) -> None:
        for upload in queryset:
            if uploads.cancel(upload):
                self.log_change(request, upload, "Cancelled.")
                messages.success(request, f"The upload of {upload.file_name or upload} is cancelled.")
            else:
                messages.warning(request, f"The upload of {upload.file_name or upload} had ended before.")
