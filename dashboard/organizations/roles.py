"""The one table of roles and what each may do, and of the scopes of API keys; pages, API and tests read it."""

from enum import StrEnum

from django.db.models import TextChoices


class Role(TextChoices):
    ADMINISTRATOR = "administrator", "Administrator"
    DEVELOPER = "developer", "Developer"
    BILLING_MANAGER = "billing_manager", "Billing Manager"
    VIEWER = "viewer", "Viewer"
    CREATOR = "creator", "Creator"

    @property
    def description(self) -> str:
        """What the table below says of it, in a line."""
        return DESCRIPTIONS[self]


DESCRIPTIONS = {
    Role.ADMINISTRATOR: "May do everything here, members and settings included.",
    Role.DEVELOPER: "Generates images, adds and shares finetunes, and manages API keys.",
    Role.BILLING_MANAGER: "Manages credits and budgets, and sees the catalog and usage.",
    Role.VIEWER: "Sees the catalog and usage, and changes nothing.",
    Role.CREATOR: "Generates images in the Playground, and sees the catalog and usage.",
}


class Permission(StrEnum):
    """What a role may do, worded for "may …" and "may not …"."""

    SEE_CATALOG = "see the catalog or usage"
    GENERATE = "generate in the Playground"
    EDIT_FINETUNES = "add, edit or delete finetunes"
    GRANT = "grant or revoke"
    MANAGE_KEYS = "manage API keys"
    MANAGE_CREDITS = "manage credits or budgets"
    MANAGE_MEMBERS = "manage members or organization settings"


PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.ADMINISTRATOR: frozenset(Permission),
    Role.DEVELOPER: frozenset(
        {
            Permission.SEE_CATALOG,
            Permission.GENERATE,
            Permission.EDIT_FINETUNES,
            Permission.GRANT,
            Permission.MANAGE_KEYS,
        }
    ),
    Role.BILLING_MANAGER: frozenset({Permission.SEE_CATALOG, Permission.MANAGE_CREDITS}),
    Role.VIEWER: frozenset({Permission.SEE_CATALOG}),
    Role.CREATOR: frozenset({Permission.SEE_CATALOG, Permission.GENERATE}),
}


def may(role: str, permission: Permission) -> bool:
    return permission in PERMISSIONS[Role(role)]


def roles_that_may(permission: Permission) -> str:
    """For sentences: "Administrators, Developers and Creators"."""
    *others, last = [f"{role.label}s" for role in Role if may(role, permission)]
    return f"{', '.join(others)} and {last}" if others else last


class Scope(TextChoices):
    """What an API key is for."""

    EVERYTHING = "everything", "Everything"
    GENERATE = "generate", "Generate"
    READ = "read", "Read"
    MANAGE = "manage", "Manage"


SCOPES: dict[Scope, frozenset[Scope]] = {
    Scope.EVERYTHING: frozenset(Scope),
    # Whoever generates or manages sees what there is; a key that manages spends nothing.
    Scope.GENERATE: frozenset({Scope.GENERATE, Scope.READ}),
    Scope.MANAGE: frozenset({Scope.MANAGE, Scope.READ}),
    Scope.READ: frozenset({Scope.READ}),
}


def key_may(scope: str, needed: Scope) -> bool:
    return needed in SCOPES[Scope(scope)]
