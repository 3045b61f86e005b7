"""The base models that LoRAs in the wild are made for: their names, and which of them finetunes here are served on."""

from enum import StrEnum

from dashboard.bfl.endpoints import BaseModel


class Family(StrEnum):
    """Models of one geometry. Base, distilled and KV variants cannot be told apart from a file."""

    KLEIN_4B = "flux2-klein-4b"
    KLEIN_9B = "flux2-klein-9b"
    DEV = "flux2-dev"
    FLUX1 = "flux1"
    SDXL = "sdxl"
    SD15 = "sd1.5"
    OTHER = "other"
    AMBIGUOUS = "ambiguous"

    @property
    def label(self) -> str:
        return FAMILY_LABELS[self]

    @property
    def base_models(self) -> tuple[BaseModel, ...]:
        """What the catalog serves this family on; the one to suggest comes first, none for a foreign family."""
        return FAMILY_BASE_MODELS.get(self, ())


class Confidence(StrEnum):
    """`CERTAIN`: names and shapes prove it. `LIKELY`: nothing else known fits. `AMBIGUOUS`: someone must say."""

    CERTAIN = "certain"
    LIKELY = "likely"
    AMBIGUOUS = "ambiguous"


FAMILY_LABELS = {
    Family.KLEIN_4B: "FLUX.2 [klein] 4B",
    Family.KLEIN_9B: "FLUX.2 [klein] 9B",
    Family.DEV: "FLUX.2 [dev]",
    Family.FLUX1: "FLUX.1",
    Family.SDXL: "Stable Diffusion XL",
    Family.SD15: "Stable Diffusion 1.5",
    Family.OTHER: "another model",
    Family.AMBIGUOUS: "not certain",
}
FAMILY_BASE_MODELS = {
    Family.KLEIN_4B: (BaseModel.KLEIN_4B, BaseModel.KLEIN_BASE_4B),
    Family.KLEIN_9B: (BaseModel.KLEIN_9B, BaseModel.KLEIN_9B_KV, BaseModel.KLEIN_BASE_9B),
}
