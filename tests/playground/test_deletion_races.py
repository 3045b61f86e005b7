"""A finetune that is deleted for good while images are asked for and end: whoever comes second waits, nobody fails."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections

from dashboard.bfl.schemas import Status
from dashboard.billing.queries import unbalanced_accounts
from finetunes.models import Finetune, Use
from finetunes.services import uses
from finetunes.services.catalog import delete_finetune
from playground import workflow
from playground.models import Generation, State
from tests.factories import make_finetune, make_organization
from tests.playground.conftest import submit_one

PAUSE_SECONDS = 0.5


class Deletion(threading.Thread):
    """Of a finetune, in the midst of something else."""

    def __init__(self, finetune: Finetune) -> None:
        super().__init__()
        self.finetune, self.outcomes = finetune, list[Any]()

    def run(self) -> None:
        try:
            self.outcomes.append(delete_finetune(self.finetune))
        except Exception as error:
            self.outcomes.append(error)
        finally:
            connections.close_all()

    def after(self, step: Callable[..., Any]) -> Callable[..., None]:
        """The step, and then the deletion as far as it comes."""

        def stepped(*args: Any) -> None:
            step(*args)
            self.start()
            self.join(PAUSE_SECONDS)  # it waits for the row, or on SQLite for the database

        return stepped


@pytest.fixture
def finetune(transactional_db: None) -> Finetune:
    return make_finetune(make_organization("Atelier"), "linocut")


@pytest.mark.parametrize("moment", ["an image is asked for", "an image ends"])
def test_deletion_waits_for_what_is_under_way(finetune: Finetune, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    first, deletion = submit_one(finetune.organization, "linocut"), Deletion(finetune)
    if moment == "an image ends":
        monkeypatch.setattr(workflow, "_tell_sample", deletion.after(lambda *_: None))
        workflow._end(first, State.QUEUED, Status.ERROR, {"error": "It broke."})
    else:
        monkeypatch.setattr(uses, "take", deletion.after(uses.take))
        submit_one(finetune.organization, "linocut")
    deletion.join(30)
    assert deletion.outcomes == [True]
    assert not Use.objects.exists()
    assert set(Generation.objects.values_list("finetune", flat=True)) == {None}
    assert not unbalanced_accounts()
