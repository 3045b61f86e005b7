"""The sandbox's painter: what was asked for in, bytes of an image out, the same bytes every time."""

from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from io import BytesIO
from random import Random

from PIL import Image, ImageChops, ImageDraw, ImageFont

from dashboard.bfl.sizes import SIDE_STEP
from dashboard.sandbox.colours import draw_palette
from dashboard.sandbox.scenes import paint_scene
from dashboard.sandbox.styles import restyle

# Larger pictures are painted at this longer side and enlarged; very narrow ones are painted wider.
CANVAS_SIDE = 1024
NARROWEST = 32
# What the formats themselves allow, in pixels a side.
MAX_SIDES = {"jpeg": 65_500, "png": 1 << 20, "webp": 16_383}
MAX_STRENGTH = 2.0
MARK = "sandbox"
GRAIN_SIDE = 128
GRAIN_LEVELS = 3
CONTENT_TYPES = {"jpeg": "image/jpeg", "png": "image/png", "webp": "image/webp"}


@dataclass(frozen=True)
class Picture:
    """All that decides how an image looks. `references` are digests of the images that were sent along."""

    prompt: str
    seed: int
    width: int = 1024
    height: int = 1024
    output_format: str = "jpeg"
    finetune_id: str = ""
    strength: float = 1.0
    references: tuple[str, ...] = ()

    @property
    def size(self) -> tuple[int, int]:
        """The sides as rendered: floored to steps of 16, as the model's latents are."""
        width, height = (max(1, side // SIDE_STEP) * SIDE_STEP for side in (self.width, self.height))
        return width, height

    @property
    def fits_format(self) -> bool:
        return max(self.size) <= MAX_SIDES[self.output_format]


def paint(picture: Picture) -> bytes:
    """The encoded image. A finetune moves it from the base endpoint's picture towards its own look, by strength."""
    share = min(1.0, CANVAS_SIDE / max(picture.size))
    width, height = (max(NARROWEST, round(side * share)) for side in picture.size)
    canvas = _paint_base(picture, (width, height))
    if picture.finetune_id and picture.strength > 0:
        styled = restyle(canvas, _random("finetune", picture.finetune_id))
        canvas = Image.blend(canvas, styled, picture.strength / MAX_STRENGTH)
    canvas = ImageChops.add(canvas, _grain(canvas.size), scale=1, offset=-128)
    if canvas.size != picture.size:
        canvas = canvas.resize(picture.size, Image.Resampling.BICUBIC)
    return _encode(_marked(canvas), picture.output_format)


def _paint_base(picture: Picture, size: tuple[int, int]) -> Image.Image:
    """Prompt and references choose the scene and its light, the seed its shapes: seeds of one prompt are siblings."""
    family = _random("prompt", picture.prompt, *picture.references)
    member = _random("seed", str(picture.seed), picture.prompt, *picture.references)
    palette = draw_palette(family, member)
    return paint_scene(size, palette, family, member)


def _random(*words: str) -> Random:
    """A source that depends on nothing but these words."""
    digest = sha256("\0".join(words).encode("utf-8", "surrogatepass")).digest()
    return Random(int.from_bytes(digest, "big"))


@cache
def _grain_tile() -> Image.Image:
    """Noise of a few levels, which keeps soft gradients from showing bands."""
    noise = _random("grain").randbytes(2 * GRAIN_SIDE * GRAIN_SIDE)
    pairs = zip(noise[::2], noise[1::2], strict=True)
    cell = bytes(128 + (one + other - 255) * GRAIN_LEVELS // 255 for one, other in pairs)
    return Image.frombytes("L", (GRAIN_SIDE, GRAIN_SIDE), cell)


def _grain(size: tuple[int, int]) -> Image.Image:
    sheet = Image.new("L", size)
    for top in range(0, size[1], GRAIN_SIDE):
        for left in range(0, size[0], GRAIN_SIDE):
            sheet.paste(_grain_tile(), (left, top))
    return Image.merge("RGB", (sheet, sheet, sheet))


def _marked(picture: Image.Image) -> Image.Image:
    """A small label in the corner, so that nobody takes this for a model's work."""
    text = max(9, min(picture.size) // 54)
    font = ImageFont.load_default(size=text)
    left, top, right, bottom = font.getbbox(MARK)
    pad, margin = text * 0.55, text * 0.9
    wide, high = right - left + 2 * pad, text + 1.1 * pad
    x, y = picture.width - margin - wide, picture.height - margin - high
    pen = ImageDraw.Draw(picture, "RGBA")
    pen.rounded_rectangle((x, y, x + wide, y + high), high / 2, fill=(14, 12, 22, 120))
    pen.text((x + wide / 2, y + high / 2), MARK, font=font, fill=(255, 255, 255, 225), anchor="mm")
    return picture


def _encode(picture: Image.Image, output_format: str) -> bytes:
    buffer = BytesIO()
    options = {"jpeg": {"quality": 92}, "png": {"compress_level": 3}, "webp": {"quality": 90, "method": 2}}
    picture.save(buffer, output_format, **options[output_format])
    return buffer.getvalue()
