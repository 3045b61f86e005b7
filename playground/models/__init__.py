"""The tables of the Playground."""

from playground.models.generations import (
    CANCELLED,
    ENDS,
    EXPLANATIONS,
    FAILED_STATES,
    OPEN_STATES,
    Generation,
    GenerationQuerySet,
    Grid,
    GridQuerySet,
    State,
)
from playground.models.keeping import (
    RemovedUsage,
    Retention,
)
from playground.models.limits import (
    TaskLimit,
)
from playground.models.saved import (
    OwnedQuerySet,
    Preset,
    PresetQuerySet,
    ReferenceUpload,
)
from playground.models.webhooks import (
    RESENDABLE_STATES,
    UNSENT_STATES,
    Webhook,
    WebhookDelivery,
    WebhookQuerySet,
    WebhookState,
)

__all__ = [
    "CANCELLED",
    "ENDS",
    "EXPLANATIONS",
    "FAILED_STATES",
    "Generation",
    "GenerationQuerySet",
    "Grid",
    "GridQuerySet",
    "OPEN_STATES",
    "OwnedQuerySet",
    "Preset",
    "PresetQuerySet",
    "RESENDABLE_STATES",
    "ReferenceUpload",
    "RemovedUsage",
    "Retention",
    "State",
    "TaskLimit",
    "UNSENT_STATES",
    "Webhook",
    "WebhookDelivery",
    "WebhookQuerySet",
    "WebhookState",
]
