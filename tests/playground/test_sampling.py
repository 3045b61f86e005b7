"""Samples out of generations: chosen in the Playground, or made on request at strengths 0 and 1."""

from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.storage import default_storage
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoCaptureOnCommitCallbacks

from dashboard.billing.queries import balance_of
from dashboard.billing.services import InsufficientCreditsError, hold
from dashboard.lib.errors import InvalidInputError
from dashboard.sandbox.server import Sandbox
from finetunes.models import Finetune, Sample
from finetunes.samples import notes
from finetunes.services import samples
from finetunes.services.samples import MAX_SAMPLES, Origin
from playground import sample_filling, workflow
from playground.models import Generation, State
from playground.services import sampling
from tests.conftest import Cast, log_in, read_file
from tests.factories import make_finetune
from tests.playground.conftest import run_steps, submit_one

HTMX = {"HX-Request": "true"}


@pytest.fixture
def developer(cast: Cast) -> Client:
    return log_in(cast.developer.user)


def use_url(generation: Generation) -> str:
    return reverse("generation-sample", args=[generation.organization.org_id, generation.pk])


def make_url(finetune: Finetune) -> str:
    return reverse("samples-make", args=[finetune.organization.org_id, finetune.name])


def make(cast: Cast, prompt: str = "TOK, a boat") -> list[Sample]:
    return sampling.make_samples(cast.finetune, prompt=prompt, seed=5, created_by=cast.owner.user)


def run_all(capture: DjangoCaptureOnCommitCallbacks) -> None:
    """Takes every step of what was asked for, and what is due on commit."""
    for generation in Generation.objects.filter(state=State.QUEUED).order_by("created_at"):
        with capture(execute=True):
            run_steps(generation)


# --- Use as sample -------------------------------------------------------------------------------------------


def test_image_becomes_a_sample_that_outlives_its_generation(cast: Cast, sandbox: Sandbox, developer: Client) -> None:
    generation = run_steps(submit_one(cast.organization, "ink-portrait", seed=11, finetune_strength=1.25))
    card = developer.post(use_url(generation), headers=HTMX).content.decode()
    assert "<html" not in card
    assert "Use as sample" not in card
    sample = Sample.objects.get()
    assert (sample.strength, sample.seed, sample.prompt) == (Decimal("1.25"), "11", "TOK in the rain")
    assert (sample.created_by, sample.width) == (cast.developer.user, 64)
    for name in (generation.image, generation.thumbnail):
        default_storage.delete(str(name))
    generation.delete()
    path = reverse("sample-image", args=[cast.organization.org_id, "ink-portrait", sample.pk])
    assert read_file(developer.get(path))[:3] == b"\xff\xd8\xff"


def test_second_press_says_that_it_is_one(cast: Cast, sandbox: Sandbox, developer: Client) -> None:
    generation = run_steps(submit_one(cast.organization, "ink-portrait"))
    assert developer.post(use_url(generation)).status_code == 302
    again = developer.post(use_url(generation), headers=HTMX)
    assert (again.status_code, again["HX-Retarget"]) == (422, "#toasts")
    assert "is a sample of ink-portrait already" in again.content.decode()
    page = developer.get(reverse("generation", args=[cast.organization.org_id, generation.pk])).content.decode()
    assert "Use as sample" not in page
    assert 'class="sample-state"' in page


def test_button_stands_below_own_images_for_who_edits(cast: Cast, sandbox: Sandbox, developer: Client) -> None:
    own = run_steps(submit_one(cast.organization, "ink-portrait"))
    playground = reverse("playground", args=[cast.organization.org_id])
    page = developer.get(playground).content.decode()
    assert use_url(own) in page
    assert "Everyone who sees ink-portrait" in page
    assert use_url(own) not in log_in(cast.creator.user).get(playground).content.decode()
    assert log_in(cast.creator.user).post(use_url(own)).status_code == 403


def test_image_of_a_recipient_is_nobodys_sample(cast: Cast, sandbox: Sandbox) -> None:
    endpoint = {"endpoint": "flux-2-klein-9b-kv-bf16-finetuned"}
    theirs = run_steps(submit_one(cast.recipient.organization, str(cast.granted), **endpoint))
    recipient = log_in(cast.recipient.user)
    page = recipient.get(reverse("playground", args=[cast.recipient.organization.org_id])).content.decode()
    assert "Use as sample" not in page
    assert recipient.post(use_url(theirs)).status_code == 403
    by_owner = reverse("generation-sample", args=[cast.organization.org_id, theirs.pk])
    assert log_in(cast.owner.user).post(by_owner).status_code == 404
    assert not Sample.objects.exists()


def test_generation_without_an_image_is_refused(cast: Cast, sandbox: Sandbox, developer: Client) -> None:
    generation = submit_one(cast.organization, "ink-portrait")
    assert developer.post(use_url(generation), headers=HTMX).status_code == 422


# --- Made on request -----------------------------------------------------------------------------------------


def test_pair_is_made_with_one_seed_and_appears_when_it_is_ready(
    cast: Cast, sandbox: Sandbox, developer: Client, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    before = balance_of(cast.organization)
    answer = developer.post(make_url(cast.finetune), {"prompt": "TOK, a boat", "seed": "5"}, headers=HTMX)
    assert "samples" in answer["HX-Location"]
    made = Generation.objects.order_by("created_at")
    assert [(each.inputs["finetune_strength"], each.inputs["seed"]) for each in made] == [(0.0, 5), (1.0, 5)]
    assert before - balance_of(cast.organization) == sampling.price_of_pair(cast.finetune) == 2800
    assert {sample.is_ready for sample in Sample.objects.all()} == {False}
    run_all(django_capture_on_commit_callbacks)
    base, tuned = Sample.objects.order_by("strength")
    assert (base.is_ready, tuned.is_ready, base.pair) == (True, True, tuned.pair)
    cast.finetune.refresh_from_db()
    assert cast.finetune.cover == tuned


def test_refused_second_image_leaves_neither(cast: Cast) -> None:
    price = sampling.price_of_pair(cast.finetune)
    hold(cast.organization, balance_of(cast.organization) - price + 1, uuid4())
    before = balance_of(cast.organization)
    with pytest.raises(InsufficientCreditsError, match=r"the two images cost 2\.8"):
        make(cast)
    assert balance_of(cast.organization) == before
    assert (Generation.objects.count(), Sample.objects.count()) == (0, 0)


def test_nothing_is_paid_for_where_there_is_no_room(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        Sample(finetune=cast.finetune, generation_id=uuid4(), prompt="", strength=1, width=1, height=1, image="x.png")
        for _ in range(MAX_SAMPLES - 1)
    ]
    Sample.objects.bulk_create(rows)
    before = balance_of(cast.organization)
    for check in (samples.check_pair, lambda finetune: None):  # also where the look before saw room
        monkeypatch.setattr(sampling, "check_pair", check)
        with pytest.raises(InvalidInputError, match="has 11 samples"):
            make(cast)
    assert (balance_of(cast.organization), Generation.objects.count()) == (before, 0)


def test_second_press_asks_for_nothing_more(cast: Cast) -> None:
    make(cast)
    with pytest.raises(InvalidInputError, match="being made"):
        make(cast)
    assert Generation.objects.count() == 2


def test_image_that_fails_ends_the_pair_says_why_and_costs_nothing(
    cast: Cast, sandbox: Sandbox, developer: Client, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    before = balance_of(cast.organization)
    make(cast, "TOK [request moderated]")
    run_all(django_capture_on_commit_callbacks)
    assert not Sample.objects.exists()
    assert balance_of(cast.organization) == before
    tab = reverse("finetune-samples", args=[cast.organization.org_id, "ink-portrait"])
    page = developer.get(tab).content.decode()
    assert "was blocked before generation" in page
    assert "Not charged." in page


def test_sweeper_fills_what_a_dead_worker_left_and_ends_what_has_vanished(cast: Cast, sandbox: Sandbox) -> None:
    base, tuned = make(cast)
    for generation in Generation.objects.all():
        run_steps(generation)  # no commit comes here, as in a process that dies after it
    assert not Sample.objects.exclude(image="").exists()
    vanished = samples.begin_pair(cast.granted, [_origin(), _origin()], created_by=None)
    workflow.sweep()
    assert set(Sample.objects.all()) == {base, tuned}
    assert not Sample.objects.filter(image="").exists()
    assert not Sample.objects.filter(pk__in=[each.pk for each in vanished]).exists()


def _origin() -> Origin:
    return Origin(uuid4(), "x", Decimal(1), "1", 64, 64)


def test_sweeper_leaves_alone_what_is_still_made_and_goes_on_past_a_fault(
    cast: Cast, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    make(cast)
    sample_filling.sweep()
    assert Sample.objects.count() == 2
    for generation in Generation.objects.all():
        run_steps(generation)
    real, calls = samples.fill_sample, []

    def away_at_first(sample: Sample, **given: Any) -> bool:
        calls.append(sample)
        if len(calls) == 1:
            raise OSError("the storage is away")
        return real(sample, **given)

    monkeypatch.setattr(sample_filling, "fill_sample", away_at_first)
    sample_filling.sweep()
    assert Sample.objects.exclude(image="").count() == 1
    sample_filling.sweep()
    assert Sample.objects.exclude(image="").count() == 2


def test_image_that_is_gone_ends_the_sample(
    cast: Cast, sandbox: Sandbox, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    make(cast)
    for generation in Generation.objects.all():
        default_storage.delete(str(run_steps(generation).image))
    with django_capture_on_commit_callbacks(execute=True):
        sample_filling.sweep()
    assert not Sample.objects.exists()
    assert notes.find_failure(cast.finetune)


def test_form_proposes_a_prompt_and_shows_price_and_balance(cast: Cast, developer: Client) -> None:
    page = developer.get(make_url(cast.finetune)).content.decode()
    assert "TOK, a lighthouse" in page
    assert "2.8 credits" in page
    assert "97.2 left after" in page
    cast.finetune.example_prompts = ["TOK at noon", "TOK at night"]
    cast.finetune.save()
    assert "TOK at noon" in developer.get(make_url(cast.finetune), headers=HTMX).content.decode()


def test_refused_form_keeps_what_was_typed(cast: Cast, developer: Client) -> None:
    refused = developer.post(make_url(cast.finetune), {"prompt": "", "seed": "77"}, headers=HTMX)
    assert refused.status_code == 422
    assert 'value="77"' in refused.content.decode()
    hold(cast.organization, balance_of(cast.organization), uuid4())
    poor = developer.post(make_url(cast.finetune), {"prompt": "my words"}, headers=HTMX).content.decode()
    assert "my words" in poor
    assert "the two images cost 2.8" in poor


def test_pair_of_another_organizations_finetune_is_not_made(cast: Cast) -> None:
    strange = make_finetune(cast.outsider.organization, "strange", is_official=True)
    path = reverse("samples-make", args=[cast.organization.org_id, strange.name])
    assert log_in(cast.owner.user).post(path, {"prompt": "x"}).status_code == 404
