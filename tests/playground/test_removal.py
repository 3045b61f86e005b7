"""Deleting generations: who may, what goes, what stays, and what is told before."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client

from dashboard.billing.models import LedgerEntry
from dashboard.lib.errors import ForbiddenError, InvalidInputError
from finetunes.models import Sample
from playground import removal
from playground.models import OPEN_STATES, Generation, Grid, State
from tests.buckets import Bucket
from tests.conftest import Cast, log_in
from tests.playground.conftest import run_steps, submit_one
from tests.playground.history_rows import files_of, make_generation

HTMX = {"HX-Request": "true"}


@pytest.fixture
def creator(cast: Cast) -> Client:
    return log_in(cast.creator.user)


def page_of(cast: Cast, generation: Generation) -> str:
    return f"/o/{cast.organization.org_id}/generations/{generation.pk}/"


def bulk(cast: Cast, query: str = "") -> str:
    return f"/o/{cast.organization.org_id}/playground/history/delete/{query}"


def stored(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file() and "checkpoints" not in path.parts]


def test_own_one_goes_with_its_files_after_it_was_asked(cast: Cast, creator: Client, settings: Any) -> None:
    generation = make_generation(cast.organization, "a pier at dawn", user=cast.creator.user)
    asked = creator.get(f"{page_of(cast, generation)}delete/").content.decode()
    assert "Delete this generation?" in asked
    assert "a pier at dawn" in asked
    assert Generation.objects.exists()
    response = creator.post(f"{page_of(cast, generation)}delete/")
    assert response["location"] == f"/o/{cast.organization.org_id}/playground/history/"
    assert not Generation.objects.exists()
    assert stored(settings.MEDIA_ROOT) == []


def test_card_leaves_the_page_it_was_deleted_from(cast: Cast, creator: Client) -> None:
    generation = make_generation(cast.organization, user=cast.creator.user)
    over = {**HTMX, "HX-Current-URL": f"http://testserver/o/{cast.organization.org_id}/playground/"}
    answer = creator.post(f"{page_of(cast, generation)}delete/", headers=over)
    assert f'id="generation-{generation.pk}" hx-swap-oob="delete"' in answer.content.decode()
    assert "Deleted 1 generation." in answer.content.decode()
    assert "dialog:close" in answer["HX-Trigger-After-Swap"]
    generation = make_generation(cast.organization, user=cast.creator.user)
    own = {**HTMX, "HX-Current-URL": f"http://testserver{page_of(cast, generation)}"}
    answer = creator.post(f"{page_of(cast, generation)}delete/", headers=own)
    assert answer["HX-Redirect"].endswith("/playground/history/")


def test_what_others_made_is_refused_and_an_administrators_to_delete(cast: Cast, creator: Client) -> None:
    generation = make_generation(cast.organization, user=cast.owner.user)
    of_key = make_generation(cast.organization)
    for each in (generation, of_key):
        for send in (creator.get, creator.post):
            response = send(f"{page_of(cast, each)}delete/")
            assert response.status_code == 403
            assert "so may an Administrator" in response.content.decode()
    own = make_generation(cast.organization, user=cast.creator.user)
    with pytest.raises(ForbiddenError):
        removal.delete(cast.creator, [own.pk, generation.pk])
    assert Generation.objects.count() == 3
    assert set(removal.delete(cast.owner, [own.pk, generation.pk, of_key.pk])) == {own.pk, generation.pk, of_key.pk}


def test_outsider_finds_nothing_to_delete(cast: Cast) -> None:
    generation = make_generation(cast.organization)
    assert log_in(cast.outsider.user).post(f"{page_of(cast, generation)}delete/").status_code == 404
    assert removal.delete(cast.outsider, [generation.pk]) == []
    assert Generation.objects.exists()


@pytest.mark.parametrize("state", OPEN_STATES)
def test_what_still_runs_stays(cast: Cast, creator: Client, state: State) -> None:
    generation = make_generation(cast.organization, user=cast.creator.user, state=state)
    assert "still being made" in creator.get(f"{page_of(cast, generation)}delete/").content.decode()
    assert creator.post(f"{page_of(cast, generation)}delete/").status_code == 422
    assert removal.remove_batch(Generation.objects.all()) == []
    assert Generation.objects.exists()


def test_what_a_sample_waits_for_stays(cast: Cast) -> None:
    generation = make_generation(cast.organization, user=cast.creator.user)
    Sample.objects.create(
        finetune=cast.finetune, generation_id=generation.pk, prompt="x", strength=1, width=64, height=64, seed="1"
    )
    with pytest.raises(InvalidInputError):
        removal.delete(cast.creator, [generation.pk])
    assert removal.remove_batch(Generation.objects.all()) == []


def test_several_are_asked_for_by_their_number_and_go_at_once(cast: Cast, creator: Client) -> None:
    own = [make_generation(cast.organization, str(number), user=cast.creator.user) for number in range(3)]
    running = make_generation(cast.organization, user=cast.creator.user, state=State.RUNNING)
    other = make_generation(cast.organization, user=cast.owner.user)
    ids = [str(generation.pk) for generation in (*own, running, other)]
    asked = creator.post(bulk(cast, "?state=ready"), {"generation": ids})
    page = asked.content.decode()
    assert "Delete 3 generations?" in page
    assert "1 is still being made" in page
    assert "1 was made by others" in page
    assert Generation.objects.count() == 5
    mine = [str(generation.pk) for generation in own]
    response = creator.post(bulk(cast, "?state=ready"), {"generation": mine, "confirmed": "yes"})
    assert response["location"].endswith("/playground/history/?state=ready")
    assert set(Generation.objects.values_list("pk", flat=True)) == {running.pk, other.pk}
    again = creator.post(bulk(cast), {"generation": mine, "confirmed": "yes"}, follow=True)
    assert "Deleted 0 generations." in again.content.decode()


@pytest.mark.parametrize(("count", "told"), [(0, "Nothing is selected"), (501, "At most 500")])
def test_nothing_and_too_many_are_told(cast: Cast, creator: Client, count: int, told: str) -> None:
    response = creator.post(bulk(cast), {"generation": [str(uuid4()) for _ in range(count)] + ["x"]})
    assert response.status_code == 422
    assert told in response.content.decode()


def test_ledger_and_samples_outlive_it(cast: Cast, sandbox: Any) -> None:
    generation = run_steps(submit_one(cast.organization, "ink-portrait"))
    sample = Sample(
        finetune=cast.finetune, generation_id=generation.pk, prompt="x", strength=1, width=64, height=64, seed="1"
    )
    sample.image.save("x.png", ContentFile(b"a copy"))
    entries = list(LedgerEntry.objects.order_by("pk").values())
    assert removal.delete(cast.owner, [generation.pk]) == [generation.pk]
    assert list(LedgerEntry.objects.order_by("pk").values()) == entries
    assert default_storage.exists(str(sample.image))


def test_files_that_are_gone_are_no_obstacle(cast: Cast) -> None:
    generation = make_generation(cast.organization)
    for name in files_of(generation):
        default_storage.delete(name)
    assert removal.remove_batch(Generation.objects.all()) == [generation.pk]


def test_files_in_a_bucket_go_too(cast: Cast, bucket: Bucket) -> None:
    kept = make_generation(cast.organization)
    generation = make_generation(cast.organization)
    removal.delete(cast.owner, [generation.pk])
    assert not bucket.names() & set(files_of(generation))
    assert set(files_of(kept)) <= bucket.names()


def test_rows_stay_where_a_file_could_not_be_removed(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the next attempt finds them; one by one, because the storage may be back meanwhile."""
    make_generation(cast.organization)

    def refuse(name: str) -> None:
        raise OSError("the storage is away")

    monkeypatch.setattr(default_storage, "delete", refuse)
    with pytest.raises(OSError, match="away"):
        removal.remove_batch(Generation.objects.all())
    monkeypatch.undo()
    assert len(removal.remove_batch(Generation.objects.all())) == 1


def test_grid_goes_with_the_last_of_its_cells(cast: Cast) -> None:
    grid = Grid.objects.create(organization=cast.organization, finetune_id_sent="x", axes={}, inputs={"prompt": "x"})
    cells = [make_generation(cast.organization, user=cast.owner.user, grid=grid) for _ in range(2)]
    for cell, left in zip(cells, (1, 0), strict=True):
        assert removal.delete(cast.owner, [cell.pk]) == [cell.pk]
        assert Grid.objects.count() == left
