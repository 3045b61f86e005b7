"""The generate service: who may, what it costs, and that a refusal leaves nothing behind."""

import base64
import io
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from kombu.exceptions import OperationalError
from PIL import Image
from pytest_django.fixtures import Settings

from dashboard.billing.queries import balance_of
from dashboard.billing.services import InsufficientCreditsError
from dashboard.lib.errors import NotFoundError
from finetunes.models import Grant
from finetunes.services import catalog
from playground import workflow
from playground.inputs import InvalidFieldsError
from playground.models import Generation, State
from playground.references import stored
from playground.references.stored import as_sent
from playground.services.generating import WrongEndpointError
from tests.conftest import Cast
from tests.factories import make_finetune, make_organization
from tests.playground.conftest import submit_one

KV_BF16 = "flux-2-klein-9b-kv-bf16-finetuned"


def picture(size: tuple[int, int] = (320, 200), format: str = "PNG") -> str:
    target = io.BytesIO()
    Image.new("RGB", size, "teal").save(target, format)
    return base64.b64encode(target.getvalue()).decode()


def test_own_finetune_is_queued_with_its_price_held(cast: Cast) -> None:
    generation = submit_one(cast.organization, "ink-portrait", seed=7)
    assert generation.state == State.QUEUED
    assert generation.cost == 1400
    assert generation.inputs["seed"] == 7
    assert balance_of(cast.organization) == 100_000 - 1400


def test_recipient_calls_by_owner_and_name_and_pays_alone(cast: Cast) -> None:
    recipient = cast.recipient.organization
    finetune_id = f"{cast.organization.org_id}/velvet-noir"
    generation = submit_one(recipient, finetune_id, endpoint=KV_BF16)
    assert generation.organization == recipient
    assert generation.finetune_id_sent == finetune_id
    assert balance_of(recipient) == 100_000 - 1500
    assert balance_of(cast.organization) == 100_000


@pytest.mark.django_db(transaction=True)
def test_finetune_that_is_deleted_meanwhile_is_not_found_and_nothing_is_held(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = stored.store

    def store_and_delete(*args: Any) -> Any:
        catalog.delete_finetune(cast.finetune)
        return original(*args)

    monkeypatch.setattr(stored, "store", store_and_delete)
    with pytest.raises(NotFoundError):
        submit_one(cast.organization, "ink-portrait")
    assert not Generation.objects.exists()
    assert balance_of(cast.organization) == 100_000


def test_official_finetune_is_everyones_to_call(cast: Cast) -> None:
    official = make_finetune(cast.organization, "house-style", is_official=True)
    generation = submit_one(cast.outsider.organization, str(official))
    assert generation.finetune == official


@pytest.mark.parametrize("finetune_id", ["velvet-noir", "{org}/velvet-noir", "{org}/nothing", "", "a/b/c", "ö", "x\n"])
def test_outsider_gets_the_same_answer_for_hidden_and_for_nothing(cast: Cast, finetune_id: str) -> None:
    sent = finetune_id.format(org=cast.organization.org_id)
    with pytest.raises(NotFoundError) as refused:
        submit_one(cast.outsider.organization, sent, endpoint=KV_BF16)
    assert refused.value.message.startswith("Finetune not found.")
    assert not Generation.objects.exists()


def test_revoked_grant_ends_on_the_next_call(cast: Cast) -> None:
    Grant.objects.all().delete()
    with pytest.raises(NotFoundError):
        submit_one(cast.recipient.organization, str(cast.granted), endpoint=KV_BF16)


def test_wrong_endpoint_names_the_right_one(cast: Cast) -> None:
    with pytest.raises(WrongEndpointError, match="call /v1/flux-2-klein-4b-finetuned with it"):
        submit_one(cast.organization, "ink-portrait", endpoint=KV_BF16)
    assert balance_of(cast.organization) == 100_000


def test_short_of_credits_holds_and_queues_nothing(cast: Cast) -> None:
    poor = make_organization("Poor", credits=1)
    make_finetune(poor, "mine")
    with pytest.raises(InsufficientCreditsError):
        submit_one(poor, "mine")
    assert balance_of(poor) == 1000
    assert not Generation.objects.exists()


def test_reference_images_are_kept_priced_and_give_the_size(cast: Cast) -> None:
    generation = submit_one(
        cast.organization, "ink-portrait", input_image=f"data:image/png;base64,{picture((640, 480))}",
        input_image_2=picture(), width=None, height=None,
    )  # fmt: skip
    assert generation.cost == 1400 + 2 * 100
    assert (generation.width, generation.height) == (640, 480)
    assert [sorted(reference) for reference in generation.references] == [["field", "file", "size"]] * 2


@pytest.mark.parametrize(
    ("image", "sentence"),
    [
        ("not base64!", "URL or the image in base64"),
        (base64.b64encode(b"GIF89a nonsense").decode(), "does not decode"),
        (picture()[:200], "does not decode"),
        (picture((1000, 64)), "8:1 at most"),
        (picture((30, 30)), "64 pixels or more"),
        ("ftp://images.test/a.png", "URL or the image in base64"),
    ],
)
def test_bad_reference_image_is_refused_at_its_field(cast: Cast, settings: Settings, image: str, sentence: str) -> None:
    with pytest.raises(InvalidFieldsError) as refused:
        submit_one(cast.organization, "ink-portrait", input_image=picture(), input_image_2=image)
    assert sentence in refused.value.errors["input_image_2"]
    assert not list(Path(settings.MEDIA_ROOT).rglob("references/*"))


def test_reference_is_sent_on_in_its_own_field(cast: Cast) -> None:
    generation = submit_one(cast.organization, "ink-portrait", input_image_3=picture())
    assert as_sent(generation.references) == {"input_image_3": picture()}


def test_reference_files_go_with_a_refused_hold(cast: Cast, settings: Settings) -> None:
    poor = make_organization("Poor", credits=0)
    make_finetune(poor, "mine")
    with pytest.raises(InsufficientCreditsError):
        submit_one(poor, "mine", input_image=picture())
    assert not list(Path(settings.MEDIA_ROOT).rglob("references/*"))


def test_broker_that_is_away_delays_and_loses_nothing(
    transactional_db: None, cast: Cast, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(steps: object) -> None:
        raise OperationalError("no broker")

    monkeypatch.setattr("playground.tasks.enqueue", refuse)
    generation = submit_one(cast.organization, "ink-portrait")
    assert "no broker" in caplog.text
    Generation.objects.update(due_at=timezone.now() - timedelta(minutes=1))
    [step] = workflow.sweep()
    assert step.generation_id == generation.pk
