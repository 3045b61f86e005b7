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
    FLUX_1_PRO = "flux-1-pro"

    @property
    def label(self) -> str:
        return BASE_MODEL_LABELS[self]

    @property
    def license(self) -> str:
        """The licence of its weights, which binds what is made of them."""
        return LICENSES[self]

    @property
    def takes_checkpoint(self) -> bool:
        """Whether its LoRAs are files that are uploaded; BFL trained those of FLUX.1 [pro] itself and keeps them."""
        return self is not BaseModel.FLUX_1_PRO


BASE_MODEL_LABELS = {
    BaseModel.KLEIN_4B: "FLUX.2 [klein] 4B",
    BaseModel.KLEIN_9B: "FLUX.2 [klein] 9B",
    BaseModel.KLEIN_9B_KV: "FLUX.2 [klein] 9B (KV-cached)",
    BaseModel.KLEIN_BASE_4B: "FLUX.2 [klein] Base 4B",
    BaseModel.KLEIN_BASE_9B: "FLUX.2 [klein] Base 9B",
    BaseModel.FLUX_1_PRO: "FLUX.1 [pro]",
}
APACHE = "Apache-2.0"
NON_COMMERCIAL = "FLUX Non-Commercial License"
API_TERMS = "BFL's API Service Terms"
LICENSES = {
    BaseModel.KLEIN_4B: APACHE,
    BaseModel.KLEIN_9B: NON_COMMERCIAL,
    BaseModel.KLEIN_9B_KV: NON_COMMERCIAL,
    BaseModel.KLEIN_BASE_4B: APACHE,
    BaseModel.KLEIN_BASE_9B: NON_COMMERCIAL,
    BaseModel.FLUX_1_PRO: API_TERMS,
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

    @property
    def summary(self) -> str:
        """What it is for, in a line; its schema says the rest."""
        if not self.takes_finetune:
            return f"Generate with {self.label}"
        served = " in ".join(each.label for each in (self.base_model, self.precision) if each)
        return f"Generate with a finetune of {FLUX_1_FINETUNED.get(self.name, served)}"

    def serves(self, base_model: str, precision: str) -> bool:
        """Whether finetunes of this pair run here."""
        return (self.base_model, self.precision) == (base_model, precision)


def _finetuned(base_model: BaseModel, price_key: str, precision: Precision = Precision.FP8) -> Endpoint:
    suffix = "-bf16" if precision is Precision.BF16 else ""
    name = f"{base_model}{suffix}-finetuned"
    return Endpoint(name, KleinFinetunedInputs, price_key, base_model, precision)


def _flux_1(name: str, inputs: type[Inputs], price_key: str, **extra: Any) -> Endpoint:
    return Endpoint(name, inputs, price_key, sample=Flux1Sample, **extra)


FLUX_1_FINETUNED = {
    "flux-pro-1.1-ultra-finetuned": "FLUX 1.1 [pro] Ultra",
    "flux-pro-1.0-fill-finetuned": "FLUX.1 Fill [pro]: paint a part of an image anew",
}


def _flux_1_finetuned(name: str, inputs: type[Inputs], price_key: str) -> Endpoint:
    """BFL does not tell in which precision it runs these; FP8 is what every base model has here."""
    return _flux_1(name, inputs, price_key, base_model=BaseModel.FLUX_1_PRO, precision=Precision.FP8)


FINETUNED_ENDPOINTS = (
    _finetuned(BaseModel.KLEIN_4B, "klein-4b"),
    _finetuned(BaseModel.KLEIN_9B, "klein-9b"),
    _finetuned(BaseModel.KLEIN_9B_KV, "klein-9b"),
    _finetuned(BaseModel.KLEIN_9B_KV, "klein-9b", Precision.BF16),
    _finetuned(BaseModel.KLEIN_BASE_4B, "klein-4b"),
    _finetuned(BaseModel.KLEIN_BASE_9B, "klein-9b"),
    _flux_1_finetuned("flux-pro-1.1-ultra-finetuned", UltraFinetunedInputs, "ultra"),
    _flux_1_finetuned("flux-pro-1.0-fill-finetuned", FillFinetunedInputs, "fill"),
)
ENDPOINTS = (
    *FINETUNED_ENDPOINTS,
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
# The first of a pair is what a finetune runs on unless a caller names another: fill needs an image to begin with.
BY_SERVING = {(endpoint.base_model, endpoint.precision): endpoint for endpoint in reversed(FINETUNED_ENDPOINTS)}


def endpoint_for(base_model: str, precision: str) -> Endpoint:
    """The endpoint that a finetune runs on. Raises KeyError for a pair that none serves (BF16 is 9b-kv's alone)."""
    return BY_SERVING[BaseModel(base_model), Precision(precision)]


def endpoints_for(base_model: str, precision: str) -> list[Endpoint]:
    """All that serve such a finetune."""
    return [endpoint for endpoint in FINETUNED_ENDPOINTS if endpoint.serves(base_model, precision)]


def is_served(base_model: str, precision: str) -> bool:
    return (base_model, precision) in BY_SERVING
