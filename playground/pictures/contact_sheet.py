"""The contact sheet: a grid as one PNG with labelled axes, whatever became of its cells."""

import tempfile
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, Any

from django.core.files.storage import default_storage
from PIL import Image, ImageDraw, ImageFont

from dashboard.bfl.schemas import Status
from dashboard.lib.places import Places
from playground.grids import AxisKind, label_of
from playground.models import Generation
from playground.queries.boards import Board, Cell

MAX_PIXELS = 40 * 10**6
# An image is shown at most this wide: a screen's worth, and not what is stored anyway.
MAX_CELL_WIDTH = 1024
MIN_CELL_WIDTH = 120
SMALLER = 0.9
SPOOL_BYTES = 8 << 20
# Canvases in memory at once in this process: 120 MB each at the most. Whoever waits holds a thread that serves pages.
PLACES = Places(2, "This server is drawing other contact sheets. Try again in a moment.", seconds=5)
PAPER, INK, QUIET, BLANK = "#ffffff", "#16141d", "#625f70", "#f1f0f5"
LABEL_LINES, TITLE_LINES, NOTE_LINES = 4, 2, 5
LINE = 1.35
# More of a text is never measured: no few lines hold it.
MOST_CHARS = 4_000
REMOVED = "Removed"
UNREADABLE = "The image is gone"


@dataclass(frozen=True)
class Layout:
    """Where everything stands, in pixels; the text in lines as they are drawn."""

    cell: tuple[int, int]
    text: int
    left: int
    top: int
    title: list[str]
    facts: list[str]
    across: list[list[str]]
    down: list[list[str]]

    @property
    def gap(self) -> int:
        return max(4, self.text // 3)

    @property
    def size(self) -> tuple[int, int]:
        rows = max(1, len(self.down))
        width = self.left + len(self.across) * (self.cell[0] + self.gap) + self.text
        return width, self.top + rows * (self.cell[1] + self.gap) + self.text

    def corner(self, cell: Cell) -> tuple[int, int]:
        step_x, step_y = (side + self.gap for side in self.cell)
        return self.left + cell.column * step_x, self.top + cell.row * step_y


def draw_sheet(board: Board) -> IO[bytes]:
    """The file, at its beginning. One image at a time is in memory beside the canvas. Raises BusyError."""
    with PLACES.take():
        return _draw(board)


def _draw(board: Board) -> IO[bytes]:
    layout = _fit(board)
    canvas = Image.new("RGB", layout.size, PAPER)
    draw = ImageDraw.Draw(canvas)
    _label(draw, layout)
    for cell in board.cells:
        _fill(canvas, draw, layout, cell)
    file = tempfile.SpooledTemporaryFile(SPOOL_BYTES)  # noqa: SIM115 the response closes it
    canvas.save(file, "PNG", compress_level=3)
    file.seek(0)
    return file


# --- Layout ------------------------------------------------------------------------------------------------------


def _fit(board: Board) -> Layout:
    """As large as the images are, and no larger than a sheet may be."""
    sizes = [(each.width, each.height) for cell in board.cells if (each := cell.generation)] or [(1024, 1024)]
    width = float(min(MAX_CELL_WIDTH, max(MIN_CELL_WIDTH, sizes[0][0])))
    ratio = sizes[0][1] / sizes[0][0]
    while True:
        layout = _lay_out(board, round(width), max(1, round(width * ratio)))
        if layout.size[0] * layout.size[1] <= MAX_PIXELS:
            return layout
        width *= SMALLER


def _lay_out(board: Board, width: int, height: int) -> Layout:
    text = min(40, max(13, width // 18))
    font = _font(text)
    down = [_wrap(label, font, width // 2, LABEL_LINES) for label in _labels(board, "down")]
    left = text + max((font.getlength(line) for lines in down for line in lines), default=0) + (text if down else 0)
    whole = left + len(board.plan.across.values) * width - text
    across = [_wrap(label, font, width, LABEL_LINES) for label in _labels(board, "across")]
    title = _wrap(_title(board), _font(round(text * 1.3)), whole, TITLE_LINES)
    facts = _wrap(_prompt(board), font, whole, TITLE_LINES) + _wrap(_facts(board), font, whole, TITLE_LINES)
    lines = len(title) * 1.3 + len(facts) + max(len(each) for each in across)
    top = round(text * 2.5 + lines * text * LINE)
    return Layout((width, height), text, round(left), top, title, facts, across, down)


def _labels(board: Board, direction: str) -> list[str]:
    axis = board.plan.across if direction == "across" else board.plan.down
    if axis is None:
        return []
    return axis.labels if axis.kind is AxisKind.PROMPT else [f"{axis.kind.label} {label}" for label in axis.labels]


def _title(board: Board) -> str:
    versions = ", ".join(f"v{version}" for version in board.versions)
    return f"{board.grid.finetune_id_sent} {versions}".strip()


def _prompt(board: Board) -> str:
    return "" if AxisKind.PROMPT in board.plan.kinds else str(board.grid.inputs.get("prompt", ""))


def _facts(board: Board) -> str:
    inputs, kinds = board.grid.inputs, board.plan.kinds
    found = []
    if AxisKind.SEED not in kinds:
        found.append(f"Seed {inputs.get('seed')}")
    if AxisKind.STRENGTH not in kinds:
        found.append(f"Strength {label_of(AxisKind.STRENGTH, inputs.get('finetune_strength', 1.0))}")
    first = next((cell.generation for cell in board.cells if cell.generation), None)
    if first:
        found.append(f"{first.width} x {first.height}")  # the font has no ×
    return " · ".join(found)


# --- Drawing -----------------------------------------------------------------------------------------------------


def _label(draw: ImageDraw.ImageDraw, layout: Layout) -> None:
    text, y = layout.text, float(layout.text)
    for line in layout.title:
        draw.text((text, y), line, INK, _font(round(text * 1.3)))
        y += text * 1.3 * LINE
    for line in layout.facts:
        draw.text((text, y), line, QUIET, _font(text))
        y += text * LINE
    for column, lines in enumerate(layout.across):
        x = layout.left + column * (layout.cell[0] + layout.gap) + layout.cell[0] / 2
        _block(draw, lines, (x, layout.top - text * 0.5 - len(lines) * text * LINE), text, anchor="ma")
    for row, lines in enumerate(layout.down):
        middle = layout.top + row * (layout.cell[1] + layout.gap) + layout.cell[1] / 2
        _block(draw, lines, (layout.left - text * 0.75, middle - len(lines) * text * LINE / 2), text, anchor="ra")


def _block(
    draw: ImageDraw.ImageDraw, lines: Sequence[str], at: tuple[float, float], text: int, *, anchor: str, fill: str = INK
) -> None:
    for number, line in enumerate(lines):
        draw.text((at[0], at[1] + number * text * LINE), line, fill, _font(text), anchor=anchor)


def _fill(canvas: Image.Image, draw: ImageDraw.ImageDraw, layout: Layout, cell: Cell) -> None:
    corner = layout.corner(cell)
    picture = _read(cell.generation, layout.cell) if cell.generation and cell.generation.image else None
    if picture:
        across, down = ((room - side) // 2 for room, side in zip(layout.cell, picture.size, strict=True))
        canvas.paste(picture, (corner[0] + across, corner[1] + down))
        return
    draw.rectangle((*corner, corner[0] + layout.cell[0] - 1, corner[1] + layout.cell[1] - 1), BLANK)
    room = layout.cell[0] - 2 * layout.text
    lines = [line for note in _notes(cell.generation) for line in _wrap(note, _font(layout.text), room, NOTE_LINES)]
    middle = corner[0] + layout.cell[0] / 2, corner[1] + (layout.cell[1] - len(lines) * layout.text * LINE) / 2
    _block(draw, lines, middle, layout.text, anchor="ma", fill=QUIET)


def _notes(generation: Generation | None) -> list[str]:
    """What stands where no image is."""
    if generation is None:
        return [REMOVED]
    if generation.image:
        return [UNREADABLE]
    if generation.status is Status.PENDING:
        return [str(generation.get_state_display())]
    return [str(generation.status.value), generation.explanation, "Not charged."]


def _read(generation: Generation, size: tuple[int, int]) -> Image.Image | None:
    """The stored image within `size`; none for one that is gone or does not decode."""
    try:
        with default_storage.open(str(generation.image)) as file, Image.open(file) as picture:
            picture.draft("RGB", size)  # a JPEG decodes at a half or a quarter where that is enough
            picture.thumbnail(size)
            return picture.convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None


# --- Text --------------------------------------------------------------------------------------------------------


def _font(size: int) -> Any:
    """Pillow's own, which is on every machine. It has Latin letters alone: others are drawn as boxes."""
    return ImageFont.load_default(size)


def _wrap(text: str, font: Any, width: float, most: int) -> list[str]:
    """Lines of at most `width` pixels; what does not fit into so many ends in an ellipsis."""
    lines: list[str] = []
    line = ""
    for word in text[:MOST_CHARS].split():
        longer = f"{line} {word}".strip()
        if not line or font.getlength(longer) <= width:
            line = longer
            continue
        lines.append(_cut(line, font, width))
        line = word
        if len(lines) == most:
            lines[-1] = _cut(f"{lines[-1]} …", font, width)
            return lines
    return [*lines, _cut(line, font, width)] if line else lines


def _cut(line: str, font: Any, width: float) -> str:
    line = line[:500]
    if font.getlength(line) <= width:
        return line
    line = line.removesuffix(" …")
    count = bisect_right(range(len(line)), width, key=lambda end: font.getlength(f"{line[: end + 1]}…"))
    return f"{line[:count].rstrip()}…"
