"""Requests and responses of the BFL API as pydantic models; unknown request fields are ignored, as BFL does."""

import re
from enum import StrEnum
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from dashboard.bfl.endpoints import Endpoint, Family
from dashboard.bfl.prices import PIXELS_PER_MP

DEFAULT_SIDE = 1024
MIN_SIDE = 64
MAX_PIXELS = 4 * PIXELS_PER_MP
SIDE_STEP = 16
MAX_PROMPT_CHARS = 100_000
MAX_URL_CHARS = 2083
KLEIN_IMAGES = ("input_image", "input_image_2", "input_image_3", "input_image_4")
ULTRA_IMAGES = ("image_prompt",)
SURROGATE = re.compile("[\ud800-\udfff]")


class Status(StrEnum):
    """The words of `get_result`; every client must read an unknown one as still running."""

    NOT_FOUND = "Task not found"
    PENDING = "Pending"
    REQUEST_MODERATED = "Request Moderated"
    CONTENT_MODERATED = "Content Moderated"
    READY = "Ready"
    ERROR = "Error"


class OutputFormat(StrEnum):
    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"


def _zero_is_unset(value: Any) -> Any:
    """BFL declares 0 as the default beneath a minimum of 64; clients that spell the default out must pass."""
    return None if value in (0, "0") and value is not False else value


def _storable(value: str) -> str:
    """JSON may carry both, and neither goes into PostgreSQL or into UTF-8."""
    if "\x00" in value:
        raise PydanticCustomError("string_nul", "Input should not contain a NUL character")
    if not value.isascii() and SURROGATE.search(value):
        raise PydanticCustomError("string_unicode", "Input should not contain half of a surrogate pair")
    return value


Text = Annotated[str, AfterValidator(_storable)]
Side = Annotated[Annotated[int, Field(ge=MIN_SIDE)] | None, BeforeValidator(_zero_is_unset)]
Image = Text | None
WebhookUrl = Annotated[str, Field(min_length=1, max_length=MAX_URL_CHARS), AfterValidator(_storable)]


class Prompted(BaseModel):
    """What every image endpoint takes."""

    prompt: Text = Field(max_length=MAX_PROMPT_CHARS)
    # Clients draw seeds up to 2^64 - 1.
    seed: int | None = Field(None, ge=-(2**63), le=2**64 - 1)
    safety_tolerance: int = Field(2, ge=0, le=5)
    output_format: OutputFormat | None = OutputFormat.JPEG
    webhook_url: WebhookUrl | None = None
    webhook_secret: Text | None = None


class KleinInputs(Prompted):
    """FLUX.2 [klein], BFL's `Flux2KleinInputs`: up to four reference images, sides of 64 and more, 4 MP at most."""

    image_fields: ClassVar[tuple[str, ...]] = KLEIN_IMAGES

    input_image: Image = None
    input_image_2: Image = None
    input_image_3: Image = None
    input_image_4: Image = None
    # The height stands first, so that an area that is too large is told at the width.
    height: Side = None
    # Validated also where it is left open: the default width counts towards the area.
    width: Side = Field(None, validate_default=True)

    @field_validator("width")
    @classmethod
    def fits_area(cls, width: int | None, info: ValidationInfo) -> int | None:
        height = info.data.get("height") or DEFAULT_SIDE
        if (width or DEFAULT_SIDE) * height > MAX_PIXELS:
            raise PydanticCustomError(
                "area_too_large",
                "Width times height should be at most {max} pixels (4 MP)",
                {"max": MAX_PIXELS},
            )
        return width

    @property
    def size(self) -> tuple[int, int]:
        """Width and height as requested, with the default for what was left open."""
        return self.width or DEFAULT_SIDE, self.height or DEFAULT_SIDE

    @property
    def images(self) -> dict[str, str]:
        """The reference images that were sent, by field."""
        return {field: image for field in self.image_fields if (image := getattr(self, field))}


class Finetuned(BaseModel):
    """The two fields that a `-finetuned` endpoint adds."""

    finetune_id: Text
    finetune_strength: float = Field(1.0, ge=0.0, le=2.0)


class KleinFinetunedInputs(KleinInputs, Finetuned):
    """A klein `-finetuned` endpoint: the base schema and two fields."""


class UltraFinetunedInputs(Prompted, Finetuned):
    """BFL's `FinetuneFluxUltraInput`."""

    image_fields: ClassVar[tuple[str, ...]] = ULTRA_IMAGES

    prompt: Text = Field("", max_length=MAX_PROMPT_CHARS)
    finetune_strength: float = Field(1.2, ge=0.0, le=2.0)
    safety_tolerance: int = Field(2, ge=0, le=6)
    aspect_ratio: str = "16:9"
    image_prompt: Image = None
    image_prompt_strength: float = Field(0.1, ge=0.0, le=1.0)
    prompt_upsampling: bool = False

    @field_validator("aspect_ratio")
    @classmethod
    def between_21_9_and_9_21(cls, value: str) -> str:
        match = re.fullmatch(r"([1-9][0-9]{0,2}):([1-9][0-9]{0,2})", value)
        if match is None or not 9 / 21 <= int(match[1]) / int(match[2]) <= 21 / 9:
            raise PydanticCustomError("aspect_ratio", "Aspect ratio should be between 21:9 and 9:21")
        return value

    @property
    def size(self) -> tuple[int, int]:
        """About 4 MP in the asked ratio, in steps of 16."""
        width, _, height = self.aspect_ratio.partition(":")
        ratio = int(width) / int(height)
        side = (MAX_PIXELS / ratio) ** 0.5
        return int(side * ratio) // SIDE_STEP * SIDE_STEP, int(side) // SIDE_STEP * SIDE_STEP

    @property
    def images(self) -> dict[str, str]:
        return {"image_prompt": self.image_prompt} if self.image_prompt else {}


Inputs = KleinInputs | UltraFinetunedInputs
INPUTS: dict[Family, type[KleinInputs] | type[UltraFinetunedInputs]] = {
    Family.KLEIN: KleinInputs,
    Family.KLEIN_FINETUNED: KleinFinetunedInputs,
    Family.ULTRA_FINETUNED: UltraFinetunedInputs,
}


def inputs_of(endpoint: Endpoint) -> type[KleinInputs] | type[UltraFinetunedInputs]:
    return INPUTS[endpoint.family]


class Submission(BaseModel):
    """The answer to a submission (`AsyncResponse`), in the wire's key order."""

    id: str
    polling_url: str
    cost: float | None = None
    input_mp: float | None = None
    output_mp: float | None = None


class Result(BaseModel):
    """The answer of `get_result` (`ResultResponse`): all six keys, always, in this order."""

    id: str
    status: str
    result: dict[str, Any] | None = None
    progress: float | None = None
    details: dict[str, Any] | None = None
    preview: dict[str, Any] | None = None


class Sample(BaseModel):
    """`result` of a Ready FLUX.2 task, in the wire's key order; times in epoch seconds."""

    start_time: float
    prompt: str
    seed: int
    sample: str
