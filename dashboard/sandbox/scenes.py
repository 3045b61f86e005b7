"""What the sandbox paints: skies, ridges, water, dunes and spheres, from a palette and a random source."""

from collections.abc import Callable, Sequence
from math import pi, sin
from random import Random

from PIL import Image, ImageDraw, ImageFilter, ImageOps

from dashboard.sandbox.colours import Colour, Palette, mix, ramp

# Shapes are drawn at twice the size and reduced: Pillow draws polygons without smooth edges.
FINE = 2
RIDGE_POINTS = 160
STARS = 140

Size = tuple[int, int]
Curve = Callable[[float], float]


def paint_scene(size: Size, palette: Palette, family: Random, member: Random) -> Image.Image:
    """One of the scenes, chosen by `family`; its shapes by `member`."""
    scene = SCENES[int(family.random() * len(SCENES))]
    return scene(size, palette, member)


def _hills(size: Size, palette: Palette, random: Random) -> Image.Image:
    canvas = _sky(size, palette, random, horizon=0.62)
    horizon = random.uniform(0.46, 0.56)
    layers = 6
    for layer in range(layers):
        nearness = layer / (layers - 1)
        level = horizon + (0.94 - horizon) * nearness**1.15
        curve = _ridge(random, level, 0.11 - 0.04 * nearness, jagged=1 - nearness)
        canvas = _land(canvas, palette, curve, level - 0.12, nearness)
        if nearness > 0.5:
            canvas = _wooded(canvas, palette, curve, nearness, random)
    return canvas


def _lake(size: Size, palette: Palette, random: Random) -> Image.Image:
    """Mountains above still water that mirrors them."""
    width, height = size
    shore = random.uniform(0.58, 0.66)
    canvas = _sky(size, palette, random, horizon=shore)
    for layer in range(4):
        nearness = 0.1 + layer * 0.2
        level = shore - 0.13 + layer * 0.035
        curve = _ridge(random, level, 0.12 - 0.02 * layer, jagged=0.9 - 0.2 * layer)
        canvas = _land(canvas, palette, curve, level - 0.12, nearness)
    line = round(height * shore)
    depth = height - line
    mirrored = ImageOps.flip(canvas.crop((0, max(0, line - depth), width, line))).resize((width, depth))
    streaked = mirrored.resize((max(1, width // 24), depth), Image.Resampling.BOX).resize((width, depth))
    water = Image.blend(mirrored, streaked, 0.6)
    tint = ramp((palette.sky[-1], palette.land(0.75)), (width, depth))
    canvas.paste(Image.blend(water, tint, 0.32), (0, line))
    bank = _ridge(random, 0.95, 0.03, jagged=0.1)
    return _wooded(_land(canvas, palette, bank, 0.9, 1.0), palette, bank, 1.0, random)


def _dunes(size: Size, palette: Palette, random: Random) -> Image.Image:
    """Large soft waves, each lit along its crest and shading the one behind it."""
    canvas = _sky(size, palette, random, horizon=0.5)
    layers = 5
    level = random.uniform(0.40, 0.48)
    for layer in range(layers):
        nearness = layer / (layers - 1)
        curve = _swell(random, level + (0.9 - level) * nearness, 0.05 + 0.05 * nearness)
        mask = _below(size, curve)
        if layer:
            canvas = _shaded(canvas, mask, 0.26)
        body = palette.land(0.1 + 0.75 * nearness)
        crest = mix(body, palette.light, 0.62 - 0.22 * nearness)
        fill = ramp((crest, body, body.shifted(lightness=-0.06)), (1, 256)).resize(size)
        canvas.paste(_slid(fill, size, curve), mask=mask)
    return canvas


def _spheres(size: Size, palette: Palette, random: Random) -> Image.Image:
    """Glowing discs afloat in a soft field of light."""
    canvas = _field(size, palette, random)
    for index in range(6):
        radius = min(size) * (0.26 - 0.034 * index) * random.uniform(0.85, 1.15)
        x, y = size[0] * random.uniform(0.12, 0.88), size[1] * random.uniform(0.14, 0.86)
        canvas = _shaded(canvas, _disc(size, x, y + min(size) * 0.03, radius), 0.28)
        deep = mix(palette.sky[index % len(palette.sky)], palette.near, 0.35 + 0.08 * index)
        colours = (palette.light, palette.sky[-1 - index % 3], deep)
        ball = _turned_ramp(colours, _side(radius), random.uniform(-50, 50))
        canvas.paste(ball, (round(x - radius), round(y - radius)), _round_mask(ball.width))
    return canvas


SCENES = (_hills, _lake, _dunes, _spheres)


def _sky(size: Size, palette: Palette, random: Random, *, horizon: float) -> Image.Image:
    """A gradient, drifting veils of cloud, and a sun or moon with its glow."""
    canvas = ramp((*palette.sky, palette.sky[-1]), size)
    if palette.has_stars:
        canvas = _starry(canvas, random)
    canvas = _veiled(canvas, palette, random, horizon)
    x, y = size[0] * random.uniform(0.2, 0.8), size[1] * (horizon - random.uniform(0.12, 0.42))
    radius = min(size) * random.uniform(0.055, 0.12)
    glow = _glow(size, x, y, radius * 6).point(lambda value: round(value * 0.62))
    canvas.paste(palette.light.rgb, mask=glow)
    disc = ramp(
        (palette.light.shifted(lightness=0.02), palette.light.shifted(lightness=-0.07, chroma=2.2)),
        (_side(radius), _side(radius)),
    )
    canvas.paste(disc, (round(x - radius), round(y - radius)), _round_mask(disc.width))
    return canvas


def _field(size: Size, palette: Palette, random: Random) -> Image.Image:
    """Large blurred clouds of the palette's colours, painted small."""
    small = (48, 48)
    canvas = ramp(palette.sky, small)
    for colour in (*palette.sky, palette.land(0.2), palette.land(0.6), palette.light):
        x, y, radius = random.uniform(0, 48), random.uniform(0, 48), random.uniform(10, 20)
        canvas.paste(colour.rgb, mask=_glow(small, x, y, radius * 1.6))
    return canvas.filter(ImageFilter.GaussianBlur(4)).resize(size, Image.Resampling.BICUBIC)


def _starry(canvas: Image.Image, random: Random) -> Image.Image:
    width, height = canvas.size
    layer = Image.new("L", (width * FINE, height * FINE))
    pen = ImageDraw.Draw(layer)
    for _ in range(STARS):
        x, y = random.uniform(0, width * FINE), random.uniform(0, 1) ** 1.6 * height * FINE * 0.6
        radius = random.uniform(0.4, 1.6) * min(width, height) / 1024 * FINE
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=int(random.uniform(70, 230)))
    canvas.paste((255, 252, 245), mask=layer.reduce(FINE))
    return canvas


def _veiled(canvas: Image.Image, palette: Palette, random: Random, horizon: float) -> Image.Image:
    """Long clouds, drawn small and blurred."""
    small = (96, 96)
    veil = Image.new("L", small)
    pen = ImageDraw.Draw(veil)
    for _ in range(9):
        x, y = random.uniform(-10, 106), 96 * horizon * random.uniform(0.15, 1.0)
        length, thickness = random.uniform(10, 34), random.uniform(0.6, 2.4)
        pen.ellipse((x - length, y - thickness, x + length, y + thickness), fill=int(random.uniform(40, 120)))
    veil = veil.filter(ImageFilter.GaussianBlur(2.2)).resize(canvas.size, Image.Resampling.BICUBIC)
    canvas.paste(mix(palette.sky[-1], palette.light, 0.5).rgb, mask=veil)
    return canvas


def _land(canvas: Image.Image, palette: Palette, curve: Curve, top: float, nearness: float) -> Image.Image:
    """A ridge that fades into haze towards its foot, as distance makes it."""
    colour = palette.land(nearness)
    haze = mix(colour, palette.sky[-1], 0.55 * (1 - nearness) + 0.08)
    above = max(1, round(canvas.height * max(0.0, top)))
    fill = Image.new("RGB", canvas.size, colour.rgb)
    foot = ramp((colour, haze, haze), (canvas.width, max(1, canvas.height - above)))
    fill.paste(foot, (0, above))
    canvas.paste(fill, mask=_below(canvas.size, curve))
    return canvas


def _wooded(canvas: Image.Image, palette: Palette, curve: Curve, nearness: float, random: Random) -> Image.Image:
    """Groups of pines along a ridge, larger where it is nearer."""
    width, height = canvas.width * FINE, canvas.height * FINE
    mask = Image.new("L", (width, height))
    pen = ImageDraw.Draw(mask)
    for _ in range(3):
        middle, spread = random.uniform(0, 1), random.uniform(0.03, 0.10)
        for _ in range(int(9 + 5 * nearness)):
            x = random.gauss(middle, spread)
            tall = min(width, height) * 0.075 * nearness**2 * random.uniform(0.5, 1.0)
            _draw_pine(pen, width * x, height * curve(x) + tall * 0.12, tall)
    canvas.paste(palette.land(nearness).shifted(lightness=-0.015).rgb, mask=mask.reduce(FINE))
    return canvas


def _draw_pine(pen: ImageDraw.ImageDraw, x: float, foot: float, tall: float) -> None:
    for tier in range(4):
        top, bottom = foot - tall * (1 - tier * 0.22), foot - tall * (0.58 - tier * 0.2)
        half = tall * (0.09 + 0.05 * tier)
        pen.polygon([(x, top), (x + half, bottom), (x - half, bottom)], fill=255)


def _ridge(random: Random, level: float, swing: float, *, jagged: float) -> Curve:
    """Waves of falling height; `jagged` sharpens them from rolling hills to peaks."""
    waves = [(random.uniform(0.8, 1.4) * 2**octave, random.uniform(0, 2 * pi), 0.5**octave) for octave in range(6)]

    def height(x: float) -> float:
        total = 0.0
        for index, (frequency, phase, weight) in enumerate(waves):
            wave = sin(frequency * x * 2 * pi * 0.7 + phase)
            peaked = 1 - 2 * abs(wave)
            fine = weight * (1.0 if index < 2 else jagged)
            total += fine * (wave * (1 - jagged) + peaked * jagged)
        return level - swing * total

    return height


def _swell(random: Random, level: float, swing: float) -> Curve:
    slow, fast = random.uniform(0.5, 0.9), random.uniform(1.2, 1.9)
    one, other = random.uniform(0, 2 * pi), random.uniform(0, 2 * pi)
    return lambda x: level + swing * (sin(x * slow * 2 * pi + one) + 0.45 * sin(x * fast * 2 * pi + other))


def _below(size: Size, curve: Curve) -> Image.Image:
    """The mask of everything beneath a curve that runs over the unit square."""
    width, height = size[0] * FINE, size[1] * FINE
    mask = Image.new("L", (width, height))
    line = [(width * step / RIDGE_POINTS, height * curve(step / RIDGE_POINTS)) for step in range(RIDGE_POINTS + 1)]
    ImageDraw.Draw(mask).polygon([*line, (width, height), (0, height)], fill=255)
    return mask.reduce(FINE)


def _slid(fill: Image.Image, size: Size, curve: Curve) -> Image.Image:
    """The columns of `fill` moved down so that its top follows the curve; what lies above repeats the top."""
    width, height = size
    margin = height
    sheet = Image.new("RGB", (width, height + margin), fill.getpixel((0, 0)))
    sheet.paste(fill, (0, margin))
    steps = min(width, 48)
    mesh = []
    for step in range(steps):
        left, right = width * step // steps, width * (step + 1) // steps
        one, other = margin - height * curve(step / steps), margin - height * curve((step + 1) / steps)
        mesh.append(((left, 0, right, height), (left, one, left, one + height, right, other + height, right, other)))
    return sheet.transform(size, Image.Transform.MESH, mesh, Image.Resampling.BILINEAR)


def _shaded(canvas: Image.Image, mask: Image.Image, depth: float) -> Image.Image:
    """A soft shadow on the canvas, above and around the shape that will be laid over it."""
    small = (max(1, mask.width // 8), max(1, mask.height // 8))
    blur = ImageFilter.GaussianBlur(max(small) / 26)
    shadow = mask.resize(small, Image.Resampling.BOX).filter(blur).resize(canvas.size, Image.Resampling.BICUBIC)
    canvas.paste((12, 10, 24), mask=shadow.point(lambda value: round(value * depth)))
    return canvas


def _side(radius: float) -> int:
    return max(2, round(radius * 2))


def _disc(size: Size, x: float, y: float, radius: float) -> Image.Image:
    mask = Image.new("L", (size[0] * FINE, size[1] * FINE))
    left, top, right, bottom = (FINE * edge for edge in (x - radius, y - radius, x + radius, y + radius))
    ImageDraw.Draw(mask).ellipse((left, top, right, bottom), fill=255)
    return mask.reduce(FINE)


def _round_mask(side: int) -> Image.Image:
    return _disc((side, side), side / 2 - 0.5, side / 2 - 0.5, side / 2 - 1)


def _turned_ramp(colours: Sequence[Colour], side: int, angle: float) -> Image.Image:
    """A square of a turned gradient, cut from the middle of a larger one so that no corner shows."""
    spare = side // 4 + 1
    sheet = ramp((colours[0], *colours, colours[-1]), (side + 2 * spare, side + 2 * spare))
    return sheet.rotate(angle, Image.Resampling.BILINEAR).crop((spare, spare, spare + side, spare + side))


def _glow(size: Size, x: float, y: float, radius: float) -> Image.Image:
    """Light that falls off from a point, smooth at both ends."""
    side = max(2, round(radius * 2))
    disc = Image.radial_gradient("L").point(_falloff).resize((side, side), Image.Resampling.BICUBIC)
    mask = Image.new("L", size)
    mask.paste(disc, (round(x - radius), round(y - radius)))
    return mask


def _falloff(value: int) -> int:
    near = max(0.0, 1 - value / 180)
    return round(255 * near * near)
