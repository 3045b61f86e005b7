"""Commands on grids: run one, try a cell again, recommend the strength of one."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction

from dashboard.bfl.endpoints import Endpoint
from dashboard.billing.queries import balance_of
from dashboard.billing.services import InsufficientCreditsError
from dashboard.lib.credits import as_text
from dashboard.lib.errors import DashboardError, ForbiddenError, InvalidInputError, NotFoundError
from dashboard.organizations.models import Organization, User
from finetunes.access import resolve_finetune
from finetunes.models import Finetune
from finetunes.services import uses
from finetunes.services.editing import edit_finetune
from playground.grids import Plan
from playground.inputs import cost_of, keep, parse, strength_of
from playground.models import Generation, Grid, State
from playground.queries import boards
from playground.references.stored import Reference
from playground.services import generating
from playground.services.generating import Job

TOO_LITTLE = (
    "Insufficient credits: these {count} images cost {cost}, and {name} has {left}. Leave some values out, or ask the "
    "operator of this server to add credits."
)
GONE = "The finetune of this grid was deleted."
REMOVED = "This grid was just deleted: it went with the last of its images."
NOT_FAILED = "This cell is being made, or has its image already."
NOT_OURS = "The owner of this finetune alone recommends a strength for it."
NO_IMAGE = "This cell has no image to judge the strength by."


class CellNotFailedError(DashboardError):
    """Only what failed is tried again."""

    code = "cell_not_failed"
    status = 409


def run_grid(
    caller: Organization,
    endpoint: Endpoint,
    given: Mapping[str, Any],
    plan: Plan,
    *,
    user: User,
    references: Sequence[Reference] = (),
) -> Grid:
    """Holds the price of all cells and queues them, or none of them. `given` is what they have in common, on the wire.

    Each cell keeps its own copy of the `references`, images that are here already.

    Raises InvalidFieldsError for what the endpoint does not take, and what `generating.generate` raises.
    """
    jobs = [
        Job(parse(endpoint, {**given, **place.changes}), references, place.row, place.column) for place in plan.places()
    ]
    finetune = resolve_finetune(caller, str(given["finetune_id"]))
    grid = Grid(
        organization=caller,
        user=user,
        finetune=finetune,
        finetune_id_sent=finetune.id_for(caller),
        axes=plan.as_json(),
        inputs=keep(jobs[0].inputs),
    )
    try:
        generating.generate_all(caller, endpoint, jobs, user=user, grid=grid)
    except InsufficientCreditsError:
        size = jobs[0].inputs.size_after(references[0].get("size") if references else None)
        cost = cost_of(endpoint, size, len(references)) * plan.count
        raise InsufficientCreditsError(_too_little(caller, plan.count, cost)) from None
    except uses.CapReachedError as error:
        allowance = boards.allowance_of(caller, finetune)
        raise uses.CapReachedError(allowance and allowance.refusal(plan.count) or error.message) from None
    return grid


@transaction.atomic
def try_again(grid: Grid, row: int, column: int, *, user: User) -> Generation:
    """A new generation with the same inputs in the place of one that failed; that one stays among the others.

    Raises CellNotFailedError, also for whoever asks second, InvalidInputError where the finetune is gone,
    NotFoundError where the grid is, and what `generating.generate` raises.
    """
    finetune = _finetune_of(grid)
    uses.hold(finetune.pk)  # before the grid: in this order its deletion takes them too
    if Grid.objects.select_for_update(of=("self",)).filter(pk=grid.pk).first() is None:
        raise NotFoundError(REMOVED)
    failed = boards.newest_in(grid, row, column)
    if failed is None or failed.is_open or failed.state == State.READY:
        raise CellNotFailedError(NOT_FAILED)
    endpoint = resolve_finetune(grid.organization, finetune.id_for(grid.organization)).endpoint
    inputs = parse(endpoint, {**failed.inputs, "finetune_id": finetune.id_for(grid.organization)})
    job = Job(inputs, failed.references, row, column)
    [generation] = generating.generate_all(grid.organization, endpoint, [job], user=user, grid=grid)
    return generation


def recommend(grid: Grid, row: int, column: int) -> float:
    """Makes the strength of this cell the one that the finetune recommends. Raises what `edit_finetune` raises.

    Raises ForbiddenError for another organization's finetune, InvalidInputError for a cell without an image.
    """
    finetune = _finetune_of(grid)
    if finetune.organization_id != grid.organization_id:
        raise ForbiddenError(NOT_OURS)
    cell = boards.newest_in(grid, row, column)
    if cell is None or cell.state != State.READY:
        raise InvalidInputError(NO_IMAGE)
    strength = strength_of(cell.inputs)
    edit_finetune(finetune, {"recommended_strength": strength})
    return strength


def _too_little(caller: Organization, count: int, cost: int) -> str:
    left = as_text(balance_of(caller))
    return TOO_LITTLE.format(count=count, cost=as_text(cost), name=caller.name, left=left)


def _finetune_of(grid: Grid) -> Finetune:
    if grid.finetune is None:
        raise InvalidInputError(GONE)
    return grid.finetune
