"""The operators' view of the catalog: finetunes of every organization, the grants, and which are official."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat

from dashboard.lib.errors import InvalidInputError
from dashboard.organizations.models import User
from finetunes import services
from finetunes.models import Finetune, Grant


class FinetuneForm(forms.ModelForm):
    """What an operator may correct."""

    class Meta:
        model = Finetune
        fields = ["name", "base_model", "precision", "trigger_phrase"]

    def clean_name(self) -> str:
        name = str(self.cleaned_data["name"])
        if name != self.instance.name:
            try:
                services.check_name_free(self.instance.organization, name)
            except InvalidInputError as error:
                raise ValidationError(error.message) from None
        return name

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if "base_model" in cleaned and "precision" in cleaned:
            try:
                services.check_served(cleaned["base_model"], cleaned["precision"])
            except InvalidInputError as error:
                self.add_error(error.field, error.message)
        return cleaned


class GrantInline(admin.TabularInline):
    model = Grant
    fields = ["organization", "granted_by", "created_at"]
    readonly_fields = ["organization", "granted_by", "created_at"]
    extra = 0
    can_delete = False
    show_change_link = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Grant]:
        return super().get_queryset(request).select_related("finetune__organization", "organization", "granted_by")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Finetune)
class FinetuneAdmin(admin.ModelAdmin):
    """Finetunes are added by upload alone, where the checkpoint is checked."""

    form = FinetuneForm
    list_display = [
        "name", "organization", "base_model", "precision", "is_official", "grant_count", "size", "created_at",
    ]  # fmt: skip
    list_filter = ["is_official", "base_model", "precision", "created_at"]
    list_select_related = ["organization"]
    search_fields = ["name", "organization__name", "organization__org_id", "trigger_phrase", "checkpoint_sha256"]
    actions = ["publish", "withdraw"]
    inlines = [GrantInline]
    kept = [
        "organization", "is_official", "checkpoint_name", "size", "checkpoint_sha256",
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
        services.delete_finetune(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Finetune]) -> None:
        for finetune in queryset:
            services.delete_finetune(finetune)

    @admin.display(description="grants", ordering="grant_count")
    def grant_count(self, finetune: Any) -> int:
        count: int = finetune.grant_count
        return count

    @admin.display(ordering="checkpoint_bytes")
    def size(self, finetune: Finetune) -> str:
        return filesizeformat(finetune.checkpoint_bytes)

    @admin.display(description="checkpoint")
    def checkpoint_name(self, finetune: Finetune) -> str:
        return str(finetune.checkpoint.name)

    @admin.action(description="Make selected finetunes official", permissions=["change"])
    def publish(self, request: HttpRequest, queryset: QuerySet[Finetune]) -> None:
        for finetune in queryset:
            if services.publish_official(finetune):
                self.log_change(request, finetune, "Made official.")
                messages.success(request, f"{finetune} is official: every organization sees it.")
            else:
                messages.warning(request, f"{finetune} was official before.")

    @admin.action(description="Withdraw selected finetunes from official", permissions=["change"])
    def withdraw(self, request: HttpRequest, queryset: QuerySet[Finetune]) -> None:
        for finetune in queryset:
            if services.withdraw_official(finetune):
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
                services.check_recipient(cleaned["finetune"], cleaned["organization"])
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
        made = services.grant(obj.finetune, obj.organization.org_id, granted_by=request.user)
        # The admin goes on with the object that it built: let it be the row that was made.
        obj.__dict__.update(made.__dict__)
