"""The operators' view of people, organizations, invitations, API keys and the activity log; no digest is on a page."""

from typing import Any

from allauth.account.models import EmailAddress
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.db.models import Count, Q, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils import timezone

from dashboard.lib.errors import DashboardError
from dashboard.organizations import actors, audit
from dashboard.organizations.actors import Actor
from dashboard.organizations.events import Action
from dashboard.organizations.models import ApiKey, AuditEvent, Invitation, Membership, Organization, User
from dashboard.organizations.roles import Scope
from dashboard.organizations.services import keys


class LowercaseEmailMixin:
    """E-mail addresses are kept in lower case, however they were typed."""

    cleaned_data: dict[str, Any]

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).lower()


class PersonAddForm(LowercaseEmailMixin, AdminUserCreationForm):
    class Meta:
        model = User
        fields = ["email"]


class PersonChangeForm(LowercaseEmailMixin, UserChangeForm):
    class Meta:
        model = User
        fields = "__all__"


class MembershipInline(admin.TabularInline):
    """For reading: memberships are added and changed on pages of their own, which stay fast in any size."""

    model = Membership
    fields = ["organization", "user", "role", "created_at"]
    readonly_fields = ["organization", "user", "role", "created_at"]
    extra = 0
    can_delete = False
    show_change_link = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        return super().get_queryset(request).select_related("organization", "user")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(User)
class PersonAdmin(UserAdmin):
    form = PersonChangeForm
    add_form = PersonAddForm
    list_display = ["email", "first_name", "last_name", "is_active", "is_staff", "last_login"]
    list_filter = ["is_active", "is_staff", "is_superuser", "date_joined"]
    search_fields = ["email", "first_name", "last_name"]
    ordering = ["email"]
    readonly_fields = ["last_login", "date_joined"]
    inlines = [MembershipInline]
    fieldsets = [
        (None, {"fields": ["email", "password"]}),
        ("Name", {"fields": ["first_name", "last_name"]}),
        ("May", {"fields": ["is_active", "is_staff", "is_superuser", "groups", "user_permissions"]}),
        ("Dates", {"fields": ["last_login", "date_joined"]}),
    ]
    add_fieldsets = [
        (None, {"classes": ["wide"], "fields": ["email", "usable_password", "password1", "password2"]}),
    ]

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        return self.inlines if obj else []

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if "email" in form.changed_data:
            # Whoever reads the old one must not reset the password by it, nor confirm a change that is under way.
            EmailAddress.objects.filter(user=obj).exclude(email=obj.email).delete()
            obj.vouch_for_email()

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        for member in obj.memberships.select_related("user", "organization"):
            _record(member, Action.MEMBER_REMOVED)
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        for user in queryset:
            self.delete_model(request, user)


class OrganizationAdmin(admin.ModelAdmin):
    """Registered by `dashboard.billing.admin`, which adds the credits."""

    list_display = ["name", "org_id", "member_count", "created_at"]
    list_filter = ["created_at"]
    search_fields = ["name", "org_id", "memberships__user__email"]
    readonly_fields = ["org_id", "created_at"]
    fields = ["name", "org_id", "storage_quota_bytes", "created_at"]
    inlines = [MembershipInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        organizations: QuerySet[Organization] = super().get_queryset(request)
        return organizations.annotate(member_count=Count("memberships", distinct=True))

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        return self.inlines if obj else []

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What protects an organization is why it stays; that its ledger is nobody's to delete is no second reason."""
        objects, counts, lacking, protected = super().get_deleted_objects(objs, request)
        return objects, counts, set() if protected else lacking, protected

    def save_model(
        self, request: HttpRequest, obj: Organization, form: "ModelForm[Organization]", change: bool
    ) -> None:
        super().save_model(request, obj, form, change)
        if not change:
            audit.record(obj, Action.SETTINGS_CREATED, obj.name)
        elif "name" in form.changed_data:
            audit.record(obj, Action.SETTINGS_RENAMED, obj.name, details={"before": str(form.initial["name"])})

    @admin.display(description="members", ordering="member_count")
    def member_count(self, organization: Any) -> int:
        count: int = organization.member_count
        return count


@admin.register(Membership)
class MembershipAdmin(admin.ModelAdmin):
    list_display = ["user", "organization", "role", "created_at"]
    list_filter = ["role", "created_at"]
    list_select_related = ["user", "organization"]
    search_fields = ["user__email", "organization__name", "organization__org_id"]
    autocomplete_fields = ["user", "organization"]

    def get_readonly_fields(self, request: HttpRequest, obj: Membership | None = None) -> Any:
        return ["user", "organization", "created_at"] if obj else ["created_at"]

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "organization":
            kwargs["queryset"] = Organization.objects.live()  # nobody joins a deleted one
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: Membership, form: "ModelForm[Membership]", change: bool) -> None:
        super().save_model(request, obj, form, change)
        if not change:
            _record(obj, Action.MEMBER_JOINED, actor=Actor(obj.user.email, user=obj.user), by=actors.OPERATOR)
        elif "role" in form.changed_data:
            _record(obj, Action.MEMBER_ROLE_CHANGED, before=str(form.initial["role"]))

    def delete_model(self, request: HttpRequest, obj: Membership) -> None:
        _record(obj, Action.MEMBER_REMOVED)
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Membership]) -> None:
        for member in queryset.select_related("user", "organization"):
            self.delete_model(request, member)


def _record(member: Membership, action: Action, *, actor: Actor | None = None, **details: str | int) -> None:
    """What an operator does to members stands in their organization's log too."""
    subject = "" if actor else member.user.email
    audit.record(member.organization, action, subject, actor=actor, details={"role": member.role, **details})


class LiveFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("live", "Live"), ("revoked", "Revoked"), ("expired", "Expired")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> QuerySet[ApiKey]:
        states = {
            "live": Q(pk__in=ApiKey.objects.live()),
            "revoked": Q(revoked_at__isnull=False),
            "expired": Q(revoked_at=None, expires_at__lte=timezone.now()),
        }
        return queryset.filter(states.get(self.value() or "", Q()))


class KeyAddForm(ModelForm):
    """Refuses at its fields what the service would refuse."""

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        try:
            keys.check_expiry(data.get("expires_at"))
            if organization := data.get("organization"):
                keys.check_room(organization)
        except DashboardError as error:
            self.add_error(error.field, error.message)
        return data


@admin.register(ApiKey)
class ApiKeyAdmin(admin.ModelAdmin):
    list_display = ["name", "prefix", "organization", "scope", "created_by", "last_used_at", "expires_at", "revoked_at"]
    list_filter = [LiveFilter, "scope", "created_at", "last_used_at"]
    list_select_related = ["organization", "created_by"]
    search_fields = ["name", "prefix", "organization__name", "organization__org_id"]
    autocomplete_fields = ["organization"]
    actions = ["revoke"]
    drawn = [
        "prefix", "scope", "created_by", "created_at", "last_used_at", "expires_at", "revoked_at", "replaced_by"
    ]  # fmt: skip
    fields = ["organization", "name", *drawn]

    def get_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> Any:
        return self.fields if obj else ["organization", "name", "scope", "expires_at"]

    def get_form(self, request: HttpRequest, obj: ApiKey | None = None, change: bool = False, **kwargs: Any) -> Any:
        return super().get_form(request, obj, change, **kwargs if obj else {**kwargs, "form": KeyAddForm})

    def get_readonly_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> Any:
        return ["organization", *self.drawn] if obj else []

    def save_model(self, request: HttpRequest, obj: ApiKey, form: "ModelForm[ApiKey]", change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        assert isinstance(request.user, User)
        key, secret = keys.mint_api_key(
            obj.organization,
            obj.name,
            scope=Scope(obj.scope),
            expires_at=obj.expires_at,
            created_by=request.user,
        )
        # The admin goes on with the object that it built: let it be the row that was made.
        obj.__dict__.update(key.__dict__)
        messages.warning(request, f"Copy this API key now, it is never shown again: {secret}")

    def delete_model(self, request: HttpRequest, obj: ApiKey) -> None:
        keys.revoke_api_key(obj)  # its end stands in the log, also where the row does not stay
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        for key in queryset.select_related("organization"):
            self.delete_model(request, key)

    @admin.action(description="Revoke selected API keys", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        for key in queryset.select_related("organization"):
            if keys.revoke_api_key(key):
                self.log_change(request, key, "Revoked.")
                messages.success(request, f"{key} is revoked.")
            else:
                messages.warning(request, f"{key} was revoked before.")


class ForReading(admin.ModelAdmin):
    """Rows that the services write: nothing here is added, changed or deleted by hand."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(AuditEvent)
class AuditEventAdmin(ForReading):
    list_display = ["created_at", "organization", "actor", "action", "subject"]
    list_filter = ["action", "created_at"]
    list_select_related = ["organization"]
    search_fields = ["organization__org_id", "organization__name", "actor", "subject"]
    show_full_result_count = False
    fields = ["created_at", "organization", "actor", "action", "subject", "details", "ip"]


@admin.register(Invitation)
class InvitationAdmin(ForReading):
    list_display = [
        "email", "organization", "role", "invited_by", "sent_at", "expires_at", "accepted_at", "cancelled_at",
    ]  # fmt: skip
    list_filter = ["role", "sent_at"]
    list_select_related = ["organization", "invited_by"]
    search_fields = ["email", "organization__org_id", "organization__name"]
    # The digest of the link's token is on no page.
    fields = [
        "email", "organization", "role", "invited_by", "created_at", "sent_at", "expires_at", "accepted_at",
        "cancelled_at",
    ]  # fmt: skip
