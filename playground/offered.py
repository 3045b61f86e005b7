"""What an image can be made with: a finetune, on the endpoint that it picks, or a base model."""

from dataclasses import dataclass

from dashboard.bfl.endpoints import BASE_ENDPOINTS, BY_PATH, Endpoint
from dashboard.organizations.models import Organization
from finetunes.access import resolve_finetune
from finetunes.models import Finetune, Source

GROUP_LABELS = {
    Source.OWNED: "Finetunes · Owned",
    Source.THIRD_PARTY: "Finetunes · Shared with us",
    Source.OFFICIAL: "Finetunes · Official",
}
BASE_GROUP = "Base models"


@dataclass(frozen=True)
class Model:
    """What a form stands on: an endpoint, and the finetune that picked it, if one did. `value` is the form's."""

    value: str
    name: str
    endpoint: Endpoint
    finetune: Finetune | None = None

    @property
    def trigger_phrase(self) -> str:
        return self.finetune.trigger_phrase if self.finetune else ""

    @property
    def example_prompts(self) -> list[str]:
        return list(self.finetune.example_prompts) if self.finetune else []

    @property
    def recommended_strength(self) -> float | None:
        strength = self.finetune.recommended_strength if self.finetune else None
        return None if strength is None else float(strength)


def base_models() -> list[Model]:
    """What runs without a finetune. A finetune's ID never begins with a slash, as their values do."""
    return [Model(endpoint.path, endpoint.label, endpoint) for endpoint in BASE_ENDPOINTS]


def model_of(finetune: Finetune, caller: Organization) -> Model:
    return Model(finetune.id_for(caller), finetune.name_for(caller), finetune.endpoint, finetune)


def find_model(caller: Organization, value: str) -> Model:
    """Raises NotFoundError, alike for what is none and for what the caller may not use."""
    endpoint = BY_PATH.get(value)
    if endpoint in BASE_ENDPOINTS:
        return Model(value, endpoint.label, endpoint)
    return model_of(resolve_finetune(caller, value), caller)
