"""How a finetune looks: inks and a printing screen of its own, laid over whatever the base endpoint painted."""

from collections.abc import Callable
from math import cos, hypot, pi
from random import Random

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageOps

from dashboard.sandbox.colours import HUES, Colour, ramp

# Screens are drawn for a picture of this side; a finer or coarser one keeps the number of lines.
REFERENCE_SIDE = 1024
TILE = 32
Size = tuple[int, int]
Screen = Callable[[Size, Random], Image.Image]


def restyle(picture: Image.Image, random: Random) -> Image.Image:
    """The picture as this finetune would print it: its own inks, and a screen that is thicker where it is dark."""
    screen = SCREENS[int(random.random() * len(SCREENS))](picture.size, random)
    inks = _inks(random)
    tones = ImageOps.autocontrast(ImageOps.grayscale(picture), cutoff=1)
    # The slope of four levels a level keeps the edges of the screen smooth.
    mask = ImageChops.subtract(tones.point(_narrowed), screen, scale=0.25, offset=128)
    return Image.composite(_printed(tones.point(_lifted), inks), _printed(tones.point(_deepened), inks), mask)


def _inks(random: Random) -> tuple[Colour, ...]:
    """From the darkest ink to the paper: a run from one hue of a pair to the other."""
    one, other = HUES[int(random.random() * len(HUES))]
    if random.random() < 0.5:
        one, other = other, one
    turn = random.uniform(-20, 20)
    lightness = (random.uniform(0.12, 0.22), 0.36, 0.58, 0.78, random.uniform(0.93, 0.98))
    chroma = (0.06, 0.12, 0.16, 0.13, 0.035)
    return tuple(Colour(lightness[step], chroma[step], turn + one + (other - one) * step / 4) for step in range(5))


def _printed(tones: Image.Image, inks: tuple[Colour, ...]) -> Image.Image:
    """Each tone in the colour that the inks have for it."""
    colours = ramp(inks, (1, 256))
    return Image.merge("RGB", [tones.point(list(channel.tobytes())) for channel in colours.split()])


def _narrowed(tone: int) -> int:
    return round(46 + tone * 0.68)


def _lifted(tone: int) -> int:
    return round(46 + tone * 0.82)


def _deepened(tone: int) -> int:
    return round(tone * 0.79)


def _dots(size: Size, random: Random) -> Image.Image:
    """The halftone of a newspaper."""
    tile = _tile(lambda x, y: (2 + cos(2 * pi * x) + cos(2 * pi * y)) / 4)
    return _turned(tile, size, pitch=random.uniform(11, 17), angle=random.uniform(20, 70))


def _lines(size: Size, random: Random) -> Image.Image:
    tile = _tile(_bar)
    return _turned(tile, size, pitch=random.uniform(10, 15), angle=random.uniform(-60, 60))


def _bar(_: float, y: float) -> float:
    return abs(2 * y - 1)


def _hatching(size: Size, random: Random) -> Image.Image:
    """Two crossing sets of lines."""
    tile = _tile(lambda x, y: 0.5 * max(abs(2 * x - 1), abs(2 * y - 1)) + 0.5 * min(abs(2 * x - 1), abs(2 * y - 1)))
    return _turned(tile, size, pitch=random.uniform(12, 18), angle=random.uniform(25, 65))


def _scales(size: Size, random: Random) -> Image.Image:
    """Overlapping arcs in staggered rows."""

    def arc(x: float, y: float) -> float:
        row = int(y * 2)
        across = (x + 0.5 * row) % 1 - 0.5
        down = y * 2 - row
        return hypot(across * 2, down) * 3 % 1

    return _turned(_tile(arc), size, pitch=random.uniform(44, 64), angle=0)


def _waves(size: Size, random: Random) -> Image.Image:
    """Lines that swing like those of an engraving."""
    frequency, swing, phase = random.uniform(1.2, 2.4), random.uniform(0.02, 0.035), random.uniform(0, 2 * pi)
    width, height = size
    margin = round(height * swing) + 1
    flat = _turned(_tile(_bar), (width, height + 2 * margin), pitch=random.uniform(11, 15), angle=0)

    def top(share: float) -> float:
        return margin + height * swing * cos(share * frequency * 2 * pi + phase)

    steps = min(width, 64)
    mesh = []
    for step in range(steps):
        left, right = width * step // steps, width * (step + 1) // steps
        one, other = top(step / steps), top((step + 1) / steps)
        mesh.append(((left, 0, right, height), (left, one, left, height + one, right, height + other, right, other)))
    return flat.transform(size, Image.Transform.MESH, mesh, Image.Resampling.BILINEAR)


def _rings(size: Size, random: Random) -> Image.Image:
    """Grooves around a point, drawn at half size."""
    width, height = max(1, size[0] // 2), max(1, size[1] // 2)
    screen = Image.new("L", (width, height))
    pen = ImageDraw.Draw(screen)
    x, y = width * random.uniform(0.1, 0.9), height * random.uniform(0.1, 0.9)
    pitch = random.uniform(6, 9) * max(size) / REFERENCE_SIDE
    for radius in range(int((width**2 + height**2) ** 0.5), 0, -1):
        value = round(255 * abs(2 * (radius / pitch % 1) - 1))
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), outline=value, width=2)
    return screen.filter(ImageFilter.GaussianBlur(0.6)).resize(size, Image.Resampling.BICUBIC)


SCREENS: tuple[Screen, ...] = (_dots, _lines, _hatching, _scales, _waves, _rings)


def _tile(value: Callable[[float, float], float]) -> Image.Image:
    """One cell of a screen, from a function over the unit square."""
    cell = bytes(
        round(255 * value((column + 0.5) / TILE, (row + 0.5) / TILE)) for row in range(TILE) for column in range(TILE)
    )
    return Image.frombytes("L", (TILE, TILE), cell)


def _turned(tile: Image.Image, size: Size, *, pitch: float, angle: float) -> Image.Image:
    """The cell repeated over the whole picture at a pitch and an angle."""
    scale = pitch * max(size) / REFERENCE_SIDE / TILE
    diagonal = (size[0] ** 2 + size[1] ** 2) ** 0.5
    cells = int(diagonal / (TILE * scale)) + 2
    sheet = Image.new("L", (TILE * cells, TILE * cells))
    for row in range(cells):
        for column in range(cells):
            sheet.paste(tile, (column * TILE, row * TILE))
    side = round(TILE * cells * scale)
    turned = sheet.resize((side, side), Image.Resampling.BOX).rotate(angle, Image.Resampling.BILINEAR)
    left, top = (side - size[0]) // 2, (side - size[1]) // 2
    return turned.crop((left, top, left + size[0], top + size[1]))
