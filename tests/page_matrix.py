"""What each role is answered on every page, and who else: the rows of the URL matrix."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from dashboard.organizations.models import ApiKey, Invitation
from dashboard.organizations.roles import Permission, Role, may
from finetunes.models import Sample
from playground.models import Webhook
from tests.api_matrix import UUID
from tests.conftest import Cast

TO_LOGIN = 302


def of_organization(cast: Cast) -> list[Any]:
    return [cast.organization.org_id]


def of_finetune(cast: Cast) -> list[Any]:
    return [cast.organization.org_id, cast.finetune.name]


def of_discarded(cast: Cast) -> list[Any]:
    """One that the matrix put into the trash."""
    return [cast.organization.org_id, "in-the-trash"]


def of_row(cast: Cast) -> list[Any]:
    return [cast.organization.org_id, cast.finetune.pk]


def of_key(cast: Cast) -> list[Any]:
    """A live one that the matrix made."""
    return [*of_organization(cast), ApiKey.objects.get(organization=cast.organization, name="matrix").pk]


def of_grant(cast: Cast) -> list[Any]:
    return [cast.organization.org_id, cast.granted.name, cast.recipient.organization.org_id]


def of_version(cast: Cast) -> list[Any]:
    return [*of_finetune(cast), 1]


def of_sample(cast: Cast) -> list[Any]:
    """One that the matrix made."""
    return [*of_finetune(cast), Sample.objects.get(finetune=cast.finetune).pk]


def of_field(cast: Cast) -> list[Any]:
    return [*of_finetune(cast), "description"]


def of_generation(cast: Cast) -> list[Any]:
    return [cast.organization.org_id, UUID]


def of_reference(cast: Cast) -> list[Any]:
    """The matrix's own: a whole image, which is drawn small."""
    return [cast.organization.org_id, f"upload-{UUID}"]


def of_grid(cast: Cast) -> list[Any]:
    """One cell, ready, at strength 1: the matrix made it."""
    return [cast.organization.org_id, UUID]


def of_cell(cast: Cast) -> list[Any]:
    return [*of_grid(cast), 0, 0]


def of_preset(cast: Cast) -> list[Any]:
    """The organization's, which the matrix made."""
    return [cast.organization.org_id, UUID]


def of_upload(cast: Cast) -> list[Any]:
    return [cast.organization.org_id, UUID]


def of_webhook(cast: Cast) -> list[Any]:
    """One that waits for its image: the matrix made it."""
    return [*of_organization(cast), Webhook.objects.get(organization=cast.organization).pk]


def of_member(cast: Cast) -> list[Any]:
    return [*of_organization(cast), cast.viewer.pk]


def of_invitation(cast: Cast) -> list[Any]:
    """An open one that the matrix made."""
    return [*of_organization(cast), Invitation.objects.get(organization=cast.organization).pk]


@dataclass(frozen=True)
class Row:
    """A page of an organization: roles with the permission get `allowed`, others 403, and an outsider 404."""

    permission: Permission
    allowed: int = 200
    args: Callable[[Cast], list[Any]] = of_organization
    refused: tuple[str, ...] = ("post", "put", "patch", "delete")
    method: str = "get"
    anonymous: int = TO_LOGIN
    data: dict[str, Any] = field(default_factory=dict)

    def expected(self, who: Role | str) -> int:
        if isinstance(who, Role):
            return self.allowed if may(who, self.permission) else 403
        return {"outsider": 404, "anonymous": self.anonymous}[who]


@dataclass(frozen=True)
class OpenRow:
    """A page without a tenant: statuses for anonymous and for anybody who is logged in."""

    statuses: tuple[int, int]
    args: Callable[[Cast], list[Any]] = lambda cast: []
    refused: tuple[str, ...] = ("post", "put", "patch", "delete")
    method: str = "get"

    def expected(self, who: Role | str) -> int:
        return self.statuses[0 if who == "anonymous" else 1]


GET_AND_POST = ("put", "patch", "delete")
POST_ALONE = ("get", "put", "patch", "delete")
ANY_METHOD: tuple[str, ...] = ()
SEE, GENERATE, EDIT = Permission.SEE_CATALOG, Permission.GENERATE, Permission.EDIT_FINETUNES
MEMBERS, CREDITS = Permission.MANAGE_MEMBERS, Permission.MANAGE_CREDITS
KEYS = Permission.MANAGE_KEYS

# allauth's pages carry no tenant; they are the person's own.
ACCOUNT: dict[str, Row | OpenRow] = {
    "account_login": OpenRow((200, 302), refused=ANY_METHOD),
    "account_logout": OpenRow((302, 200), refused=ANY_METHOD),
    "account_signup": OpenRow((200, 302), refused=ANY_METHOD),
    "account_inactive": OpenRow((200, 200), refused=ANY_METHOD),
    "account_email": OpenRow((TO_LOGIN, 200), refused=ANY_METHOD),
    "account_confirm_email": OpenRow((200, 200), lambda cast: ["key"], ANY_METHOD),
    "account_email_verification_sent": OpenRow((200, 200), refused=ANY_METHOD),
    "account_change_password": OpenRow((TO_LOGIN, 200), refused=ANY_METHOD),
    "account_set_password": OpenRow((TO_LOGIN, 302), refused=ANY_METHOD),
    "account_reset_password": OpenRow((200, 200), refused=ANY_METHOD),
    "account_reset_password_done": OpenRow((200, 200), refused=ANY_METHOD),
    "account_reset_password_from_key": OpenRow((200, 200), lambda cast: ["u", "k-k"], ANY_METHOD),
    "account_reset_password_from_key_done": OpenRow((200, 200), refused=ANY_METHOD),
    "account_confirm_login_code": OpenRow((TO_LOGIN, 302), refused=ANY_METHOD),
    "account_reauthenticate": OpenRow((TO_LOGIN, 200), refused=ANY_METHOD),
    "mfa_index": OpenRow((TO_LOGIN, 200), refused=ANY_METHOD),
    "mfa_authenticate": OpenRow((TO_LOGIN, 302), refused=ANY_METHOD),
    "mfa_reauthenticate": OpenRow((TO_LOGIN, 302), refused=ANY_METHOD),
    "mfa_login_webauthn": OpenRow((TO_LOGIN, 302), refused=ANY_METHOD),
    "mfa_list_webauthn": OpenRow((TO_LOGIN, 200), refused=ANY_METHOD),
    "mfa_reauthenticate_webauthn": OpenRow((TO_LOGIN, 302), refused=ANY_METHOD),
    # What changes a second factor asks for the password once more.
    "mfa_activate_totp": OpenRow((TO_LOGIN, 302), refused=ANY_METHOD),
    "mfa_deactivate_totp": OpenRow((TO_LOGIN, 404), refused=ANY_METHOD),
    "mfa_add_webauthn": OpenRow((TO_LOGIN, 302), refused=ANY_METHOD),
    "mfa_edit_webauthn": OpenRow((TO_LOGIN, 302), lambda cast: [1], ANY_METHOD),
    "mfa_remove_webauthn": OpenRow((TO_LOGIN, 302), lambda cast: [1], ANY_METHOD),
    "mfa_generate_recovery_codes": OpenRow((TO_LOGIN, 302), refused=ANY_METHOD),
    "mfa_view_recovery_codes": OpenRow((TO_LOGIN, 404), refused=ANY_METHOD),
    "mfa_download_recovery_codes": OpenRow((TO_LOGIN, 404), refused=ANY_METHOD),
    "usersessions_list": OpenRow((TO_LOGIN, 200), refused=ANY_METHOD),
    # Somebody else's, or nobody's.
    "session-end": OpenRow((TO_LOGIN, 404), lambda cast: [0], POST_ALONE, "post"),
    "socialaccount_connections": OpenRow((TO_LOGIN, 200), refused=ANY_METHOD),
    "socialaccount_signup": OpenRow((TO_LOGIN, 302), refused=ANY_METHOD),
    "socialaccount_login_cancelled": OpenRow((200, 200), refused=ANY_METHOD),
    "socialaccount_login_error": OpenRow((401, 401), refused=ANY_METHOD),
    # No provider is configured here.
    "openid_connect_login": OpenRow((404, 404), lambda cast: ["acme"], ANY_METHOD),
    "openid_connect_callback": OpenRow((404, 404), lambda cast: ["acme"], ANY_METHOD),
}

PAGES: dict[str, Row | OpenRow] = {
    "home": OpenRow((TO_LOGIN, 302)),
    "playground-link": OpenRow((TO_LOGIN, 302)),
    "playground": Row(SEE, refused=GET_AND_POST),
    "playground-models": Row(SEE),
    "playground-parameters": Row(SEE),
    "playground-quote": Row(SEE, 200, refused=POST_ALONE, method="post"),
    "playground-snippets": Row(SEE, 200, refused=POST_ALONE, method="post"),
    "playground-fill": Row(GENERATE, 200, refused=POST_ALONE, method="post"),
    "playground-references": Row(GENERATE, refused=GET_AND_POST),
    "reference-thumbnail": Row(GENERATE, args=of_reference),
    "generation": Row(GENERATE, args=of_generation),
    "generations-status": Row(GENERATE),
    # It is ready, so that there is nothing to cancel; and made with no finetune, so that it has no base.
    "generation-cancel": Row(GENERATE, 409, of_generation, POST_ALONE, "post"),
    "generation-base": Row(GENERATE, 422, of_generation, POST_ALONE, "post"),
    "compare": Row(GENERATE),
    "generation-star": Row(GENERATE, 302, of_generation, POST_ALONE, "post"),
    # The matrix's own was made by nobody, and is an Administrator's to delete.
    "generation-delete": Row(MEMBERS, 200, of_generation, GET_AND_POST),
    "playground-prompts": Row(GENERATE),
    # It asks for a name first.
    "preset-save": Row(GENERATE, 200, refused=POST_ALONE, method="post"),
    # The matrix's own is the organization's, and nobody's who is still here: an Administrator's to change.
    "preset-edit": Row(MEMBERS, args=of_preset, refused=GET_AND_POST),
    "preset-delete": Row(MEMBERS, 302, of_preset, POST_ALONE, "post"),
    # Nothing was deleted that could come back.
    "preset-restore": Row(GENERATE, 404, of_preset, POST_ALONE, "post"),
    "history": Row(GENERATE),
    # Allowed, and then told that nothing is selected: 422.
    "history-delete": Row(GENERATE, 422, refused=POST_ALONE, method="post"),
    "history-download": Row(GENERATE, 422, refused=POST_ALONE, method="post"),
    "retention": Row(MEMBERS, refused=GET_AND_POST),
    "generation-image": Row(GENERATE, args=of_generation),
    "generation-thumbnail": Row(GENERATE, args=of_generation),
    "grid-new": Row(GENERATE, refused=GET_AND_POST),
    "grid-price": Row(GENERATE, refused=POST_ALONE, method="post"),
    "grid": Row(GENERATE, args=of_grid),
    "grid-sheet": Row(GENERATE, args=of_grid),
    # The matrix's cell has not failed.
    "grid-again": Row(GENERATE, 409, of_cell, POST_ALONE, "post"),
    "grid-recommend": Row(EDIT, 302, of_cell, POST_ALONE, "post"),
    "members": Row(SEE),
    "member-leave": Row(SEE, refused=GET_AND_POST),
    "member-role": Row(MEMBERS, 302, of_member, POST_ALONE, "post", data={"role": "creator"}),
    "member-remove": Row(MEMBERS, args=of_member, refused=GET_AND_POST),
    "invite": Row(MEMBERS, refused=GET_AND_POST),
    "invitation-resend": Row(MEMBERS, 302, of_invitation, POST_ALONE, "post"),
    "invitation-cancel": Row(MEMBERS, 302, of_invitation, POST_ALONE, "post"),
    # The token is the leave; a wrong one opens nothing.
    "invitation": OpenRow((404, 404), lambda cast: ["wrong"], GET_AND_POST),
    "organization-create": OpenRow((TO_LOGIN, 200), refused=GET_AND_POST),
    "organization-settings": Row(MEMBERS, refused=GET_AND_POST),
    "organization-avatar": Row(SEE),
    "organization-avatar-change": Row(MEMBERS, 302, refused=POST_ALONE, method="post", data={"remove": "yes"}),
    "organization-delete": Row(MEMBERS, refused=GET_AND_POST),
    "get-started": Row(SEE),
    "keys": Row(KEYS),
    "api-docs": OpenRow((200, 200)),
    "key-trial": Row(KEYS, 200, refused=POST_ALONE, method="post", data={"scope": "read"}),
    "key-create": Row(KEYS, refused=GET_AND_POST),
    "key-rotate": Row(KEYS, args=of_key, refused=GET_AND_POST),
    "key-revoke": Row(KEYS, args=of_key, refused=GET_AND_POST),
    "webhooks": Row(KEYS),
    "webhook": Row(KEYS, args=of_webhook),
    # Its generation has not ended: there is nothing to send.
    "webhook-resend": Row(KEYS, 409, of_webhook, POST_ALONE, "post"),
    "usage": Row(SEE),
    "usage-csv": Row(SEE),
    "billing": Row(CREDITS),
    "billing-csv": Row(CREDITS),
    "activity": Row(MEMBERS),
    "activity-csv": Row(MEMBERS),
    "finetunes": Row(SEE),
    "finetune-row": Row(SEE, 302, of_row),
    "finetune-star": Row(SEE, 302, of_row, POST_ALONE, "post"),
    # Allowed, and then told that nothing is selected: 422.
    "finetunes-tag": Row(EDIT, 422, refused=POST_ALONE, method="post"),
    "finetunes-delete": Row(EDIT, 422, refused=POST_ALONE, method="post"),
    "finetunes-restore": Row(EDIT, 302, refused=POST_ALONE, method="post"),
    "finetune-add": Row(EDIT, refused=GET_AND_POST),
    # Allowed, and then told that there is no file: 422.
    "finetune-preflight": Row(EDIT, 422, refused=POST_ALONE, method="post"),
    "finetune": Row(SEE, args=of_finetune),
    "finetune-api": Row(SEE, args=of_finetune),
    "finetune-field": Row(EDIT, args=of_field, refused=GET_AND_POST),
    "finetune-tags": Row(EDIT, args=of_finetune, refused=GET_AND_POST),
    "finetune-sharing": Row(Permission.GRANT, args=of_finetune),
    "finetune-checkpoint": Row(SEE, args=of_finetune),
    "finetune-usage": Row(SEE, args=of_finetune),
    "finetune-usage-csv": Row(SEE, args=of_finetune),
    "finetune-rename": Row(EDIT, args=of_finetune, refused=GET_AND_POST),
    "finetune-delete": Row(EDIT, args=of_finetune, refused=GET_AND_POST),
    "finetune-restore": Row(EDIT, 302, of_discarded, POST_ALONE, "post"),
    "finetune-trash": Row(MEMBERS),
    "finetune-remove": Row(MEMBERS, args=of_discarded, refused=GET_AND_POST),
    "version-add": Row(EDIT, args=of_finetune, refused=GET_AND_POST),
    "finetune-samples": Row(SEE, args=of_finetune),
    "sample-image": Row(SEE, args=of_sample),
    "sample-thumbnail": Row(SEE, args=of_sample),
    "sample-cover": Row(EDIT, 302, of_sample, POST_ALONE, "post"),
    "sample-remove": Row(EDIT, 302, of_sample, POST_ALONE, "post"),
    "samples-make": Row(EDIT, args=of_finetune, refused=GET_AND_POST),
    # Of the finetune that the generation is made with; the matrix's own is made with none.
    "generation-sample": Row(EDIT, 403, of_generation, POST_ALONE, "post"),
    "version-download": Row(EDIT, args=of_version),
    # With the sandbox there is no account whose names could be used: 404 for those who might.
    "finetune-upstream": Row(EDIT, 404, of_finetune, GET_AND_POST),
    "upstream-check": Row(EDIT, 404, of_finetune, POST_ALONE, "post"),
    "finetune-import": Row(EDIT, 404, refused=GET_AND_POST),
    "version-use": Row(EDIT, 302, of_version, POST_ALONE, "post"),
    "grant": Row(Permission.GRANT, args=of_finetune, refused=GET_AND_POST),
    "grant-edit": Row(Permission.GRANT, args=of_grant, refused=GET_AND_POST),
    "grant-revoke": Row(Permission.GRANT, args=of_grant, refused=GET_AND_POST),
    # Its client is no page: nobody is led to a log-in, and without the header of tus it is told 412.
    "uploads": Row(EDIT, 412, refused=POST_ALONE, method="post", anonymous=403),
    "upload": Row(EDIT, args=of_upload, refused=("post", "put"), anonymous=403),
    # The signature is the leave; without one nobody gets in.
    "sample": OpenRow((403, 403), lambda cast: [UUID, "png"]),
    **ACCOUNT,
}
