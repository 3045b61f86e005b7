"""The painter: the same inputs give the same bytes, and each input shows."""

from dataclasses import replace
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageStat

from dashboard.sandbox import scenes, styles
from dashboard.sandbox.painter import Picture, paint

BASE = Picture("a lighthouse", seed=7, width=96, height=96, output_format="png")


def _open(picture: Picture) -> Image.Image:
    return Image.open(BytesIO(paint(picture)))


def _distance(one: Image.Image, other: Image.Image) -> float:
    """Mean difference of a channel, in levels."""
    return sum(ImageStat.Stat(ImageChops.difference(one, other)).mean) / 3


def test_same_inputs_give_the_same_bytes() -> None:
    picture = replace(BASE, finetune_id="ink-portrait", output_format="jpeg")
    assert paint(picture) == paint(replace(picture))


@pytest.mark.parametrize(
    "change",
    [{"seed": 8}, {"prompt": "a fox"}, {"finetune_id": "ink-portrait"}, {"references": ("abc",)}, {"width": 112}],
)
def test_another_input_gives_another_image(change: dict[str, object]) -> None:
    assert paint(replace(BASE, **change)) != paint(BASE)  # type: ignore[arg-type]


def test_finetunes_differ_from_each_other() -> None:
    images = {paint(replace(BASE, finetune_id=name)) for name in ("a", "b", "c", "owner/a")}
    assert len(images) == 4


@settings(max_examples=15, deadline=None)
@given(
    prompt=st.text(max_size=20),
    finetune_id=st.from_regex(r"[a-z0-9_-]{1,12}", fullmatch=True),
    steps=st.lists(st.integers(0, 20), min_size=2, max_size=3, unique=True).map(sorted),
)
def test_influence_grows_with_strength(prompt: str, finetune_id: str, steps: list[int]) -> None:
    base = replace(BASE, prompt=prompt, width=64, height=64)
    origin = _open(base)
    distances = [_distance(origin, _open(replace(base, finetune_id=finetune_id, strength=s / 10))) for s in steps]
    assert distances == sorted(set(distances))


@pytest.mark.parametrize("output_format", ["jpeg", "png", "webp"])
def test_strength_0_is_the_base_image_to_the_byte(output_format: str) -> None:
    base = replace(BASE, output_format=output_format)
    assert paint(replace(base, finetune_id="ink-portrait", strength=0.0)) == paint(base)


@pytest.mark.parametrize("scene", range(len(scenes.SCENES)))
@pytest.mark.parametrize("size", [(64, 64), (1040, 64), (64, 1040), (2048, 512), (16_384, 64), (64, 65_488)])
def test_every_scene_paints_any_size(monkeypatch: pytest.MonkeyPatch, scene: int, size: tuple[int, int]) -> None:
    monkeypatch.setattr(scenes, "SCENES", (scenes.SCENES[scene],))
    assert _open(Picture("x", seed=1, width=size[0], height=size[1])).size == size


@pytest.mark.parametrize("screen", range(len(styles.SCREENS)))
@pytest.mark.parametrize("size", [(64, 64), (1040, 64), (64, 1040)])
def test_every_screen_prints_any_size(monkeypatch: pytest.MonkeyPatch, screen: int, size: tuple[int, int]) -> None:
    monkeypatch.setattr(styles, "SCREENS", (styles.SCREENS[screen],))
    picture = Picture("x", seed=1, width=size[0], height=size[1], finetune_id="a", strength=2.0)
    assert _open(picture).size == size


def test_sides_are_floored_to_steps_of_16() -> None:
    assert _open(replace(BASE, width=127, height=64)).size == (112, 64)


@pytest.mark.parametrize(
    ("output_format", "width", "fits"), [("jpeg", 65_500, True), ("jpeg", 65_536, False), ("webp", 16_400, False)]
)
def test_format_s_own_limit_is_known(output_format: str, width: int, fits: bool) -> None:
    assert replace(BASE, width=width, height=64, output_format=output_format).fits_format is fits


def test_mark_stands_in_the_corner() -> None:
    """Where the mark lies, a plain light picture gets darker and carries light letters."""
    with _open(replace(BASE, width=1024, height=1024)) as image:
        corner = image.convert("L").crop((900, 970, 1010, 1012))
    lightest, darkest = corner.getextrema()[1], corner.getextrema()[0]
    assert isinstance(lightest, int | float)
    assert isinstance(darkest, int | float)
    assert lightest - darkest > 90
