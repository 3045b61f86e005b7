"""The table of roles, held against the one in the design."""

import pytest

from dashboard.organizations.roles import PERMISSIONS, Permission, Role, may, roles_that_may

A, D, B, V, C = (
    Role.ADMINISTRATOR,
    Role.DEVELOPER,
    Role.BILLING_MANAGER,
    Role.VIEWER,
    Role.CREATOR,
)
TABLE = {
    Permission.SEE_CATALOG: {A, D, B, V, C},
    Permission.GENERATE: {A, D, C},
    Permission.EDIT_FINETUNES: {A, D},
    Permission.GRANT: {A, D},
    Permission.MANAGE_KEYS: {A, D},
    Permission.MANAGE_CREDITS: {A, B},
    Permission.MANAGE_MEMBERS: {A},
}


@pytest.mark.parametrize("permission", Permission)
@pytest.mark.parametrize("role", Role)
def test_role_may_what_the_table_says(role: Role, permission: Permission) -> None:
    assert may(role, permission) is (role in TABLE[permission])


def test_every_role_and_permission_is_in_the_table() -> None:
    assert set(PERMISSIONS) == set(Role)
    assert set(TABLE) == set(Permission)


def test_sentence_names_the_roles_that_may() -> None:
    assert roles_that_may(Permission.GRANT) == "Administrators and Developers"
