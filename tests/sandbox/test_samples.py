"""Sample URLs: what they serve, to whom, and for how long."""

from io import BytesIO
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from PIL import Image

from dashboard.sandbox import jobs
from tests.sandbox.conftest import FINETUNED, Caller


def _download(url: str) -> requests.Response:
    return requests.get(url, timeout=10)


@pytest.mark.parametrize("output_format", ["jpeg", "png", "webp"])
def test_sample_is_of_the_asked_format_and_size(caller: Caller, output_format: str) -> None:
    ready = caller.finish(FINETUNED, finetune_id="a", output_format=output_format, width=207, height=100)
    answer = _download(ready["result"]["sample"])
    assert answer.headers["content-type"] == f"image/{output_format}"
    with Image.open(BytesIO(answer.content)) as image:
        assert (image.format, image.size) == (output_format.upper(), (192, 96))


def test_same_inputs_give_the_same_bytes(caller: Caller) -> None:
    samples = [_download(caller.finish(seed=7)["result"]["sample"]).content for _ in range(2)]
    assert samples[0] == samples[1]


def test_strength_0_gives_the_base_endpoint_s_bytes(caller: Caller) -> None:
    base = caller.finish(seed=7)["result"]["sample"]
    finetuned = caller.finish("flux-2-klein-4b-finetuned", seed=7, finetune_id="ink-portrait", finetune_strength=0)[
        "result"
    ]["sample"]
    assert _download(base).content == _download(finetuned).content


def test_sample_url_lives_ten_minutes_from_the_end(caller: Caller) -> None:
    result = caller.finish()["result"]
    expiry = int(parse_qs(urlsplit(result["sample"]).query)["se"][0])
    assert 599 <= expiry - result["start_time"] <= 602


def test_expired_sample_url_is_403(caller: Caller) -> None:
    caller.sandbox.routes.sample_seconds = -1
    answer = _download(caller.finish()["result"]["sample"])
    assert answer.status_code == 403
    assert "expired" in answer.json()["detail"]


@pytest.mark.parametrize(("old", "new"), [("sig=", "sig=0"), ("se=", "se=9"), ("/sample.jpeg", "/sample.png")])
def test_tampered_sample_url_is_403(caller: Caller, old: str, new: str) -> None:
    url = caller.finish()["result"]["sample"]
    assert _download(url.replace(old, new)).status_code == 403
    assert _download(url.partition("?")[0]).status_code == 403


def test_head_tells_the_length_without_the_image(caller: Caller) -> None:
    url = caller.finish()["result"]["sample"]
    answer = requests.head(url, timeout=5)
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["content-length"]) == len(_download(url).content)


def test_size_that_the_format_cannot_hold_ends_in_error(caller: Caller) -> None:
    ended = caller.finish(width=65_536, height=64)
    assert ended["status"] == "Error"
    assert "jpeg" in ended["details"]["error"]


def test_job_is_forgotten_after_a_while(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    ready = caller.finish()
    monkeypatch.setattr(jobs, "KEPT_SECONDS", -1)
    assert caller.get(f"/v1/get_result?id={ready['id']}").json()["status"] == "Task not found"
    assert _download(ready["result"]["sample"]).status_code == 404


def test_forgotten_jobs_leave_the_memory(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    caller.finish()
    monkeypatch.setattr(jobs, "KEPT_SECONDS", -1)
    monkeypatch.setattr(jobs, "PRUNE_SECONDS", -1)
    caller.submit()
    assert len(caller.sandbox.routes.jobs._jobs) <= 1
