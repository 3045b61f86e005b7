"""What a hostile look at history, grids and results found: races of deletion, paying twice, and input of any size."""

import io
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, connections
from django.urls import reverse
from PIL import ExifTags, Image

from dashboard.billing.queries import balance_of, unbalanced_accounts
from dashboard.lib.errors import InvalidInputError, NotFoundError
from dashboard.lib.places import BusyError, Places
from finetunes.models import Grant
from finetunes.services.names import rename_finetune
from playground import removal, workflow
from playground.access import get_generation
from playground.grids import MAX_CELLS, Axis, AxisKind, Plan, read_axis
from playground.models import Generation, Grid, State
from playground.pictures import contact_sheet
from playground.pictures.contact_sheet import draw_sheet
from playground.pictures.metadata import parameters_of, pieces_of
from playground.queries import boards, with_sample
from playground.reuse import model_of
from playground.services import comparing, sweeping
from tests.conftest import Cast, log_in
from tests.factories import make_finetune, make_member, make_organization
from tests.organizations.racing import at_once
from tests.playground.conftest import submit_one
from tests.playground.history_rows import make_generation
from tests.playground.test_contact_sheet import board_of
from tests.playground.test_grids import fail, plan_of, run

PAUSE_SECONDS = 0.5
THEIR_ENDPOINT = "flux-2-klein-9b-kv-bf16-finetuned"


def picture(format: str) -> bytes:
    target = io.BytesIO()
    Image.linear_gradient("L").resize((64, 64)).convert("RGB").save(target, format)
    return target.getvalue()


# --- Deletion ------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_last_cell_is_deleted_while_it_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The deletion waits: it would else lose files, and then its rows come back because the grid has a new cell."""
    organization = make_organization()
    make_finetune(organization, "ink-portrait")
    user = make_member(organization).user
    grid = run(organization, user, plan_of("1", ""))
    failed = fail(Generation.objects.get())
    outcomes: list[Any] = []

    def delete() -> None:
        try:
            outcomes.append(removal.remove_batch(Generation.objects.filter(pk=failed.pk)))
        except Exception as error:
            outcomes.append(error)
        finally:
            connections.close_all()

    deletion = threading.Thread(target=delete)
    look = boards.newest_in

    def look_and_delete(*args: Any) -> Generation | None:
        found = look(*args)
        deletion.start()
        deletion.join(PAUSE_SECONDS)
        return found

    monkeypatch.setattr(boards, "newest_in", look_and_delete)
    retried = sweeping.try_again(grid, 0, 0, user=user)
    deletion.join(30)
    assert outcomes == [[failed.pk]]
    assert Generation.objects.get() == retried
    assert retried.grid_id == Grid.objects.get().pk
    assert not unbalanced_accounts()


def test_grid_that_went_meanwhile_is_not_there_to_be_tried_again(cast: Cast) -> None:
    grid = run(cast.organization, cast.owner.user, plan_of("1", ""))
    removal.remove_batch(Generation.objects.filter(pk=fail(Generation.objects.get()).pk))
    assert not Grid.objects.exists()
    with pytest.raises(NotFoundError, match="deleted"):
        sweeping.try_again(grid, 0, 0, user=cast.owner.user)


class Slow:
    """A provider whose download outlives the lease: meanwhile another step ends the generation."""

    def __init__(self, generation: Generation, *, is_deleted: bool) -> None:
        self.generation, self.is_deleted = generation, is_deleted

    def download(self, url: str) -> Iterator[bytes]:
        yield picture("PNG")
        found = Generation.objects.filter(pk=self.generation.pk)
        found.delete() if self.is_deleted else found.update(state=State.ERROR)


@pytest.mark.parametrize("is_deleted", [True, False])
def test_image_that_comes_too_late_leaves_no_file(
    cast: Cast, settings: Any, monkeypatch: pytest.MonkeyPatch, is_deleted: bool
) -> None:
    generation = make_generation(cast.organization, state=State.FETCHING)
    monkeypatch.setattr(workflow, "get_provider", lambda name: Slow(generation, is_deleted=is_deleted))
    assert workflow.finish(generation.pk) == []
    assert [path for path in Path(settings.MEDIA_ROOT).rglob("generations/**/*") if path.is_file()] == []


@pytest.mark.parametrize("back", ["history", "x", "//evil.example/", "javascript:alert(1)", "/o/\r\nX: y"])
def test_star_leads_nowhere_else(cast: Cast, back: str) -> None:
    generation = make_generation(cast.organization)
    url = reverse("generation-star", args=[cast.organization.org_id, generation.pk])
    response = log_in(cast.creator.user).post(url, {"star": "on", "back": back})
    assert response.status_code == 302
    assert "evil" not in response["location"]
    assert "javascript" not in response["location"]


# --- Paying once ---------------------------------------------------------------------------------------------


def result_of(organization: Any, finetune: Any, **fields: Any) -> Generation:
    inputs = {"prompt": "TOK, a pier", "finetune_strength": 0.8, "width": 64, "height": 64, "seed": 5}
    return make_generation(organization, finetune=finetune, inputs=inputs, seed="5", **fields)


def with_picture(generation: Generation) -> Generation:
    """Its reference image is one that the endpoint takes."""
    with generation.image.storage.open(generation.references[0]["file"], "wb") as file:
        file.write(picture("PNG"))
    return generation


@pytest.mark.django_db(transaction=True)
def test_base_is_paid_once_by_whoever_asks_twice_at_once() -> None:
    organization = make_organization()
    member = make_member(organization)
    result = with_picture(result_of(organization, make_finetune(organization, "ink-portrait")))
    before = balance_of(organization)

    def ask() -> Generation:
        return comparing.make_base(get_generation(organization, result.pk), asked_by=member.user)

    one, two = at_once(ask, ask)
    assert isinstance(one, Generation)
    assert one == two
    assert ask() == one
    assert before - balance_of(organization) == one.cost
    fail(one)
    assert ask() != one
    assert not unbalanced_accounts()


def test_base_of_another_reference_image_is_another(cast: Cast) -> None:
    one = with_picture(result_of(cast.organization, cast.finetune))
    base = comparing.make_base(get_generation(cast.organization, one.pk), asked_by=cast.owner.user)
    other = result_of(cast.organization, cast.finetune, references=[], created_at=one.created_at)
    Generation.objects.filter(pk=other.pk).update(references=[])
    again = comparing.make_base(get_generation(cast.organization, other.pk), asked_by=cast.owner.user)
    assert again != base
    assert again.references == []


# --- The queue -----------------------------------------------------------------------------------------------


def test_place_in_the_queue_reads_the_index_of_open_ones(cast: Cast) -> None:
    for _ in range(3):
        submit_one(cast.organization, "ink-portrait")
    shown = with_sample(Generation.objects.of_caller(cast.organization)).order_by("created_at")
    assert [generation.queued_before for generation in shown] == [0, 1, 2]  # type: ignore[attr-defined]
    if connection.vendor == "sqlite":
        assert "generation_due (state=?)" in shown.explain()


# --- What others may not learn -------------------------------------------------------------------------------


def test_name_of_today_is_for_those_who_have_leave(cast: Cast) -> None:
    caller = cast.recipient.organization
    made = submit_one(caller, str(cast.granted), endpoint=THEIR_ENDPOINT)
    rename_finetune(cast.granted, "secret-campaign")
    assert model_of(get_generation(caller, made.pk)).endswith("/secret-campaign")
    Grant.objects.all().delete()
    found = get_generation(caller, made.pk)
    assert model_of(found).endswith("/velvet-noir")
    assert parameters_of(found)["finetune"] == "velvet-noir"
    page = log_in(cast.recipient.user).get(reverse("generation", args=[caller.org_id, made.pk]))
    assert "secret-campaign" not in page.content.decode()


# --- Input of any size ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", ["JPEG", "WEBP"])
@pytest.mark.parametrize("prompt", ["\U0001f600" * 8_000, "x\U0001f600" * 50_000, "\x7f\u2028" * 4_000])
def test_prompt_of_escapes_fits_into_the_picture(cast: Cast, format: str, prompt: str) -> None:
    generation = submit_one(cast.organization, "ink-portrait", prompt)
    content = b"".join(pieces_of(io.BytesIO(picture(format)), generation))
    with Image.open(io.BytesIO(content)) as written:
        written.load()
        comment = written.getexif().get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment]
    kept = json.loads(comment.removeprefix(b"ASCII\0\0\0"))["prompt"]
    assert len(kept) >= 4_000
    assert prompt.startswith(kept)


@pytest.mark.parametrize("format", ["JPEG", "WEBP", "PNG"])
def test_image_of_no_prompt_has_its_other_parameters_inside(cast: Cast, format: str) -> None:
    generation = submit_one(cast.organization, "ink-portrait", "", seed=5)
    content = b"".join(pieces_of(io.BytesIO(picture(format)), generation))
    assert b'"seed": 5' in content


@pytest.mark.parametrize("kind", AxisKind)
def test_values_without_end_are_never_taken_apart(kind: AxisKind) -> None:
    """Bodies may hold a hundred megabytes: as values, these would fill the memory of the server."""

    class Endless(str):
        __slots__ = ()

        def split(self, *args: Any, **kwargs: Any) -> list[str]:
            raise AssertionError("taken apart")

        splitlines = split

    with pytest.raises(InvalidInputError, match="more values"):
        read_axis(kind, Endless("1\n" * 5_000_000))


def test_sheet_of_endless_words_measures_few_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = Plan(Axis(AxisKind.PROMPT, tuple(f"{number}{'W' * 99_000}" for number in range(MAX_CELLS))))
    measured = 0
    font = contact_sheet._font

    class Counting:
        def __init__(self, size: int) -> None:
            self.font = font(size)

        def getlength(self, text: str) -> float:
            nonlocal measured
            measured += len(text)
            return float(self.font.getlength(text))

    monkeypatch.setattr(contact_sheet, "_font", Counting)
    contact_sheet._lay_out(board_of(plan), 256, 192)
    assert measured < 400_000


def test_sheets_that_would_fill_the_memory_are_refused_rather_than_awaited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contact_sheet, "PLACES", Places(1, "Later.", seconds=0.01))
    board = board_of(Plan(Axis(AxisKind.STRENGTH, (1.0,))))
    with contact_sheet.PLACES.take(), pytest.raises(BusyError):
        draw_sheet(board)
    draw_sheet(board).close()  # and nothing stays taken


HOSTILE: list[str | bytes] = [
    "\0",
    "%00",
    "\ud83d".encode("utf-8", "surrogatepass"),
    "9" * 5_000,
    "1e308",
    "-1",
    "nan",
    "0001-01-01",
    "9999-12-31",
    "person-99999999999999999999",
    "key-1",
    "%_\\'\"",
    "WyItY3JlYXRlZF9hdCAtaWQiXQ",
    "\u202e" * 300,
]


def test_no_page_breaks_by_what_an_address_says(cast: Cast) -> None:
    client = log_in(cast.creator.user)
    make_generation(cast.organization, user=cast.creator.user, finetune=cast.finetune)
    base = f"/o/{cast.organization.org_id}"
    names = {
        f"{base}/playground/history/": (
            "q",
            "who",
            "finetune",
            "state",
            "endpoint",
            "since",
            "until",
            "starred",
            "cursor",
        ),
        f"{base}/generations/status/": ("ids", "details"),
        f"{base}/compare/": ("a", "b"),
        f"{base}/playground/grid/": ("seed", "across", "across_values", "width", "finetune_strength", "prompt"),
        f"{base}/playground/": ("seed", "width", "finetune_strength", "finetune", "prompt"),
    }
    for number, (url, fields) in enumerate(names.items()):
        for value in HOSTILE if number == 0 else HOSTILE[2:5]:
            response = client.get(url, dict.fromkeys(fields, value))
            assert response.status_code in (200, 404), (url, value)


def test_cell_beyond_every_number_is_none(cast: Cast) -> None:
    grid = run(cast.organization, cast.owner.user, plan_of("1", ""))
    for number in (2**15, 2**31, 2**63, 10**30):
        with pytest.raises(sweeping.CellNotFailedError):
            sweeping.try_again(grid, number, number, user=cast.owner.user)
