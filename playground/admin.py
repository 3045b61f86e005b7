"""Operators' view of generations, for reading, because a state moves by the workflow alone; and limits on tasks."""

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from dashboard.bfl.endpoints import ENDPOINTS
from dashboard.lib.credits import as_text
from finetunes.admin.reading import ForReading
from playground.models import Generation, TaskLimit, Webhook, WebhookDelivery


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


class TaskLimitForm(forms.ModelForm):
    endpoint_name = forms.ChoiceField(
        label="Endpoint",
        required=False,
        choices=[("", "All together"), *((endpoint.name, endpoint.name) for endpoint in ENDPOINTS)],
    )


@admin.register(TaskLimit)
class TaskLimitAdmin(admin.ModelAdmin):
    """In place of MAX_ACTIVE_TASKS, or of an endpoint's own limit, for one organization's API keys."""

    form = TaskLimitForm
    fields = ["organization", "endpoint_name", "most"]
    list_display = ["organization", "endpoint", "most"]
    list_filter = ["endpoint_name"]
    list_select_related = ["organization"]
    search_fields = ["organization__name", "organization__org_id"]
    autocomplete_fields = ["organization"]

    @admin.display(ordering="endpoint_name")
    def endpoint(self, limit: TaskLimit) -> str:
        return limit.endpoint_name or "All together"


class DeliveryInline(ForReading, admin.TabularInline):
    model = WebhookDelivery
    verbose_name_plural = "deliveries"
    fields = ["created_at", "status", "error", "seconds", "resent_by"]
    readonly_fields = ["created_at"]


@admin.register(Webhook)
class WebhookAdmin(ForReading, admin.ModelAdmin):
    list_display = ["id", "organization", "state", "tries", "due_at", "created_at"]
    list_filter = ["state", "created_at"]
    search_fields = ["=generation__id", "organization__org_id", "organization__name"]
    list_select_related = ["organization"]
    show_full_result_count = False
    inlines = [DeliveryInline]
    exclude = ["secret"]
