"""The one table of base models, precisions, endpoints, their requests and results, and the keys of their prices."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from dashboard.bfl.inputs import (
    DevInputs,
    FillFinetunedInputs,
    Finetuned,
    Flux2FlexInputs,
    Flux2Inputs,
    Flux11Inputs,
    Inputs,
    KleinFinetunedInputs,
    KleinInputs,
    KontextInputs,
    UltraFinetunedInputs,
    UltraInputs,
)
from dashboard.bfl.schemas import Flux1Sample, Sample


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


@dataclass(frozen=True)
class Endpoint:
    """One path under /v1: its requests, its results, and the key of its price.

    `base_model` and `precision` are set where a finetune picks the endpoint by them; `label` where it runs without a
    finetune: what a person picks. `most_active` limits an organization's tasks there below the general limit.
    `tells_cost` is false where BFL answers with nulls for cost and megapixels.
    """

    name: str
    inputs: type[Inputs]
    price_key: str
    base_model: BaseModel | None = None
    precision: Precision | None = None
    label: str = ""
    sample: type[Sample] = Sample
    most_active: int | None = None
    tells_cost: bool = True

    @property
    def path(self) -> str:
        return f"/v1/{self.name}"

    @property
    def takes_finetune(self) -> bool:
        return issubclass(self.inputs, Finetuned)


def _finetuned(base_model: BaseModel, price_key: str, precision: Precision = Precision.FP8) -> Endpoint:
    suffix = "-bf16" if precision is Precision.BF16 else ""
    name = f"{base_model}{suffix}-finetuned"
    return Endpoint(name, KleinFinetunedInputs, price_key, base_model, precision)


def _flux_1(name: str, inputs: type[Inputs], price_key: str, **extra: Any) -> Endpoint:
    return Endpoint(name, inputs, price_key, sample=Flux1Sample, **extra)


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
    _flux_1("flux-pro-1.1-ultra-finetuned", UltraFinetunedInputs, "ultra"),
    _flux_1("flux-pro-1.0-fill-finetuned", FillFinetunedInputs, "fill"),
    Endpoint("flux-2-klein-4b", KleinInputs, "klein-4b", label=BaseModel.KLEIN_4B.label),
    Endpoint("flux-2-klein-9b", KleinInputs, "klein-9b", label=BaseModel.KLEIN_9B.label),
    Endpoint("flux-2-klein-9b-preview", KleinInputs, "klein-9b", label="FLUX.2 [klein] 9B Preview"),
    Endpoint("flux-2-pro", Flux2Inputs, "flux-2-pro", label="FLUX.2 [pro]"),
    Endpoint("flux-2-max", Flux2Inputs, "flux-2-max", label="FLUX.2 [max]"),
    Endpoint("flux-2-flex", Flux2FlexInputs, "flux-2-flex", label="FLUX.2 [flex]"),
    _flux_1("flux-kontext-pro", KontextInputs, "kontext-pro", label="FLUX.1 Kontext [pro]"),
    _flux_1("flux-kontext-max", KontextInputs, "kontext-max", label="FLUX.1 Kontext [max]", most_active=6),
    _flux_1("flux-pro-1.1-ultra", UltraInputs, "ultra", label="FLUX 1.1 [pro] Ultra"),
    _flux_1("flux-pro-1.1", Flux11Inputs, "pro-1.1", label="FLUX 1.1 [pro]"),
    _flux_1("flux-dev", DevInputs, "dev", label="FLUX.1 [dev]", tells_cost=False),
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
