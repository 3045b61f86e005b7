"""BFL's published prices in millicredits, and the megapixels that they go by.

Source: reference of the BFL API, section 6. Finetuned endpoints cost what their base endpoint costs; where no
number is public (9b-kv, base-4b, base-9b) the row of the same size counts. The reference has none for FLUX.1 [dev]:
BFL asked 2.5 credits for it while it listed the model.
"""

from dataclasses import dataclass
from math import ceil

PIXELS_PER_MP = 1024 * 1024


@dataclass(frozen=True)
class Rate:
    """Millicredits for the first output megapixel, each further one, and each megapixel of input."""

    first: int
    further: int
    input: int


RATES = {
    "klein-4b": Rate(first=1400, further=100, input=100),
    "klein-9b": Rate(first=1500, further=200, input=200),
    "flux-2-pro": Rate(first=3000, further=1500, input=1500),
    "flux-2-max": Rate(first=7000, further=3000, input=3000),
    "flux-2-flex": Rate(first=5000, further=5000, input=5000),
    "kontext-pro": Rate(first=4000, further=0, input=0),
    "kontext-max": Rate(first=8000, further=0, input=0),
    "pro-1.1": Rate(first=4000, further=0, input=0),
    "ultra": Rate(first=6000, further=0, input=0),
    "fill": Rate(first=5000, further=0, input=0),
    "dev": Rate(first=2500, further=0, input=0),
}


def megapixels(width: int, height: int) -> float:
    """Megapixels as the wire reports them: of 1,048,576 pixels, to two decimals."""
    return round(width * height / PIXELS_PER_MP, 2)


def price(price_key: str, *, width: int, height: int, images: int = 0) -> int:
    """Millicredits for one image: output rounded up to whole megapixels, one megapixel for each reference image.

    BFL's sums fit that: it scales reference images down to one megapixel, and each rounds up to one.
    """
    rate = RATES[price_key]
    output = max(1, ceil(width * height / PIXELS_PER_MP))
    return rate.first + (output - 1) * rate.further + images * rate.input
