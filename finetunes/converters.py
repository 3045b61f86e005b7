"""How a `finetune_id` stands in a URL: as one segment, `{owner_org_id}~{name}` for `{owner_org_id}/{name}`."""

from finetunes.access import FINETUNE_ID

SLASH, TILDE = "/", "~"


class FinetuneIdConverter:
    regex = FINETUNE_ID.pattern.replace(SLASH, TILDE).replace("?P<org_id>", "?:").replace("?P<name>", "?:")

    def to_python(self, value: str) -> str:
        return value.replace(TILDE, SLASH)

    def to_url(self, value: str) -> str:
        return value.replace(SLASH, TILDE)
