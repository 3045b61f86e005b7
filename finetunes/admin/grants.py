"""Grants between organizations."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from dashboard.lib.errors import InvalidInputError
from dashboard.organizations.models import User
from finetunes.models import Grant
from finetunes.services import grants


class GrantForm(forms.ModelForm):
    class Meta:
        model = Grant
        fields = ["finetune", "organization", "expires_at", "monthly_cap"]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        try:
            grants.check_limits(cleaned.get("expires_at"), cleaned.get("monthly_cap"))
        except InvalidInputError as error:
            self.add_error(error.field, error.message)
        if "finetune" in cleaned and "organization" in cleaned:
            try:
                grants.check_recipient(cleaned["finetune"], cleaned["organization"])
            except InvalidInputError as error:
                self.add_error("organization", error.message)
        return cleaned


@admin.register(Grant)
class GrantAdmin(admin.ModelAdmin):
    """A grant gets other limits or is ended, and never goes over to another organization or finetune."""

    form = GrantForm
    list_display = ["finetune", "organization", "is_live", "expires_at", "monthly_cap", "granted_by", "created_at"]
    list_filter = ["expires_at", "created_at", "finetune__base_model"]
    list_select_related = ["finetune__organization", "organization", "granted_by"]
    search_fields = [
        "finetune__name", "finetune__organization__org_id", "organization__name", "organization__org_id",
    ]  # fmt: skip
    autocomplete_fields = ["finetune", "organization"]

    def get_fields(self, request: HttpRequest, obj: Grant | None = None) -> Any:
        kept = ["granted_by", "created_at"] if obj else []
        return ["finetune", "organization", "expires_at", "monthly_cap", *kept]

    def get_readonly_fields(self, request: HttpRequest, obj: Grant | None = None) -> Any:
        return ["finetune", "organization", "granted_by", "created_at"] if obj else []

    def has_change_permission(self, request: HttpRequest, obj: Grant | None = None) -> bool:
        """Of what lies in the trash no recipient hears anything."""
        return super().has_change_permission(request, obj) and not (obj and obj.finetune.deleted_at)

    @admin.display(boolean=True, description="live")
    def is_live(self, grant: Grant) -> bool:
        return grant.is_live

    def save_model(self, request: HttpRequest, obj: Grant, form: "forms.ModelForm[Grant]", change: bool) -> None:
        assert isinstance(request.user, User)
        limits: dict[str, Any] = {"expires_at": obj.expires_at, "monthly_cap": obj.monthly_cap}
        if change:
            grants.change(obj, **limits)
            return
        made = grants.grant(obj.finetune, obj.organization.org_id, granted_by=request.user, **limits)
        # The admin goes on with the object that it built: let it be the row that was made.
        obj.__dict__.update(made.__dict__)

    def delete_model(self, request: HttpRequest, obj: Grant) -> None:
        grants.revoke(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Grant]) -> None:
        for grant in queryset.select_related("finetune__organization", "organization"):
            grants.revoke(grant)
