"""Reads of grids: the cells as they stand now, and the latest grids of an organization."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from django.db.models import Count, Q

from dashboard.lib.credits import as_text
from dashboard.organizations.models import Organization
from finetunes.models import Finetune
from finetunes.queries.usage import terms_for
from playground.grids import AxisKind, Plan
from playground.inputs import strength_of
from playground.models import OPEN_STATES, Generation, Grid, State

LATEST = 12
# One letter a cell tells what a page has of it.
LETTERS: dict[str, str] = {
    State.QUEUED: "q",
    State.SUBMITTING: "s",
    State.RUNNING: "r",
    State.FETCHING: "f",
    State.READY: "R",
    State.ERROR: "E",
    State.REQUEST_MODERATED: "M",
    State.CONTENT_MODERATED: "C",
}
REMOVED, OTHER = "-", "X"
OVER_CAP = (
    "These are {count} images, and {owner} allows {caller} {left} more of {finetune} this month. Leave some values "
    "out, or wait until {renews_on:%-d %B %Y} (UTC)."
)


@dataclass(frozen=True)
class Cell:
    """A place of a grid and the newest generation in it; none where that was deleted."""

    row: int
    column: int
    across: str
    down: str
    generation: Generation | None

    @property
    def letter(self) -> str:
        return LETTERS.get(self.generation.state, OTHER) if self.generation else REMOVED

    @property
    def is_failed(self) -> bool:
        return self.generation is not None and not self.generation.is_open and not self.generation.image

    @property
    def strength(self) -> float | None:
        return strength_of(self.generation.inputs) if self.generation else None

    @property
    def label(self) -> str:
        """For who hears the cell rather than sees where it stands."""
        return f"{self.across}, {self.down}" if self.down else self.across


@dataclass(frozen=True)
class Board:
    """A grid with all of its cells, row by row, and what they add up to."""

    grid: Grid
    plan: Plan
    cells: tuple[Cell, ...]

    @property
    def rows(self) -> Iterator[tuple[Cell, ...]]:
        width = len(self.plan.across.values)
        for start in range(0, len(self.cells), width):
            yield self.cells[start : start + width]

    @cached_property
    def ready(self) -> list[Generation]:
        return [cell.generation for cell in self.cells if cell.generation and cell.generation.state == State.READY]

    @cached_property
    def failed_count(self) -> int:
        return sum(cell.is_failed for cell in self.cells)

    @cached_property
    def is_open(self) -> bool:
        return any(cell.generation and cell.generation.is_open for cell in self.cells)

    @property
    def letters(self) -> str:
        return "".join(cell.letter for cell in self.cells)

    @property
    def spent_text(self) -> str:
        return as_text(sum(generation.cost for generation in self.ready))

    @property
    def cell_cost_text(self) -> str:
        """What one cell costs: all are of one size and endpoint."""
        return next((cell.generation.cost_text for cell in self.cells if cell.generation), "")

    @property
    def versions(self) -> list[int]:
        """Of the finetune, where its cells know: more than one if it got a new checkpoint between tries."""
        found = {cell.generation.finetune_version for cell in self.cells if cell.generation}
        return sorted(version for version in found if version is not None)

    @property
    def has_strengths(self) -> bool:
        return AxisKind.STRENGTH in self.plan.kinds

    def changed_since(self, letters: str) -> list[Cell]:
        """The cells of which a page with these letters has an older state; all for letters of another grid."""
        if len(letters) != len(self.cells):
            return list(self.cells)
        return [cell for cell, letter in zip(self.cells, letters, strict=True) if cell.letter != letter]


def read_board(grid: Grid) -> Board:
    """In one query."""
    newest = {
        (generation.row, generation.column): generation
        for generation in Generation.objects.filter(grid=grid).order_by("created_at", "pk")
    }
    plan = grid.plan
    across, down = plan.across.labels, plan.down.labels if plan.down else [""]
    cells = tuple(
        Cell(row, column, across_label, down_label, newest.get((row, column)))
        for row, down_label in enumerate(down)
        for column, across_label in enumerate(across)
    )
    return Board(grid, plan, cells)


@dataclass(frozen=True)
class Allowance:
    """How many more images a grant's monthly cap lets its recipient make."""

    caller: Organization
    finetune: Finetune
    left: int
    renews_on: date

    def refusal(self, count: int) -> str:
        """Why so many are too many; empty where they are not."""
        if count <= self.left:
            return ""
        owner = self.finetune.organization.name
        return OVER_CAP.format(
            count=count,
            owner=owner,
            caller=self.caller.name,
            left=self.left or "no",
            finetune=self.finetune.name,
            renews_on=self.renews_on,
        )


def allowance_of(caller: Organization, finetune: Finetune) -> Allowance | None:
    """None where no cap holds. One query for a grant, none else."""
    terms = terms_for(caller, finetune)
    if terms is None or terms.monthly_cap is None:
        return None
    return Allowance(caller, finetune, max(terms.monthly_cap - terms.used, 0), terms.renews_on)


def newest_in(grid: Grid, row: int, column: int) -> Generation | None:
    return Generation.objects.filter(grid=grid, row=row, column=column).order_by("-created_at", "-pk").first()


def latest_grids(organization: Organization) -> list[Grid]:
    """With `ready_count` and `open_count`."""
    counts = {
        "ready_count": Count("cells", filter=Q(cells__state=State.READY)),
        "open_count": Count("cells", filter=Q(cells__state__in=OPEN_STATES)),
    }
    grids = Grid.objects.of_caller(organization).select_related("user").annotate(**counts)
    return list(grids.order_by("-created_at", "pk")[:LATEST])
