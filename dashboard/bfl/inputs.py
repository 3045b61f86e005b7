"""Requests of the BFL API as pydantic models, one for each kind of endpoint; unknown fields are ignored, as BFL does.

Where BFL's document is silent, section 13 of the reference decides: an explicit side of 0 is as good as none, sides
need not be multiples of 16 (the render is floored to them, the price goes by what was asked), and FLUX.2 makes 4 MP of
1,048,576 pixels at most.
"""

import re
from typing import Annotated, Any, ClassVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)
from pydantic_core import PydanticCustomError

from dashboard.bfl.descriptions import describe
from dashboard.bfl.prices import PIXELS_PER_MP
from dashboard.bfl.schemas import MAX_URL_CHARS, OutputFormat
from dashboard.bfl.sizes import DEFAULT_SIDE, MAX_PIXELS, MIN_SIDE, Size, model_size, size_in_ratio

MAX_PROMPT_CHARS = 100_000
INPUT_IMAGES = ("input_image", *(f"input_image_{number}" for number in range(2, 9)))
SURROGATE = re.compile("[\ud800-\udfff]")
RATIO = re.compile(r"([1-9][0-9]{0,2}):([1-9][0-9]{0,2})")


def _zero_is_unset(value: Any) -> Any:
    """BFL declares 0 as the default beneath a minimum of 64; clients that spell the default out must pass."""
    return None if value in (0, "0") and value is not False else value


def _null_is_empty(value: Any) -> Any:
    return "" if value is None else value


def _storable(value: str) -> str:
    """JSON may carry both, and neither goes into PostgreSQL or into UTF-8."""
    if "\x00" in value:
        raise PydanticCustomError("string_nul", "Input should not contain a NUL character")
    if not value.isascii() and SURROGATE.search(value):
        raise PydanticCustomError("string_unicode", "Input should not contain half of a surrogate pair")
    return value


def _between_21_9_and_9_21(value: str) -> str:
    match = RATIO.fullmatch(value)
    if match is None or not 9 / 21 <= int(match[1]) / int(match[2]) <= 21 / 9:
        raise PydanticCustomError("aspect_ratio", "Aspect ratio should be between 21:9 and 9:21")
    return value


Text = Annotated[str, AfterValidator(_storable)]
Side = Annotated[
    Annotated[int, Field(ge=MIN_SIDE)] | None,
    BeforeValidator(_zero_is_unset),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": MIN_SIDE}, {"const": 0}, {"type": "null"}], "default": 0}),
]
# FLUX.1 takes sides of its own kind.
Flux1Side = Annotated[int, Field(ge=256, le=1440, multiple_of=32)]
Image = Text | None
Prompt = Annotated[str, Field(max_length=MAX_PROMPT_CHARS), AfterValidator(_storable)]
PromptOrNone = Annotated[
    Prompt,
    BeforeValidator(_null_is_empty),
    WithJsonSchema({"anyOf": [{"type": "string", "maxLength": MAX_PROMPT_CHARS}, {"type": "null"}]}),
]
AspectRatio = Annotated[str, AfterValidator(_between_21_9_and_9_21)]
WebhookUrl = Annotated[
    str,
    Field(min_length=1, max_length=MAX_URL_CHARS, json_schema_extra={"format": "uri"}),
    AfterValidator(_storable),
]


class Inputs(BaseModel):
    """What every image endpoint takes. `image_fields` are its reference images, in order."""

    model_config = ConfigDict(json_schema_extra=describe)
    image_fields: ClassVar[tuple[str, ...]] = ()

    prompt: Prompt
    # Clients draw seeds up to 2^64 - 1.
    seed: int | None = Field(None, ge=-(2**63), le=2**64 - 1)
    safety_tolerance: int = Field(2, ge=0, le=5)
    output_format: OutputFormat | None = OutputFormat.JPEG
    webhook_url: WebhookUrl | None = None
    webhook_secret: Text | None = None

    @property
    def size(self) -> Size:
        """Width and height in pixels as requested, with the default for what was left open."""
        return DEFAULT_SIDE, DEFAULT_SIDE

    def size_after(self, first_image: Size | None) -> Size:
        """The size of the result, where the first reference image has `first_image` as the model sees it."""
        return self.size

    @staticmethod
    def seen(width: int, height: int) -> Size:
        """The size in which the model sees a reference image of so many pixels."""
        return model_size(width, height)

    @property
    def images(self) -> dict[str, str]:
        """The reference images that were sent, by field."""
        return {field: image for field in self.image_fields if (image := getattr(self, field))}


class Finetuned(BaseModel):
    """The two fields that a `-finetuned` endpoint adds."""

    finetune_id: Text
    finetune_strength: float = Field(1.0, ge=0.0, le=2.0)


# --- FLUX.2 ------------------------------------------------------------------------------------------------------


class KleinInputs(Inputs):
    """FLUX.2 [klein], BFL's `Flux2KleinInputs`: up to four reference images, sides of 64 and more, 4 MP at most."""

    image_fields: ClassVar[tuple[str, ...]] = INPUT_IMAGES[:4]

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
    def size(self) -> Size:
        return self.width or DEFAULT_SIDE, self.height or DEFAULT_SIDE

    def size_after(self, first_image: Size | None) -> Size:
        is_open = not (self.width or self.height)
        return first_image if first_image and is_open else self.size


class KleinFinetunedInputs(KleinInputs, Finetuned):
    """A klein `-finetuned` endpoint, whose schema BFL has not published: the base schema and two fields."""


class Flux2Inputs(KleinInputs):
    """FLUX.2 [pro] and [max], BFL's `Flux2Inputs`: klein's with four more reference images."""

    image_fields: ClassVar[tuple[str, ...]] = INPUT_IMAGES

    input_image_5: Image = None
    input_image_6: Image = None
    input_image_7: Image = None
    input_image_8: Image = None


class Flux2FlexInputs(Flux2Inputs):
    """FLUX.2 [flex], BFL's `Flux2FlexInputs` without `input_image_blob_path`, which names a file in BFL's own store."""

    prompt_upsampling: bool | None = True
    guidance: float | None = Field(5.0, ge=1.5, le=10.0)
    steps: int | None = Field(50, ge=1, le=50)


# --- FLUX.1 ------------------------------------------------------------------------------------------------------


class Flux1Inputs(Inputs):
    """What FLUX.1 takes: a prompt that may be missing, and a tolerance up to 6."""

    prompt: PromptOrNone = ""
    safety_tolerance: int = Field(2, ge=0, le=6)
    prompt_upsampling: bool = False


class KontextInputs(Flux1Inputs):
    """FLUX.1 Kontext, BFL's `FluxKontextProInputs`: about 1 MP in the ratio asked, else in that of the first image."""

    image_fields: ClassVar[tuple[str, ...]] = INPUT_IMAGES[:4]

    prompt: Prompt
    input_image: Image = None
    input_image_2: Image = None
    input_image_3: Image = None
    input_image_4: Image = None
    aspect_ratio: AspectRatio | None = None
    output_format: OutputFormat | None = OutputFormat.PNG

    @property
    def size(self) -> Size:
        return size_in_ratio(self.aspect_ratio or "1:1", PIXELS_PER_MP)

    def size_after(self, first_image: Size | None) -> Size:
        return first_image if first_image and not self.aspect_ratio else self.size


class Flux11Inputs(Flux1Inputs):
    """FLUX 1.1 [pro], BFL's `FluxPro11Inputs`."""

    image_fields: ClassVar[tuple[str, ...]] = ("image_prompt",)

    image_prompt: Image = None
    width: Flux1Side = 1024
    height: Flux1Side = 768

    @property
    def size(self) -> Size:
        return self.width, self.height


class DevInputs(Flux11Inputs):
    """FLUX.1 [dev], BFL's `FluxDevInputs`."""

    steps: int | None = Field(28, ge=1, le=50)
    guidance: float | None = Field(3.0, ge=1.5, le=5.0)


class AspectInputs(Flux1Inputs):
    """What FLUX 1.1 [pro] Ultra takes with a finetune and without."""

    image_fields: ClassVar[tuple[str, ...]] = ("image_prompt",)

    aspect_ratio: AspectRatio = "16:9"
    image_prompt: Image = None
    image_prompt_strength: float = Field(0.1, ge=0.0, le=1.0)

    @property
    def size(self) -> Size:
        """About 4 MP in the ratio asked."""
        return size_in_ratio(self.aspect_ratio, MAX_PIXELS)


class UltraInputs(AspectInputs):
    """FLUX 1.1 [pro] Ultra, BFL's `FluxUltraInput`."""

    raw: bool = False


class UltraFinetunedInputs(AspectInputs, Finetuned):
    """FLUX 1.1 [pro] Ultra with a finetune, BFL's `FinetuneFluxUltraInput`."""

    finetune_strength: float = Field(1.2, ge=0.0, le=2.0)


class FillFinetunedInputs(Flux1Inputs, Finetuned):
    """FLUX.1 Fill [pro] with a finetune, BFL's `FinetuneFluxProFillInputs`; white in the mask is painted anew."""

    image_fields: ClassVar[tuple[str, ...]] = ("image", "mask")

    finetune_strength: float = Field(1.1, ge=0.0, le=2.0)
    image: Text = Field(min_length=1)
    mask: Image = None
    steps: int = Field(50, ge=15, le=50)
    guidance: float = Field(60.0, ge=1.5, le=100.0)

    @staticmethod
    def seen(width: int, height: int) -> Size:
        """As it is: what is outside of the mask stays."""
        return width, height

    def size_after(self, first_image: Size | None) -> Size:
        return first_image or self.size
