"""What the catalog's calls answer: each as its caller may see it, without people and without private metadata."""

from datetime import datetime
from typing import Any

from ninja import Schema

from finetunes.models import Checkpoint, Grant, Version
from finetunes.queries.listing import Row


class Owner(Schema):
    org_id: str
    name: str


class FinetuneOut(Schema):
    """A finetune from the caller's view: `finetune_id` is what this caller sends, and the tags are its own.

    Of what it owns the uses are everybody's, of what it does not they are the caller's.
    """

    finetune_id: str
    name: str
    owner: Owner
    source: str
    base_model: str
    precision: str
    endpoint: str
    trigger_phrase: str
    description: str
    recommended_strength: float | None
    example_prompts: list[str]
    license: str
    tags: list[str]
    lora_rank: int | None
    version: int | None
    uses_30_days: int
    created_at: datetime
    updated_at: datetime


class FinetunePage(Schema):
    finetunes: list[FinetuneOut]
    next: str | None


class VersionOut(Schema):
    """For the owner alone."""

    version: int
    is_current: bool
    sha256: str
    bytes: int
    lora_rank: int | None
    created_at: datetime


class VersionPage(Schema):
    versions: list[VersionOut]
    next: str | None


class GrantOut(Schema):
    """For the owner alone; `is_live` is false once it has expired, and `used` counts images."""

    org_id: str
    name: str
    expires_at: datetime | None
    monthly_cap: int | None
    is_live: bool
    used_this_month: int
    used: int
    created_at: datetime


class GrantPage(Schema):
    grants: list[GrantOut]
    next: str | None


def finetune_out(row: Row) -> FinetuneOut:
    finetune = row.finetune
    return FinetuneOut(
        finetune_id=row.finetune_id,
        name=finetune.name,
        owner=Owner(org_id=finetune.organization.org_id, name=finetune.organization.name),
        source=row.source.value,
        base_model=finetune.base_model,
        precision=finetune.precision,
        endpoint=finetune.endpoint.name,
        trigger_phrase=finetune.trigger_phrase,
        description=finetune.description,
        recommended_strength=_number(finetune.recommended_strength),
        example_prompts=[str(prompt) for prompt in finetune.example_prompts],
        license=finetune.license,
        tags=row.tags,
        lora_rank=int(row.rank) if row.rank.isdecimal() else None,
        version=finetune.current_version.number if finetune.current_version else None,
        uses_30_days=row.uses,
        created_at=finetune.created_at,
        updated_at=finetune.updated_at,
    )


def details(row: Row) -> dict[str, Any]:
    """BFL leaves the object free; beside ours stand the keys that clients of its first finetunes read."""
    found = finetune_out(row).model_dump(mode="json", exclude={"owner"})
    owner = row.finetune.organization
    return {
        **found,
        "owner": owner.org_id,
        "owner_name": owner.name,
        "trigger_word": found["trigger_phrase"],
        "finetune_type": "lora",
        "finetune_comment": row.finetune.description.strip().partition("\n")[0],
        "timestamp": found["created_at"],
    }


def version_out(version: Version, current_id: int | None) -> VersionOut:
    return VersionOut(
        version=version.number,
        is_current=version.pk == current_id,
        sha256=version.checkpoint.sha256,
        bytes=version.checkpoint.bytes,
        lora_rank=_rank(version.checkpoint),
        created_at=version.created_at,
    )


def grant_out(grant: Grant) -> GrantOut:
    """One that `usage.list_grants` read."""
    used = vars(grant)
    return GrantOut(
        org_id=grant.organization.org_id,
        name=grant.organization.name,
        expires_at=grant.expires_at,
        monthly_cap=grant.monthly_cap,
        is_live=grant.is_live,
        used_this_month=used["used_this_month"],
        used=used["used"],
        created_at=grant.created_at,
    )


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _rank(checkpoint: Checkpoint) -> int | None:
    rank = checkpoint.facts.get("rank")
    return rank if isinstance(rank, int) else None
