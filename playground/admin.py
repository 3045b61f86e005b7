"""Operators' view of generations; read only, because a state moves by the workflow alone."""

from django.contrib import admin
from django.http import HttpRequest

from dashboard.lib.credits import as_text
from playground.models import Generation


@admin.register(Generation)
class GenerationAdmin(admin.ModelAdmin):
    list_display = [
        "id",
        "organization",
        "finetune_id_sent",
        "endpoint_name",
        "state",
        "credits",
        "attempts",
        "created_at",
    ]
    list_filter = ["state", "endpoint_name", "provider", "created_at"]
    search_fields = ["=id", "organization__org_id", "organization__name", "finetune_id_sent"]
    list_select_related = ["organization"]
    date_hierarchy = "created_at"
    show_full_result_count = False
    # Prompts and images are the caller's own.
    exclude = ["inputs", "references", "image", "thumbnail", "sample_url", "polling_url"]

    @admin.display(ordering="cost")
    def credits(self, generation: Generation) -> str:
        return as_text(generation.cost)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Generation | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Generation | None = None) -> bool:
        return False
