"""Grids: how values are written, all cells paid for or none, cells tried again, and a strength recommended."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from threading import Barrier
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from django.test.utils import CaptureQueriesContext

from dashboard.bfl.schemas import Status
from dashboard.billing.models import Kind
from dashboard.billing.queries import balance_of, unbalanced_accounts
from dashboard.billing.services import InsufficientCreditsError, hold
from dashboard.lib.errors import ForbiddenError, InvalidInputError
from dashboard.organizations.models import Organization, User
from dashboard.sandbox.faults import Fault
from dashboard.sandbox.server import Sandbox
from finetunes.models import Finetune, Grant, Use
from finetunes.services.uses import CapReachedError
from playground import clearing, workflow
from playground.grids import MAX_CELLS, Axis, AxisKind, Plan, make_plan, read_axis
from playground.inputs import InvalidFieldsError
from playground.models import Generation, Grid, State
from playground.queries.boards import read_board
from playground.references.stored import Reference
from playground.services import sweeping
from tests.conftest import Cast
from tests.factories import make_finetune, make_member, make_organization
from tests.playground.test_pipeline import wait_for_all

PRICE = 1400


def plan_of(strengths: str = "0.7, 0.8, 0.9", seeds: str = "1, 2, 3") -> Plan:
    return make_plan(read_axis(AxisKind.STRENGTH, strengths), read_axis(AxisKind.SEED, seeds) if seeds else None)


def run(caller: Organization, user: User, plan: Plan | None = None, **given: Any) -> Grid:
    fields = {"finetune_id": "ink-portrait", "prompt": "TOK, a pier", "width": 64, "height": 64, "seed": 5, **given}
    finetune = Finetune.objects.get(name=str(fields["finetune_id"]).rpartition("/")[2])
    return sweeping.run_grid(caller, finetune.endpoint, fields, plan or plan_of(), user=user)


def fail(generation: Generation | None) -> Generation:
    assert generation
    workflow._end(generation, State.QUEUED, Status.ERROR, {"error": "It broke."})
    return generation


# --- Values of an axis -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("0.7, 0.8, 0.9, 1.0", [0.7, 0.8, 0.9, 1.0]),
        ("0.7 0.8\n.9;1", [0.7, 0.8, 0.9, 1.0]),
        ("0..2 step 0.5", [0, 0.5, 1.0, 1.5, 2.0]),
        ("0...1, STEP .25", [0, 0.25, 0.5, 0.75, 1.0]),
        ("0 to 2 step 0.75", [0, 0.75, 1.5]),
        ("1..0 step 0.5", [1.0, 0.5, 0]),
        ("0, 0.5, .., 2", [0, 0.5, 1.0, 1.5, 2.0]),
        ("2, 1.5, …, 0.2", [2.0, 1.5, 1.0, 0.5]),
        ("0.7..0.9 step 0.1", [0.7, 0.8, 0.9]),
        ("1, 1.0, 1.00", [1.0]),
        (" 0.85, ", [0.85]),
    ],
)
def test_strengths_are_read_as_written(text: str, values: list[float]) -> None:
    assert list(read_axis(AxisKind.STRENGTH, text).values) == values


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "one or more"),
        ("0.7, much", "“much” is no number"),
        ("0..2", "0..2 step 0.25"),
        ("0..2 step 0", "more than 0"),
        ("0, 0.5, .., -2", "lead away"),
        ("0..2 step 0.001", "36 at most"),
        ("0..99999999999999999999 step 0.00000000000000000001", "36 at most"),
        ("0.7, 2.5", "2.5 is no strength"),
        ("-1", "-1 is no strength"),
        ("0.755", "two decimals"),
        ("nan", "no number"),
        ("1e3", "no number"),
        (",".join(["1"] * 37), "36 at most"),
    ],
)
def test_what_is_no_axis_of_strengths_is_told(text: str, says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        read_axis(AxisKind.STRENGTH, text)


def test_seeds_and_prompts_are_read_as_written() -> None:
    assert read_axis(AxisKind.SEED, "1..4").values == (1, 2, 3, 4)
    assert read_axis(AxisKind.SEED, "7, 4294967295").values == (7, 4294967295)
    assert read_axis(AxisKind.PROMPT, " a pier, at dusk \n\n a boat\na boat").values == ("a pier, at dusk", "a boat")
    for text in ("1.5", "-1", "9007199254740992"):
        with pytest.raises(InvalidInputError, match="is no seed"):
            read_axis(AxisKind.SEED, text)


def test_plan_has_a_cell_for_each_pair_and_no_more_than_it_may() -> None:
    plan = plan_of("0, 1", "5, 6")
    assert [(place.row, place.column, place.changes) for place in plan.places()] == [
        (0, 0, {"seed": 5, "finetune_strength": 0.0}),
        (0, 1, {"seed": 5, "finetune_strength": 1.0}),
        (1, 0, {"seed": 6, "finetune_strength": 0.0}),
        (1, 1, {"seed": 6, "finetune_strength": 1.0}),
    ]
    assert Plan.from_json(plan.as_json()) == plan
    assert plan.across.labels == ["0.0", "1.0"]
    seeds = Axis(AxisKind.SEED, tuple(range(7)))
    with pytest.raises(InvalidInputError, match="7 × 6 = 42 images") as refused:
        make_plan(seeds, Axis(AxisKind.PROMPT, tuple("abcdef")))
    assert refused.value.field == "down_values"
    with pytest.raises(InvalidInputError, match="both axes"):
        make_plan(seeds, seeds)
    assert make_plan(Axis(AxisKind.SEED, tuple(range(MAX_CELLS))), None).count == MAX_CELLS


# --- Running -----------------------------------------------------------------------------------------------------


def test_grid_holds_and_queues_every_cell(cast: Cast) -> None:
    grid = run(cast.organization, cast.creator.user)
    cells = list(Generation.objects.filter(grid=grid).order_by("row", "column"))
    assert [(cell.row, cell.column) for cell in cells] == [(row, column) for row in range(3) for column in range(3)]
    assert [cell.inputs["finetune_strength"] for cell in cells[:3]] == [0.7, 0.8, 0.9]
    assert [cell.inputs["seed"] for cell in cells[::3]] == [1, 2, 3]
    assert {cell.user for cell in cells} == {cast.creator.user}
    assert balance_of(cast.organization) == 100_000 - 9 * PRICE
    assert sum(Use.objects.values_list("images", flat=True)) == 9


def test_with_credits_for_eight_of_nine_nothing_is_held(cast: Cast) -> None:
    hold(cast.organization, 100_000 - 9 * PRICE + 1, uuid4())
    with pytest.raises(InsufficientCreditsError, match=r"these 9 images cost 12\.6, and Atelier has 12\.599"):
        run(cast.organization, cast.owner.user)
    assert (Grid.objects.count(), Generation.objects.count(), Use.objects.count()) == (0, 0, 0)
    assert balance_of(cast.organization) == 9 * PRICE - 1
    assert not unbalanced_accounts()


def test_over_the_cap_nothing_is_held(cast: Cast) -> None:
    Grant.objects.create(finetune=cast.finetune, organization=cast.recipient.organization, monthly_cap=8)
    caller = cast.recipient.organization
    with pytest.raises(CapReachedError, match="These are 9 images, and Atelier allows Bureau 8 more of ink-portrait"):
        run(caller, cast.recipient.user, finetune_id=str(cast.finetune))
    assert (Grid.objects.count(), Generation.objects.count(), Use.objects.count()) == (0, 0, 0)
    assert (balance_of(caller), caller.ledger_entries.filter(kind=Kind.HOLD).count()) == (100_000, 0)
    run(caller, cast.recipient.user, plan_of(seeds="1, 2"), finetune_id=str(cast.finetune))
    assert sum(Use.objects.values_list("images", flat=True)) == 6


def test_grid_that_breaks_at_its_last_prompt_holds_nothing(cast: Cast) -> None:
    prompts = Axis(AxisKind.PROMPT, ("a pier", "x" * 100_001))
    with pytest.raises(InvalidFieldsError):
        run(cast.organization, cast.owner.user, make_plan(prompts, None))
    assert (Grid.objects.count(), balance_of(cast.organization)) == (0, 100_000)


def test_a_cell_more_costs_no_look_ups(cast: Cast) -> None:
    def cost(seeds: str) -> int:
        with CaptureQueriesContext(connection) as statements:
            run(cast.organization, cast.owner.user, plan_of("1", seeds))
        return len(statements)

    # Balance and ledger within a savepoint, the generation, the counter.
    assert cost("1, 2, 3") - cost("4, 5") == 6


# --- Trying again ------------------------------------------------------------------------------------------------


def test_failed_cell_is_tried_again_with_its_inputs(cast: Cast) -> None:
    grid = run(cast.organization, cast.owner.user, plan_of(seeds=""))
    failed = fail(read_board(grid).cells[1].generation)
    board = read_board(grid)
    assert (board.letters, board.failed_count) == ("qEq", 1)
    assert [cell.column for cell in board.changed_since("qqq")] == [1]
    assert balance_of(cast.organization) == 100_000 - 2 * PRICE
    retried = sweeping.try_again(grid, 0, 1, user=cast.creator.user)
    assert (retried.inputs, retried.user) == (failed.inputs, cast.creator.user)
    board = read_board(grid)
    assert (board.letters, board.cells[1].generation) == ("qqq", retried)
    assert balance_of(cast.organization) == 100_000 - 3 * PRICE
    with pytest.raises(sweeping.CellNotFailedError):
        sweeping.try_again(grid, 0, 1, user=cast.creator.user)
    with pytest.raises(sweeping.CellNotFailedError):
        sweeping.try_again(grid, 9, 9, user=cast.creator.user)


@pytest.mark.django_db(transaction=True)
def test_of_two_who_try_again_at_once_one_passes() -> None:
    organization = make_organization()
    make_finetune(organization, "ink-portrait")
    user = make_member(organization).user
    grid = run(organization, user, plan_of("1", ""))
    fail(Generation.objects.get())
    start = Barrier(6)

    def attempt(_: int) -> bool:
        mine = Grid.objects.select_related("organization", "finetune__organization").get(pk=grid.pk)
        start.wait(timeout=30)
        try:
            sweeping.try_again(mine, 0, 0, user=user)
        except sweeping.CellNotFailedError:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(6) as threads:
        assert sorted(threads.map(attempt, range(6))) == [False] * 5 + [True]
    assert balance_of(organization) == 100_000 - PRICE


def test_each_cell_has_its_own_copy_of_a_reference_also_when_it_is_tried_again(cast: Cast) -> None:
    file = default_storage.save("references/laid-in.png", ContentFile(b"an image"))
    reference = Reference(field="input_image", file=file, size=(64, 64))
    given = {"finetune_id": "ink-portrait", "prompt": "TOK, a pier", "width": 64, "height": 64}
    endpoint, plan = cast.finetune.endpoint, plan_of("0.7, 1", "")
    grid = sweeping.run_grid(cast.organization, endpoint, given, plan, user=cast.owner.user, references=[reference])
    assert 100_000 - balance_of(cast.organization) > 2 * PRICE
    failed = Generation.objects.get(grid=grid, column=1)
    fail(failed)
    sweeping.try_again(grid, 0, 1, user=cast.owner.user)
    names = {generation.references[0]["file"] for generation in Generation.objects.filter(grid=grid)}
    assert len(names) == 3
    assert all(default_storage.exists(name) for name in names)


def test_grid_of_a_deleted_finetune_stays_and_is_not_tried_again(cast: Cast) -> None:
    grid = run(cast.organization, cast.owner.user, plan_of("1", ""))
    fail(Generation.objects.get())
    Finetune.objects.filter(pk=cast.finetune.pk).update(current_version=None)
    cast.finetune.versions.all().delete()
    cast.finetune.delete()
    grid.refresh_from_db()
    with pytest.raises(InvalidInputError, match="deleted"):
        sweeping.try_again(grid, 0, 0, user=cast.owner.user)
    assert read_board(grid).letters == "E"


# --- Recommending ------------------------------------------------------------------------------------------------


def ready(grid: Grid) -> None:
    Generation.objects.filter(grid=grid).update(state=State.READY, image="x.png", finished_at=grid.created_at)


def test_strength_of_a_cell_becomes_the_recommended_one(cast: Cast) -> None:
    grid = run(cast.organization, cast.owner.user, plan_of("0.85, 1", ""))
    with pytest.raises(InvalidInputError, match="no image"):
        sweeping.recommend(grid, 0, 0)
    ready(grid)
    assert sweeping.recommend(grid, 0, 0) == 0.85
    cast.finetune.refresh_from_db()
    assert cast.finetune.recommended_strength == Decimal("0.85")


def test_recipient_recommends_nothing(cast: Cast) -> None:
    Grant.objects.create(finetune=cast.finetune, organization=cast.recipient.organization)
    grid = run(cast.recipient.organization, cast.recipient.user, plan_of("1", ""), finetune_id=str(cast.finetune))
    ready(grid)
    with pytest.raises(ForbiddenError):
        sweeping.recommend(grid, 0, 0)


def test_grids_of_a_deleted_organization_are_cleared(cast: Cast) -> None:
    run(cast.organization, cast.owner.user, plan_of("1", ""))
    Generation.objects.update(state=State.ERROR)
    Organization.objects.filter(pk=cast.organization.pk).update(deleted_at="2026-01-01T00:00:00Z")
    assert clearing.clear_deleted() is False
    assert (Generation.objects.count(), Grid.objects.count()) == (0, 0)


# --- The whole way -----------------------------------------------------------------------------------------------


@pytest.mark.pipeline
def test_sweep_of_nine_with_two_failures_keeps_seven_and_their_price(worker: Sandbox, cast: Cast) -> None:
    worker.faults.add(Fault.ERROR, 1)
    worker.faults.add(Fault.CONTENT_MODERATED, 1)
    grid = run(cast.organization, cast.owner.user, plan_of("0.2, 0.4, 0.6, 0.8, 1, 1.2, 1.4, 1.6, 1.8", ""))
    wait_for_all()
    board = read_board(grid)
    assert (len(board.ready), board.failed_count, board.spent_text) == (7, 2, "9.8")
    assert balance_of(cast.organization) == 100_000 - 7 * PRICE
    assert not unbalanced_accounts()
    told = {cell.generation.explanation for cell in board.cells if cell.generation and cell.is_failed}
    assert told == {
        "The sandbox was asked to fail.",
        "The image was made, but blocked by moderation. Change the prompt or try another seed.",
    }
    assert sum(Use.objects.values_list("images", flat=True)) == 7
