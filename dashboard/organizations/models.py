"""Users, organizations, memberships, invitations, API keys and the activity log."""

from typing import Any, ClassVar

from allauth.account.models import EmailAddress
from django.contrib.auth.models import AbstractUser, BaseUserManager
from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone

from dashboard.lib.append_only import AppendOnly, AppendOnlyQuerySet
from dashboard.lib.ids import new_org_id
from dashboard.organizations.events import Action, Kind
from dashboard.organizations.roles import Role, Scope

ORG_ID = RegexValidator(r"\A[a-z0-9][a-z0-9_-]{2,31}\Z", "Use 3 to 32 lowercase letters, digits, - or _.")


class UserManager(BaseUserManager["User"]):
    """Makes people by e-mail address, which is kept in lower case and taken as theirs: whoever calls this knows."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        user.vouch_for_email()
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=(username or "").strip().lower())


class User(AbstractUser):
    """A person, known by e-mail address."""

    username = None  # type: ignore[assignment]
    email = models.EmailField("e-mail", unique=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects: ClassVar[UserManager] = UserManager()  # type: ignore[assignment]

    class Meta:
        constraints = [
            models.UniqueConstraint(Lower("email"), name="user_email_unique_in_any_case"),
        ]

    def __str__(self) -> str:
        return self.email

    def vouch_for_email(self) -> None:
        """Counts the address as verified: an operator gave it, or a secret that was sent there came back."""
        EmailAddress.objects.update_or_create(user=self, email=self.email, defaults={"verified": True, "primary": True})


class OrganizationQuerySet(models.QuerySet["Organization"]):
    def live(self) -> "OrganizationQuerySet":
        return self.filter(deleted_at=None)


class Organization(models.Model):
    """The tenant: owns finetunes, keys and credits. A deleted one stays as a row, because its ledger does."""

    org_id = models.CharField(
        "organization ID",
        max_length=32,
        unique=True,
        editable=False,
        default=new_org_id,
        validators=[ORG_ID],
        help_text="Public and fixed: what others type to share with this organization.",
    )
    name = models.CharField(max_length=80)
    avatar = models.FileField(upload_to="avatars/", max_length=200, blank=True, editable=False)
    founder = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, editable=False, related_name="founded")
    storage_quota_bytes = models.BigIntegerField(
        "storage quota in bytes",
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text="What its checkpoints may take together. Empty: STORAGE_QUOTA_BYTES.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = OrganizationQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.CheckConstraint(condition=~Q(org_id__contains="/") & ~Q(org_id=""), name="org_id_without_slash"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.org_id})"


class Membership(models.Model):
    """A person's role in one organization."""

    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=20, choices=Role.choices)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "organization"], name="one_membership_per_person"),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="membership_role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.organization}: {Role(self.role).label}"


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def open(self) -> "InvitationQuerySet":
        """Neither accepted nor cancelled; it may have expired, and can be sent again then."""
        return self.filter(accepted_at=None, cancelled_at=None)

    def acceptable(self) -> "InvitationQuerySet":
        return self.open().filter(expires_at__gt=timezone.now())


class Invitation(models.Model):
    """An offer of membership by e-mail: only the digest of the token in its link is kept."""

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="invitations")
    email = models.EmailField("e-mail")
    role = models.CharField(max_length=20, choices=Role.choices)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    invited_by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True, editable=False)
    cancelled_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                Lower("email"),
                "organization",
                condition=Q(accepted_at=None, cancelled_at=None),
                name="one_open_invitation_per_address",
            ),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="invitation_role_known"),
            models.CheckConstraint(condition=Q(accepted_at=None) | Q(cancelled_at=None), name="invitation_ends_once"),
        ]

    def __str__(self) -> str:
        return f"{self.email} to {self.organization}: {Role(self.role).label}"

    @property
    def is_expired(self) -> bool:
        return self.expires_at <= timezone.now()


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def live(self) -> "ApiKeyQuerySet":
        """What still opens the API: neither revoked nor expired, and of an organization that is not deleted."""
        unexpired = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
        return self.filter(unexpired, revoked_at=None, organization__deleted_at=None)


class ApiKey(models.Model):
    """A program's key: only the digest of the secret is kept, and enough of it to tell keys apart."""

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=16, editable=False)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    scope = models.CharField(max_length=10, choices=Scope.choices, default=Scope.EVERYTHING)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    replaced_by = models.ForeignKey(
        "self",
        models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
        help_text="The key that this one was rotated to; both work until this one expires.",
    )

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        verbose_name = "API key"
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(condition=Q(scope__in=Scope.values), name="api_key_scope_known"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @property
    def is_live(self) -> bool:
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > timezone.now())


class AuditEventQuerySet(AppendOnlyQuerySet["AuditEvent"]):
    def of(self, organization: Organization) -> "AuditEventQuerySet":
        return self.filter(organization=organization)


class AuditEvent(AppendOnly):
    """One line of an organization's activity log; `dashboard.organizations.audit` is its only writer."""

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="audit_events")
    action = models.CharField(max_length=40, choices=Action.choices)
    # The name is a copy, so that the line outlives the person or the key.
    actor = models.CharField(max_length=254)
    user = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")
    api_key = models.ForeignKey(ApiKey, models.SET_NULL, null=True, blank=True, related_name="+")
    subject = models.CharField(max_length=254, blank=True, help_text="What it was done to, by name.")
    details = models.JSONField(default=dict, blank=True)
    ip = models.GenericIPAddressField("IP address", null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = AuditEventQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["organization", "-id"], name="audit_by_organization")]
        constraints = [
            models.CheckConstraint(condition=Q(action__in=Action.values), name="audit_action_known"),
        ]

    def __str__(self) -> str:
        return f"{self.actor}: {self.get_action_display()} {self.subject}".strip()

    @property
    def kind(self) -> Kind:
        return Action(self.action).kind
