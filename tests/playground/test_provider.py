"""What an upstream may answer and no database should have to take."""

import json
from collections.abc import Iterator

import pytest

from dashboard.bfl.client import BflClient
from dashboard.bfl.schemas import Result, Status, Submission
from playground.providers.base import Outcome, ProviderError
from playground.providers.bfl import BflProvider

POLLING_URL = "https://upstream.example/v1/get_result?id=1"


@pytest.fixture
def provider() -> Iterator[BflProvider]:
    found = BflProvider()
    yield found
    found.pool.shutdown()


def answer(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(BflClient, "get_result", lambda *_: Result.model_validate(json.loads(text)))


@pytest.mark.parametrize("value", ["NaN", r'"\u0000"', r'"\ud800"'])
def test_details_that_no_database_takes_are_dropped(
    provider: BflProvider, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    answer(monkeypatch, f'{{"id": "1", "status": "Error", "details": {{"error": {value}}}}}')
    assert provider.poll([POLLING_URL]) == [Outcome(Status.ERROR)]


def test_details_in_any_script_are_kept(provider: BflProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, r'{"id": "1", "status": "Error", "details": {"error": "\u00e4 \ud83d\ude00"}}')
    assert provider.poll([POLLING_URL]) == [Outcome(Status.ERROR, details={"error": "ä 😀"})]


def test_seed_wider_than_its_column_is_left_out(provider: BflProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    sample = "https://upstream.example/1.png"
    result = {"id": "1", "status": "Ready", "result": {"sample": sample, "seed": 10**30}}
    answer(monkeypatch, json.dumps(result))
    assert provider.poll([POLLING_URL]) == [Outcome(Status.READY, sample_url=sample)]


@pytest.mark.parametrize("url", ["https://x/" + "a" * 2083, "https://x/\0", "https://x/\ud800"])
def test_unusable_urls_are_permanent_errors(provider: BflProvider, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    answer(monkeypatch, json.dumps({"id": "1", "status": "Ready", "result": {"sample": url}}))
    [found] = provider.poll([POLLING_URL])
    assert isinstance(found, ProviderError)
    assert found.permanent
    monkeypatch.setattr(BflClient, "submit", lambda *_: Submission.model_construct(id="1", polling_url=url))
    with pytest.raises(ProviderError) as refusal:
        provider.submit("flux-2-klein-4b-finetuned", {})
    assert refusal.value.permanent
