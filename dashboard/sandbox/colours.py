"""Colours by lightness, chroma and hue (OKLCH), so that drawn hues sit well together, and ramps of them."""

from collections.abc import Sequence
from math import cos, pi, sin
from random import Random
from typing import NamedTuple

from PIL import Image

# Resizing smooths what lies between the steps.
RAMP_STEPS = 64
RGB = tuple[int, int, int]


class Colour(NamedTuple):
    """Lightness 0 to 1, chroma 0 to about 0.3, hue in degrees."""

    lightness: float
    chroma: float
    hue: float

    @property
    def rgb(self) -> RGB:
        """Eight bits a channel; chroma is taken back, in fine steps, until a screen can show the colour."""
        channels = _linear_rgb(*self)
        if not _is_shown(channels):
            shown, beyond = 0.0, self.chroma
            for _ in range(12):
                middle = (shown + beyond) / 2
                channels = _linear_rgb(self.lightness, middle, self.hue)
                shown, beyond = (middle, beyond) if _is_shown(channels) else (shown, middle)
            channels = _linear_rgb(self.lightness, shown, self.hue)
        red, green, blue = (_to_byte(channel) for channel in channels)
        return red, green, blue

    def shifted(self, *, lightness: float = 0.0, chroma: float = 1.0, hue: float = 0.0) -> "Colour":
        return Colour(min(1.0, max(0.0, self.lightness + lightness)), self.chroma * chroma, self.hue + hue)


def mix(one: Colour, other: Colour, share: float) -> Colour:
    """A colour between two, the short way round the wheel; `share` of 1 is the other."""
    turn = (other.hue - one.hue + 180) % 360 - 180
    return Colour(
        one.lightness + (other.lightness - one.lightness) * share,
        one.chroma + (other.chroma - one.chroma) * share,
        one.hue + turn * share,
    )


def ramp(colours: Sequence[Colour], size: tuple[int, int]) -> Image.Image:
    """A picture that runs through the colours from top to bottom."""
    last = len(colours) - 1
    rows = bytearray()
    for step in range(RAMP_STEPS):
        place = step / (RAMP_STEPS - 1) * last
        index = min(int(place), last - 1)
        rows += bytes(mix(colours[index], colours[index + 1], place - index).rgb)
    return Image.frombytes("RGB", (1, RAMP_STEPS), bytes(rows)).resize(size, Image.Resampling.BICUBIC)


class Mood(NamedTuple):
    """Lightness and chroma of the sky from its top to the horizon, and of the land from far to near."""

    sky: tuple[tuple[float, float], ...]
    land: tuple[tuple[float, float], tuple[float, float]]
    has_stars: bool = False


MOODS = (
    Mood(((0.42, 0.12), (0.58, 0.14), (0.75, 0.13), (0.91, 0.09)), ((0.66, 0.10), (0.19, 0.06))),
    Mood(((0.66, 0.11), (0.79, 0.09), (0.90, 0.06), (0.96, 0.04)), ((0.80, 0.07), (0.30, 0.07))),
    Mood(((0.17, 0.06), (0.27, 0.09), (0.42, 0.11), (0.66, 0.11)), ((0.42, 0.10), (0.09, 0.03)), True),
    Mood(((0.84, 0.04), (0.89, 0.05), (0.93, 0.05), (0.97, 0.03)), ((0.85, 0.05), (0.40, 0.06))),
)
# Hues of the top of the sky and of the horizon: pairs that look like light, not like a wheel turned at random.
HUES = ((288, 408), (258, 434), (265, 350), (342, 435), (205, 95), (240, 200), (312, 385), (175, 105), (25, 82))


class Palette(NamedTuple):
    sky: tuple[Colour, ...]
    far: Colour
    near: Colour
    light: Colour
    has_stars: bool

    def land(self, nearness: float) -> Colour:
        return mix(self.far, self.near, nearness)


def draw_palette(family: Random, member: Random) -> Palette:
    """Mood and hues from `family` (the prompt), a slight turn of them from `member` (the seed)."""
    mood = MOODS[int(family.random() * len(MOODS))]
    top, horizon = HUES[int(family.random() * len(HUES))]
    turn = member.uniform(-12, 12)
    last = len(mood.sky) - 1
    sky = tuple(
        Colour(lightness, chroma, turn + top + (horizon - top) * index / last)
        for index, (lightness, chroma) in enumerate(mood.sky)
    )
    (far_light, far_chroma), (near_light, near_chroma) = mood.land
    return Palette(
        sky=sky,
        far=Colour(far_light, far_chroma, turn + horizon + (top - horizon) * 0.35),
        near=Colour(near_light, near_chroma, turn + top + member.uniform(-20, 20)),
        light=Colour(0.97, 0.05, turn + horizon),
        has_stars=mood.has_stars,
    )


def _linear_rgb(lightness: float, chroma: float, hue: float) -> tuple[float, float, float]:
    """OKLab's published matrices, from polar form to linear light."""
    a, b = chroma * cos(hue * pi / 180), chroma * sin(hue * pi / 180)
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )


def _is_shown(channels: tuple[float, float, float]) -> bool:
    return all(-0.001 <= channel <= 1.001 for channel in channels)


def _to_byte(linear: float) -> int:
    """The sRGB transfer curve."""
    value = min(1.0, max(0.0, linear))
    curved = 12.92 * value if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055
    return round(curved * 255)
