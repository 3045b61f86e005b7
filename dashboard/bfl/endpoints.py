"""The one table of base models, precisions, endpoints and the keys of their prices."""

from dataclasses import dataclass
from enum import StrEnum


class BaseModel(StrEnum):
    """What a LoRA was trained for and is served on."""

    KLEIN_4B = "flux-2-klein-4b"
    KLEIN_9B = "flux-2-klein-9b"
    KLEIN_9B_KV = "flux-2-klein-9b-kv"
    KLEIN_BASE_4B = "flux-2-klein-base-4b"
    KLEIN_BASE_9B = "flux-2-klein-base-9b"

    @property
    def label(self) -> str:
        return BASE_MODEL_LABELS[self]

    @property
    def license(self) -> str:
        """The licence of its weights, which binds what is made of them."""
        return LICENSES[self]


BASE_MODEL_LABELS = {
    BaseModel.KLEIN_4B: "FLUX.2 [klein] 4B",
    BaseModel.KLEIN_9B: "FLUX.2 [klein] 9B",
    BaseModel.KLEIN_9B_KV: "FLUX.2 [klein] 9B (KV-cached)",
    BaseModel.KLEIN_BASE_4B: "FLUX.2 [klein] Base 4B",
    BaseModel.KLEIN_BASE_9B: "FLUX.2 [klein] Base 9B",
}
APACHE = "Apache-2.0"
NON_COMMERCIAL = "FLUX Non-Commercial License"
LICENSES = {
    BaseModel.KLEIN_4B: APACHE,
    BaseModel.KLEIN_9B: NON_COMMERCIAL,
    BaseModel.KLEIN_9B_KV: NON_COMMERCIAL,
    BaseModel.KLEIN_BASE_4B: APACHE,
    BaseModel.KLEIN_BASE_9B: NON_COMMERCIAL,
}


class Precision(StrEnum):
    FP8 = "fp8"
    BF16 = "bf16"

    @property
    def label(self) -> str:
        return self.value.upper()


class Family(StrEnum):
    """Which request schema an endpoint takes; `schemas.py` holds one class for each."""

    KLEIN = "klein"
    KLEIN_FINETUNED = "klein-finetuned"
    ULTRA_FINETUNED = "ultra-finetuned"


@dataclass(frozen=True)
class Endpoint:
    """One path under /v1. `base_model` and `precision` are set where a finetune picks the endpoint by them.

    `label` is set where it runs without a finetune: what a person picks.
    """

    name: str
    family: Family
    price_key: str
    base_model: BaseModel | None = None
    precision: Precision | None = None
    label: str = ""

    @property
    def path(self) -> str:
        return f"/v1/{self.name}"


def _finetuned(base_model: BaseModel, price_key: str, precision: Precision = Precision.FP8) -> Endpoint:
    suffix = "-bf16" if precision is Precision.BF16 else ""
    name = f"{base_model}{suffix}-finetuned"
    return Endpoint(name, Family.KLEIN_FINETUNED, price_key, base_model, precision)


FINETUNED_ENDPOINTS = (
    _finetuned(BaseModel.KLEIN_4B, "klein-4b"),
    _finetuned(BaseModel.KLEIN_9B, "klein-9b"),
    _finetuned(BaseModel.KLEIN_9B_KV, "klein-9b"),
    _finetuned(BaseModel.KLEIN_9B_KV, "klein-9b", Precision.BF16),
    _finetuned(BaseModel.KLEIN_BASE_4B, "klein-4b"),
    _finetuned(BaseModel.KLEIN_BASE_9B, "klein-9b"),
)
ENDPOINTS = (
    *FINETUNED_ENDPOINTS,
    Endpoint("flux-2-klein-4b", Family.KLEIN, "klein-4b", label=BaseModel.KLEIN_4B.label),
    Endpoint("flux-2-klein-9b", Family.KLEIN, "klein-9b", label=BaseModel.KLEIN_9B.label),
    Endpoint("flux-pro-1.1-ultra-finetuned", Family.ULTRA_FINETUNED, "ultra"),
)
BASE_ENDPOINTS = tuple(endpoint for endpoint in ENDPOINTS if endpoint.label)
BY_NAME = {endpoint.name: endpoint for endpoint in ENDPOINTS}
BY_PATH = {endpoint.path: endpoint for endpoint in ENDPOINTS}
BY_SERVING = {(endpoint.base_model, endpoint.precision): endpoint for endpoint in FINETUNED_ENDPOINTS}


def endpoint_for(base_model: str, precision: str) -> Endpoint:
    """The endpoint that serves a finetune. Raises KeyError for a pair that none serves (BF16 is 9b-kv's alone)."""
    return BY_SERVING[BaseModel(base_model), Precision(precision)]


def is_served(base_model: str, precision: str) -> bool:
    return (base_model, precision) in BY_SERVING
