"""The one table of roles and what each may do; pages, API and tests read it."""

from enum import StrEnum

from django.db.models import TextChoices


class Role(TextChoices):
    ADMINISTRATOR = "administrator", "Administrator"
    DEVELOPER = "developer", "Developer"
    BILLING_MANAGER = "billing_manager", "Billing Manager"
    VIEWER = "viewer", "Viewer"
    CREATOR = "creator", "Creator"


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
