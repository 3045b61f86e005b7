"""Prices and megapixels, against samples of the real wire."""

import pytest

from dashboard.bfl.endpoints import BY_NAME
from dashboard.bfl.prices import RATES, megapixels, price


@pytest.mark.parametrize(
    ("size", "expected"),
    [((256, 256), 0.06), ((1024, 1024), 1.0), ((1920, 1080), 1.98), ((65, 65), 0.0), ((2048, 2048), 4.0)],
)
def test_megapixels_are_those_of_the_wire(size: tuple[int, int], expected: float) -> None:
    assert megapixels(*size) == expected


@pytest.mark.parametrize(
    ("endpoint", "size", "images", "expected"),
    [
        ("flux-2-klein-4b-finetuned", (1024, 1024), 0, 1400),
        ("flux-2-klein-4b-finetuned", (1024, 1024), 1, 1500),
        ("flux-2-klein-4b-finetuned", (1920, 1080), 0, 1500),
        ("flux-2-klein-4b-finetuned", (64, 64), 0, 1400),
        ("flux-2-klein-9b-kv-bf16-finetuned", (1024, 1024), 0, 1500),
        ("flux-2-klein-9b", (1024, 1024), 1, 1700),
        ("flux-2-klein-base-9b-finetuned", (2048, 2048), 0, 2100),
        ("flux-pro-1.1-ultra-finetuned", (2720, 1536), 1, 6000),
    ],
)
def test_price_is_the_published_one(endpoint: str, size: tuple[int, int], images: int, expected: int) -> None:
    width, height = size
    assert price(BY_NAME[endpoint].price_key, width=width, height=height, images=images) == expected


def test_every_endpoint_has_a_rate() -> None:
    assert {endpoint.price_key for endpoint in BY_NAME.values()} == set(RATES)
