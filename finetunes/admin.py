"""The operators' view of the catalog: finetunes and grants of every organization, and what takes its storage."""

import json
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.utils.html import format_html
from django.utils.safestring import SafeString

from dashboard.lib.errors import InvalidInputError
from dashboard.organizations.models import User
from finetunes.models import Checkpoint, Finetune, Grant, Upload, Version
from finetunes.services import catalog, grants, uploads, versions
from finetunes.uploads.errors import UploadGoneError


class FinetuneForm(forms.ModelForm):
    """What an operator may correct."""

    class Meta:
        model = Finetune
        fields = ["name", "base_model", "precision", "trigger_phrase"]

    def clean_name(self) -> str:
        name = str(self.cleaned_data["name"])
        if name != self.instance.name:
            try:
                catalog.check_name_free(self.instance.organization, name)
            except InvalidInputError as error:
                raise ValidationError(error.message) from None
        return name

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if "base_model" in cleaned and "precision" in cleaned:
            try:
                catalog.check_served(cleaned["base_model"], cleaned["precision"])
                if self.instance.checkpoint:
                    versions.check_fits(self.instance.checkpoint, cleaned["base_model"])
            except InvalidInputError as error:
                self.add_error(error.field, error.message)
        return cleaned


class ForReading:
    """Rows that services make and end: the admin shows them."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class GrantInline(ForReading, admin.TabularInline):
    model = Grant
    fields = ["organization", "granted_by", "created_at"]
    readonly_fields = ["created_at"]
    extra = 0
    show_change_link = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Grant]:
        return super().get_queryset(request).select_related("finetune__organization", "organization", "granted_by")


class VersionInline(ForReading, admin.TabularInline):
    model = Version
    fields = ["number", "checkpoint", "created_by", "api_key", "created_at"]
    readonly_fields = ["created_at"]
    extra = 0

    def get_queryset(self, request: HttpRequest) -> QuerySet[Version]:
        found: QuerySet[Version] = super().get_queryset(request)
        return found.select_related("finetune__organization", "checkpoint__organization", "created_by", "api_key")


@admin.register(Finetune)
class FinetuneAdmin(admin.ModelAdmin):
    """Finetunes are added by upload alone, where the checkpoint is checked."""

    form = FinetuneForm
    list_display = [
        "name", "organization", "base_model", "precision", "is_official", "grant_count", "version", "size",
        "created_at",
    ]  # fmt: skip
    list_filter = ["is_official", "base_model", "precision", "created_at"]
    list_select_related = ["organization", "current_version__checkpoint"]
    search_fields = [
        "name", "organization__name", "organization__org_id", "trigger_phrase", "versions__checkpoint__sha256",
    ]  # fmt: skip
    actions = ["publish", "withdraw"]
    inlines = [VersionInline, GrantInline]
    kept = [
        "organization", "is_official", "current_version", "checkpoint_name", "size", "checkpoint_sha256",
        "created_by", "created_at", "updated_at",
    ]  # fmt: skip
    fields = ["name", "base_model", "precision", "trigger_phrase", *kept]
    readonly_fields = kept

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        finetunes: QuerySet[Finetune] = super().get_queryset(request)
        return finetunes.annotate(grant_count=Count("grants"))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def delete_model(self, request: HttpRequest, obj: Finetune) -> None:
        catalog.delete_finetune(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Finetune]) -> None:
        for finetune in queryset:
            catalog.delete_finetune(finetune)

    @admin.display(description="grants", ordering="grant_count")
    def grant_count(self, finetune: Any) -> int:
        count: int = finetune.grant_count
        return count

    @admin.display(ordering="current_version__number")
    def version(self, finetune: Finetune) -> str:
        return finetune.current_version.label if finetune.current_version else "–"

    @admin.display(ordering="current_version__checkpoint__bytes")
    def size(self, finetune: Finetune) -> str:
        return filesizeformat(finetune.checkpoint.bytes) if finetune.checkpoint else "–"

    @admin.display(description="checkpoint")
    def checkpoint_name(self, finetune: Finetune) -> str:
        return str(finetune.checkpoint.file.name) if finetune.checkpoint else "–"

    @admin.display(description="checkpoint SHA-256")
    def checkpoint_sha256(self, finetune: Finetune) -> str:
        return finetune.checkpoint.sha256 if finetune.checkpoint else "–"

    @admin.action(description="Make selected finetunes official", permissions=["change"])
    def publish(self, request: HttpRequest, queryset: QuerySet[Finetune]) -> None:
        for finetune in queryset:
            if catalog.publish_official(finetune):
                self.log_change(request, finetune, "Made official.")
                messages.success(request, f"{finetune} is official: every organization sees it.")
            else:
                messages.warning(request, f"{finetune} was official before.")

    @admin.action(description="Withdraw selected finetunes from official", permissions=["change"])
    def withdraw(self, request: HttpRequest, queryset: QuerySet[Finetune]) -> None:
        for finetune in queryset:
            if catalog.withdraw_official(finetune):
                self.log_change(request, finetune, "Withdrawn from official.")
                messages.success(request, f"{finetune} is official no more.")
            else:
                messages.warning(request, f"{finetune} was not official.")


class GrantForm(forms.ModelForm):
    class Meta:
        model = Grant
        fields = ["finetune", "organization"]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if "finetune" in cleaned and "organization" in cleaned:
            try:
                grants.check_recipient(cleaned["finetune"], cleaned["organization"])
            except InvalidInputError as error:
                self.add_error("organization", error.message)
        return cleaned


@admin.register(Grant)
class GrantAdmin(admin.ModelAdmin):
    """A grant is given or ended, never turned into another."""

    form = GrantForm
    list_display = ["finetune", "organization", "granted_by", "created_at"]
    list_filter = ["created_at", "finetune__base_model"]
    list_select_related = ["finetune__organization", "organization", "granted_by"]
    search_fields = [
        "finetune__name", "finetune__organization__org_id", "organization__name", "organization__org_id",
    ]  # fmt: skip
    autocomplete_fields = ["finetune", "organization"]

    def has_change_permission(self, request: HttpRequest, obj: Grant | None = None) -> bool:
        return False

    def get_fields(self, request: HttpRequest, obj: Grant | None = None) -> Any:
        return ["finetune", "organization", *(["granted_by", "created_at"] if obj else [])]

    def save_model(self, request: HttpRequest, obj: Grant, form: "forms.ModelForm[Grant]", change: bool) -> None:
        assert isinstance(request.user, User)
        made = grants.grant(obj.finetune, obj.organization.org_id, granted_by=request.user)
        # The admin goes on with the object that it built: let it be the row that was made.
        obj.__dict__.update(made.__dict__)

    def delete_model(self, request: HttpRequest, obj: Grant) -> None:
        grants.revoke(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Grant]) -> None:
        for grant in queryset.select_related("finetune__organization", "organization"):
            grants.revoke(grant)


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
