"""Sizes of images in pixels: their bounds, and what the models make of them."""

from dashboard.bfl.prices import PIXELS_PER_MP

DEFAULT_SIDE = 1024
MIN_SIDE = 64
MAX_PIXELS = 4 * PIXELS_PER_MP
SIDE_STEP = 16

Size = tuple[int, int]


def size_in_ratio(ratio: str, pixels: int) -> Size:
    """About so many pixels in the ratio, in steps of 16."""
    width, _, height = ratio.partition(":")
    quotient = int(width) / int(height)
    side = (pixels / quotient) ** 0.5
    return int(side * quotient) // SIDE_STEP * SIDE_STEP, int(side) // SIDE_STEP * SIDE_STEP


def model_size(width: int, height: int) -> Size:
    """References above one megapixel are scaled down to it; sides end on multiples of 16."""
    scale = min(1.0, (PIXELS_PER_MP / (width * height)) ** 0.5)
    width, height = (max(MIN_SIDE, int(side * scale) // SIDE_STEP * SIDE_STEP) for side in (width, height))
    return width, height
