"""Many at once add and delete finetunes of the same few files: every version keeps its file, every file has its row."""

import hashlib
import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from django.db import connections

from dashboard.organizations.models import Organization
from finetunes import workflow
from finetunes.checkpoints import store
from finetunes.models import Checkpoint, Finetune, Version
from finetunes.services import catalog, versions
from finetunes.uploads.errors import UploadGoneError
from tests.factories import lora_bytes, make_organization, make_upload, upload_finetune
from tests.finetunes.storage import assert_rows_and_files_agree

THREADS = 6
ROUNDS = 8
SECONDS = 120
# Long enough for another thread to do all that no lock keeps it from.
PAUSE_SECONDS = 1.0
FIELDS: dict[str, Any] = {"base_model": "flux-2-klein-4b", "precision": "fp8", "trigger_phrase": ""}
FILES = [lora_bytes(f"file {number}") for number in range(2)]


def test_adding_and_deleting_the_same_bytes_at_once(transactional_db: None) -> None:
    owner = make_organization("Atelier")
    kept = run_all(lambda number: _add_and_delete(owner, number))
    assert Finetune.objects.count() == sum(kept) > 0
    for version in Version.objects.select_related("checkpoint"):
        with version.checkpoint.file.open() as file:
            assert file.read() in FILES
    assert Checkpoint.objects.count() <= len(FILES)
    assert_rows_and_files_agree()


def test_versions_of_the_same_bytes_while_finetunes_go_and_the_sweeper_works(transactional_db: None) -> None:
    owner = make_organization("Atelier")
    finetunes = [upload_finetune(owner, f"kept-{number}", lora_bytes(f"own {number}")) for number in range(THREADS)]

    def work(number: int) -> int:
        if number == 0:
            for _ in range(ROUNDS * 4):
                workflow.remove_unreferenced()
            return 0
        if number % 2:
            return _add_and_delete(owner, number)
        for content in FILES:
            versions.add_version(finetunes[number], make_upload(owner, content))
        return 0

    run_all(work)
    assert [finetune.versions.count() for finetune in finetunes[2::2]] == [3, 3]
    assert_rows_and_files_agree()


# --- Each lock by itself -----------------------------------------------------------------------------------


def test_checkpoint_is_not_discarded_under_a_version_that_is_about_to_refer_to_it(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An earlier deletion died before it came to the file; the sweeper comes while the same bytes are published."""
    owner = make_organization("Atelier")
    checkpoint = upload_finetune(owner, "first", FILES[0]).checkpoint
    assert checkpoint
    Finetune.objects.all().delete()
    upload = make_upload(owner, FILES[0])
    sweepers: list[threading.Thread] = []
    original = versions.append

    def append(*args: Any, **kwargs: Any) -> Version:
        sweepers.append(start(workflow.remove_unreferenced))
        time.sleep(PAUSE_SECONDS)
        return original(*args, **kwargs)

    monkeypatch.setattr(versions, "append", append)
    finetune = catalog.add_finetune(owner, upload, **FIELDS, name="second")
    sweepers[0].join(SECONDS)
    assert finetune.checkpoint == checkpoint
    assert_rows_and_files_agree()


def test_second_finisher_does_not_touch_what_the_first_stores(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stored file is the staged one under another name: to strip it now would change the checkpoint."""
    owner = make_organization("Atelier")
    upload = make_upload(owner, lora_bytes("ink", metadata={"ss_output_name": "holiday"}))
    told: list[Exception] = []
    threads: list[threading.Thread] = []
    original = store.keep

    def second() -> None:
        try:
            catalog.add_finetune(owner, upload, **FIELDS, name="second", strip_private=True)
        except UploadGoneError as error:
            told.append(error)

    def keep(staged: Path, name: str) -> None:
        threads.append(start(second))
        time.sleep(PAUSE_SECONDS)
        original(staged, name)

    monkeypatch.setattr(store, "keep", keep)
    checkpoint = catalog.add_finetune(owner, upload, **FIELDS, name="first").checkpoint
    threads[0].join(SECONDS)
    assert len(threads) == len(told) == 1
    assert checkpoint
    with checkpoint.file.open() as file:
        assert hashlib.sha256(file.read()).hexdigest() == checkpoint.sha256
    assert_rows_and_files_agree()


def test_two_versions_at_once_do_not_take_the_same_number(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = make_organization("Atelier")
    finetune = upload_finetune(owner, "linocut", FILES[0])
    uploads = [make_upload(owner, lora_bytes(f"version {number}")) for number in range(2)]
    both = threading.Barrier(2)
    original = versions.append

    def append(*args: Any, **kwargs: Any) -> Version:
        with suppress(threading.BrokenBarrierError):  # the other is kept out, as it should be
            both.wait(PAUSE_SECONDS)
        return original(*args, **kwargs)

    monkeypatch.setattr(versions, "append", append)
    run_all(lambda number: versions.add_version(finetune, uploads[number]).number, threads=2)
    assert sorted(finetune.versions.values_list("number", flat=True)) == [1, 2, 3]
    assert_rows_and_files_agree()


def start(work: Callable[[], Any]) -> threading.Thread:
    def run() -> None:
        try:
            work()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def _add_and_delete(owner: Organization, number: int) -> int:
    """How many finetunes it left standing."""
    chance = random.Random(number)
    left = 0
    for turn in range(ROUNDS):
        finetune = upload_finetune(owner, f"f-{number}-{turn}", chance.choice(FILES))
        if chance.random() < 0.8:
            catalog.delete_finetune(finetune)
        else:
            left += 1
    return left


def run_all(work: Callable[[int], int], threads: int = THREADS) -> list[int]:
    """What each thread came to; an error of one is the test's."""
    results: dict[int, Any] = {}

    def run(number: int) -> None:
        try:
            results[number] = work(number)
        except BaseException as error:
            results[number] = error
        finally:
            connections.close_all()

    workers = [threading.Thread(target=run, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(SECONDS)
    assert [each for each in results.values() if not isinstance(each, int)] == []
    assert len(results) == threads
    return list(results.values())
