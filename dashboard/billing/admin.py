"""The operators' view of the books: ledger and accounts for reading, top-up as an action on organizations."""

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db import transaction
from django.db.models import F, Model, QuerySet
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from dashboard.billing import services
from dashboard.billing.models import Account, LedgerEntry
from dashboard.lib.credits import MILLI, as_text
from dashboard.lib.errors import InvalidInputError
from dashboard.organizations.admin import OrganizationAdmin
from dashboard.organizations.models import Organization, User

MOST_CREDITS = 100_000_000
TOP_UP_TEMPLATE = "admin/billing/top_up.html"


class TopUpForm(forms.Form):
    """What a top-up asks. That the amount is above zero is the service's rule, and its sentence."""

    amount = forms.DecimalField(max_value=MOST_CREDITS, decimal_places=3, help_text="In credits; 1 credit is US$0.01.")
    note = forms.CharField(
        label="Reason",
        max_length=200,
        error_messages={"required": "Give a reason; it stands in the ledger for good."},
        widget=forms.TextInput(attrs={"class": "vTextField"}),
    )

    def millicredits(self) -> int:
        amount: Decimal = self.cleaned_data["amount"]
        return int(amount * MILLI)


@admin.register(Organization)
class OrganizationWithCreditsAdmin(OrganizationAdmin):
    list_display = ["name", "org_id", "credits", "member_count", "created_at"]
    readonly_fields = ["org_id", "credits", "created_at"]
    fields = ["name", "org_id", "credits", "storage_quota_bytes", "created_at"]
    actions = ["top_up"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        organizations: QuerySet[Organization] = super().get_queryset(request)
        return organizations.annotate(balance=Coalesce(F("account__balance"), 0))

    @admin.display(ordering="balance")
    def credits(self, organization: Any) -> str:
        return as_text(getattr(organization, "balance", 0))

    def has_top_up_permission(self, request: HttpRequest) -> bool:
        assert isinstance(request.user, User)
        return request.user.has_perm("billing.add_ledgerentry")

    @admin.action(description="Top up credits of selected organizations", permissions=["top_up"])
    def top_up(self, request: HttpRequest, queryset: QuerySet[Organization]) -> HttpResponse | None:
        """The first POST comes from the list and asks; the second brings amount and reason."""
        form = TopUpForm(request.POST if "top_up" in request.POST else None)
        organizations = list(queryset)
        if form.is_valid() and self._book(request, organizations, form):
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": "Top up credits",
            "opts": self.opts,
            "form": form,
            "organizations": organizations,
            "action_checkbox_name": ACTION_CHECKBOX_NAME,
        }
        return TemplateResponse(request, TOP_UP_TEMPLATE, context)

    def _book(self, request: HttpRequest, organizations: list[Organization], form: TopUpForm) -> bool:
        """Tops up all or none. False when the service refused; the form then says why."""
        millicredits, note = form.millicredits(), form.cleaned_data["note"]
        done = f"Topped up by {as_text(millicredits)} credits: {note}"
        try:
            with transaction.atomic():
                for organization in organizations:
                    services.top_up(organization, millicredits, note=note)
                    self.log_change(request, organization, done)
        except InvalidInputError as error:
            form.add_error(error.field, error.message)
            return False
        for organization in organizations:
            messages.success(request, f"{organization}: {done}")
        return True


class ReadOnlyAdmin(admin.ModelAdmin):
    """Nothing here is added, changed or deleted by hand."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(LedgerEntry)
class LedgerEntryAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "organization", "kind", "credits", "note", "reference"]
    list_filter = ["kind", "created_at"]
    list_select_related = ["organization"]
    search_fields = ["organization__name", "organization__org_id", "reference", "note"]
    date_hierarchy = "created_at"
    fields = ["organization", "kind", "credits", "amount", "reference", "note", "created_at"]

    @admin.display(ordering="amount")
    def credits(self, entry: LedgerEntry) -> str:
        return as_text(entry.amount)


@admin.register(Account)
class AccountAdmin(ReadOnlyAdmin):
    list_display = ["organization", "credits"]
    list_select_related = ["organization"]
    search_fields = ["organization__name", "organization__org_id"]
    fields = ["organization", "credits", "balance"]

    @admin.display(ordering="balance")
    def credits(self, account: Account) -> str:
        return as_text(account.balance)
