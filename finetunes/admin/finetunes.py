"""Finetunes of every organization: corrected, deleted and made official by operators."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat

from dashboard.lib.errors import InvalidInputError
from finetunes.admin.reading import ForReading
from finetunes.models import Finetune, Grant, Version
from finetunes.services import catalog, editing, names, versions

GONE_WITH_IT = "its versions and their files, its grants, samples and counts of use"


class FinetuneForm(forms.ModelForm):
    """What an operator may correct."""

    class Meta:
        model = Finetune
        fields = ["name", "base_model", "precision", "trigger_phrase"]

    def clean_name(self) -> str:
        name = str(self.cleaned_data["name"])
        if name != self.instance.name:
            try:
                catalog.check_name_free(self.instance.organization, name, besides=self.instance)
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


class GrantInline(ForReading, admin.TabularInline):
    model = Grant
    fields = ["organization", "expires_at", "monthly_cap", "granted_by", "created_at"]
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
        "created_at", "deleted_at",
    ]  # fmt: skip
    list_filter = [
        "is_official", "base_model", "precision", "created_at", ("deleted_at", admin.EmptyFieldListFilter),
    ]  # fmt: skip
    list_select_related = ["organization", "current_version__checkpoint"]
    search_fields = [
        "name", "organization__name", "organization__org_id", "trigger_phrase", "versions__checkpoint__sha256",
    ]  # fmt: skip
    actions = ["publish", "withdraw"]
    inlines = [VersionInline, GrantInline]
    kept = [
        "organization", "is_official", "current_version", "checkpoint_name", "size", "checkpoint_sha256",
        "created_by", "created_at", "updated_at", "deleted_at", "deleted_by",
    ]  # fmt: skip
    fields = ["name", "base_model", "precision", "trigger_phrase", *kept]
    readonly_fields = kept

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        finetunes: QuerySet[Finetune] = super().get_queryset(request)
        return finetunes.annotate(grant_count=Count("grants"))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Finetune | None = None) -> bool:
        """What lies in the trash is restored by its owner first."""
        return super().has_change_permission(request, obj) and not (obj and obj.deleted_at)

    def save_model(self, request: HttpRequest, obj: Finetune, form: "forms.ModelForm[Finetune]", change: bool) -> None:
        """By the services, which keep an old name from others and write the owner's activity log."""
        if "name" in form.changed_data:
            name, obj.name = obj.name, form.initial["name"]
            names.rename_finetune(obj, name)
        changes = {field: form.cleaned_data[field] for field in form.changed_data if field in editing.EDITABLE}
        editing.edit_finetune(obj, changes)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Named alone: their uses, which the admin would read and write out one by one, may be very many.

        Nor does an upload, which nobody deletes here, stand in the way: it goes with the version that it became.
        """
        lacking = set() if self.has_delete_permission(request) else {self.opts.verbose_name}
        return (
            [[str(finetune), [GONE_WITH_IT]] for finetune in objs],
            {self.opts.verbose_name_plural: len(objs)},
            lacking,
            [],
        )

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
                messages.warning(request, f"{finetune} was official before, or lies in the trash.")

    @admin.action(description="Withdraw selected finetunes from official", permissions=["change"])
    def withdraw(self, request: HttpRequest, queryset: QuerySet[Finetune]) -> None:
        for finetune in queryset:
            if catalog.withdraw_official(finetune):
                self.log_change(request, finetune, "Withdrawn from official.")
                messages.success(request, f"{finetune} is official no more.")
            else:
                messages.warning(request, f"{finetune} was not official.")
