"""The operators' view of requests that carried an Idempotency-Key; what they were answered with is the caller's."""

from django.contrib import admin

from dashboard.api.models import IdempotentRequest
from dashboard.billing.admin import ReadOnlyAdmin


@admin.register(IdempotentRequest)
class IdempotentRequestAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "organization", "key", "status", "leased_until"]
    list_filter = ["status", "created_at"]
    list_select_related = ["organization"]
    search_fields = ["key", "organization__name", "organization__org_id"]
    date_hierarchy = "created_at"
    fields = ["organization", "key", "fingerprint", "status", "created_at", "leased_until"]
