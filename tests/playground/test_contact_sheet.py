"""The contact sheet: one PNG with all cells in their places, of a bounded size, whatever became of a cell."""

from io import BytesIO
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from PIL import Image

from playground.grids import Axis, AxisKind, Plan
from playground.models import Generation, Grid, State
from playground.pictures import contact_sheet
from playground.pictures.contact_sheet import MAX_PIXELS, draw_sheet
from playground.queries.boards import Board, Cell, read_board
from tests.conftest import Cast

COLOURS = [(200, 30, 30), (30, 200, 30), (30, 30, 200)]


def picture(colour: tuple[int, int, int], size: tuple[int, int] = (256, 192)) -> "ContentFile[bytes]":
    file = BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    return ContentFile(file.getvalue())


def board_of(plan: Plan, **fields: Any) -> Board:
    """Cells that no database has: the sheet reads none."""
    grid = Grid(finetune_id_sent="ink-portrait", axes=plan.as_json(), inputs={"prompt": "TOK, a pier", "seed": 5})
    given = {"width": 256, "height": 192, "inputs": {}, "state": State.READY, "image": "gone.png", **fields}
    across, down = plan.across.labels, plan.down.labels if plan.down else [""]
    cells = tuple(
        Cell(row, column, across[column], down[row], Generation(**given))
        for row in range(len(down))
        for column in range(len(across))
    )
    return Board(grid, plan, cells)


def read(board: Board) -> Image.Image:
    with draw_sheet(board) as file:
        sheet = Image.open(file)
        sheet.load()
    return sheet


def test_cells_stand_in_their_places(cast: Cast) -> None:
    plan = Plan(Axis(AxisKind.STRENGTH, (0.5, 1.0)), Axis(AxisKind.SEED, (1, 2)))
    board = board_of(plan)
    grid = Grid.objects.create(
        organization=cast.organization, finetune_id_sent="x", axes=plan.as_json(), inputs=board.grid.inputs
    )
    for cell, colour in zip(board.cells, COLOURS, strict=False):
        assert cell.generation
        generation = cell.generation
        generation.organization, generation.grid, generation.cost = cast.organization, grid, 1400
        generation.row, generation.column = cell.row, cell.column
        generation.due_at = generation.finished_at = grid.created_at
        generation.endpoint_name, generation.inputs = cast.finetune.endpoint.name, {"prompt": "x"}
        generation.image = default_storage.save(f"{cell.row}-{cell.column}.png", picture(colour))
        generation.save()
    board = read_board(grid)
    sheet = read(board)
    assert sheet.format == "PNG"
    layout = contact_sheet._fit(board)
    assert sheet.size == layout.size
    found = []
    for cell in board.cells:
        x, y = layout.corner(cell)
        found.append(sheet.getpixel((x + 128, y + 20)))
    assert found[:3] == COLOURS
    assert found[3] == (241, 240, 245)  # the cell without a generation


def test_axes_and_title_are_drawn() -> None:
    plan = Plan(Axis(AxisKind.STRENGTH, (0.5, 1.0)), Axis(AxisKind.PROMPT, ("a pier at dusk " * 30, "a boat")))
    board = board_of(plan)
    layout = contact_sheet._fit(board)
    assert layout.title == ["ink-portrait"]
    assert layout.facts == ["Seed 5 · 256 x 192"]
    assert layout.across == [["Strength 0.5"], ["Strength 1.0"]]
    assert len(layout.down[0]) == 4
    assert layout.down[0][-1].endswith("…")
    assert layout.down[1] == ["a boat"]
    sheet = read(board)
    for box in ((0, 0, sheet.width, layout.top), (0, layout.top, layout.left - 2, sheet.height)):
        tones = sheet.crop(box).convert("L").tobytes()
        assert (min(tones) < 60, max(tones)) == (True, 255), box


@pytest.mark.parametrize("state", [State.ERROR, State.RUNNING, State.CONTENT_MODERATED])
def test_cell_without_an_image_says_so(state: State) -> None:
    board = board_of(Plan(Axis(AxisKind.SEED, (1,))), state=state, image="", details={"error": "It broke. " * 50})
    layout = contact_sheet._fit(board)
    x, y = layout.corner(board.cells[0])
    box = read(board).crop((x, y, x + layout.cell[0], y + layout.cell[1])).convert("L")
    tones = box.tobytes()
    assert tones[0] > 230
    assert min(tones) < 140


@pytest.mark.parametrize("size", [(2048, 2048), (64, 4096), (4096, 64), (64, 64)])
@pytest.mark.parametrize("count", [1, 6])
def test_sheet_is_no_larger_than_it_may_be(size: tuple[int, int], count: int) -> None:
    seeds = Axis(AxisKind.SEED, tuple(range(count)))
    board = board_of(
        Plan(seeds, Axis(AxisKind.PROMPT, tuple(f"{n} {'word ' * 500}" for n in range(count)))),
        width=size[0],
        height=size[1],
    )
    width, height = contact_sheet._fit(board).size
    assert width * height <= MAX_PIXELS


def test_broken_image_does_not_break_the_sheet(cast: Cast) -> None:
    name = default_storage.save("broken.png", ContentFile(b"no image"))
    read(board_of(Plan(Axis(AxisKind.SEED, (1,))), image=name))


def test_long_text_is_cut_where_its_room_ends() -> None:
    font = contact_sheet._font(20)
    for text in ("word " * 5000, "w" * 5000):
        lines = contact_sheet._wrap(text, font, 200, 3)
        assert 1 <= len(lines) <= 3
        assert lines[-1].endswith("…")
        assert all(font.getlength(line) <= 200 for line in lines)
