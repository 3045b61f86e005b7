"""What can stand in the activity log: the actions, and the kinds that they are filtered by."""

from django.db.models import TextChoices


class Kind(TextChoices):
    FINETUNES = "finetune", "Finetunes"
    GRANTS = "grant", "Grants"
    KEYS = "key", "API keys"
    WEBHOOKS = "webhook", "Webhooks"
    MEMBERS = "member", "Members"
    CREDITS = "credits", "Credits"
    SETTINGS = "settings", "Settings"


class Action(TextChoices):
    """Named after its kind; the label reads after the actor and before the subject."""

    FINETUNE_ADDED = "finetune.added", "added finetune"
    FINETUNE_REPLACED = "finetune.replaced", "replaced the checkpoint of"
    FINETUNE_VERSION_USED = "finetune.version_used", "changed the version in use of"
    FINETUNE_EDITED = "finetune.edited", "edited"
    FINETUNE_RENAMED = "finetune.renamed", "renamed finetune"
    FINETUNE_IMPORTED = "finetune.imported", "imported finetune"
    FINETUNE_DOWNLOADED = "finetune.downloaded", "downloaded the checkpoint of"
    FINETUNE_DELETED = "finetune.deleted", "deleted finetune"
    FINETUNE_RESTORED = "finetune.restored", "restored finetune"
    FINETUNE_REMOVED = "finetune.removed", "deleted for good"
    FINETUNE_MADE_OFFICIAL = "finetune.made_official", "published as official"
    FINETUNE_WITHDRAWN = "finetune.withdrawn", "withdrew as official"
    GRANT_GIVEN = "grant.given", "shared"
    GRANT_CHANGED = "grant.changed", "changed the limits of sharing"
    GRANT_REVOKED = "grant.revoked", "stopped sharing"
    GRANT_RECEIVED = "grant.received", "shared with this organization"
    GRANT_LOST = "grant.lost", "no longer shares"
    KEY_CREATED = "key.created", "created API key"
    KEY_ROTATED = "key.rotated", "rotated API key"
    KEY_REVOKED = "key.revoked", "revoked API key"
    WEBHOOK_RESENT = "webhook.resent", "resent the webhook of generation"
    MEMBER_INVITED = "member.invited", "invited"
    MEMBER_INVITATION_RESENT = "member.invitation_resent", "sent the invitation again to"
    MEMBER_INVITATION_CANCELLED = "member.invitation_cancelled", "cancelled the invitation of"
    MEMBER_JOINED = "member.joined", "joined"
    MEMBER_ROLE_CHANGED = "member.role_changed", "changed the role of"
    MEMBER_REMOVED = "member.removed", "removed"
    MEMBER_LEFT = "member.left", "left"
    CREDITS_TOPPED_UP = "credits.topped_up", "added credits"
    SETTINGS_CREATED = "settings.created", "created the organization"
    SETTINGS_RENAMED = "settings.renamed", "renamed the organization"
    SETTINGS_AVATAR_CHANGED = "settings.avatar_changed", "changed the avatar"
    SETTINGS_RETENTION_CHANGED = "settings.retention_changed", "changed how long generations are kept"
    SETTINGS_DELETED = "settings.deleted", "deleted the organization"

    @property
    def kind(self) -> Kind:
        return Kind(self.value.partition(".")[0])


def actions_of(kind: Kind) -> list[Action]:
    return [action for action in Action if action.kind is kind]
