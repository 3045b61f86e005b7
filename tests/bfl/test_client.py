"""The client against the sandbox, and against upstreams that misbehave."""

import json
import time
from collections.abc import Iterator
from io import BytesIO

import pytest
from PIL import Image

from dashboard.bfl import client as client_module
from dashboard.bfl.client import BflClient
from dashboard.bfl.errors import UpstreamError
from dashboard.bfl.schemas import Result
from dashboard.sandbox.server import Sandbox
from tests.bfl.conftest import Reply, Upstream

ENDPOINT = "flux-2-klein-4b-finetuned"
BODY = {"prompt": "a lighthouse", "finetune_id": "ink-portrait", "width": 64, "height": 64}
SUBMISSION = b'{"id":"1","polling_url":"https://x/1"}'


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(seconds=0.05) as sandbox:
        yield sandbox


@pytest.fixture
def to_sandbox(sandbox: Sandbox) -> Iterator[BflClient]:
    yield from _client(sandbox.url)


@pytest.fixture
def client(upstream: Upstream) -> Iterator[BflClient]:
    yield from _client(upstream.url)


def _client(url: str) -> Iterator[BflClient]:
    client = BflClient(url, "secret")
    yield client
    client.session.close()


def _finish(client: BflClient, **body: object) -> Result:
    polling_url = client.submit(ENDPOINT, BODY | body).polling_url
    for _ in range(500):
        result = client.get_result(polling_url)
        if result.status != "Pending":
            return result
        time.sleep(0.01)
    raise AssertionError("the job did not end")


# --- Against the sandbox -----------------------------------------------------------------------------------


def test_image_comes_back_from_a_submission(to_sandbox: BflClient) -> None:
    result = _finish(to_sandbox, seed=7)
    assert result.result is not None
    assert result.result["seed"] == 7
    with Image.open(BytesIO(b"".join(to_sandbox.download(result.result["sample"])))) as image:
        assert image.size == (64, 64)


@pytest.mark.parametrize("marker", ["[request moderated]", "[content moderated]", "[error]"])
def test_other_ends_carry_details(to_sandbox: BflClient, marker: str) -> None:
    result = _finish(to_sandbox, prompt=marker)
    assert result.status.lower() == marker.strip("[]")
    assert result.details


def test_refused_parameters_are_permanent_and_named(to_sandbox: BflClient) -> None:
    with pytest.raises(UpstreamError) as refusal:
        to_sandbox.submit(ENDPOINT, BODY | {"safety_tolerance": 6})
    assert (refusal.value.status, refusal.value.permanent) == (422, True)
    assert refusal.value.detail == "safety_tolerance: Input should be less than or equal to 5"


def test_unknown_finetune_is_permanent(to_sandbox: BflClient) -> None:
    with pytest.raises(UpstreamError) as refusal:
        to_sandbox.submit(ENDPOINT, BODY | {"finetune_id": "Not/Well/Formed"})
    assert (refusal.value.status, refusal.value.permanent) == (404, True)


@pytest.mark.parametrize(("fault", "status"), [("too_many", 429), ("server_error", 500), ("dropped", None)])
def test_failed_submission_is_transient_and_not_repeated(
    sandbox: Sandbox, to_sandbox: BflClient, fault: str, status: int | None
) -> None:
    setattr(sandbox.faults, fault, 2)
    with pytest.raises(UpstreamError) as failure:
        to_sandbox.submit(ENDPOINT, BODY)
    assert (failure.value.status, failure.value.permanent) == (status, False)
    assert getattr(sandbox.faults, fault) == 1


def test_upstream_that_is_not_there_is_transient(to_sandbox: BflClient, sandbox: Sandbox) -> None:
    sandbox.stop()
    with pytest.raises(UpstreamError) as failure:
        to_sandbox.submit(ENDPOINT, BODY)
    assert (failure.value.status, failure.value.permanent) == (None, False)


def test_expired_sample_is_permanent(sandbox: Sandbox, to_sandbox: BflClient) -> None:
    sandbox.routes.sample_seconds = -1
    result = _finish(to_sandbox)
    assert result.result is not None
    with pytest.raises(UpstreamError) as failure:
        list(to_sandbox.download(result.result["sample"]))
    assert (failure.value.status, failure.value.permanent) == (403, True)


# --- The key -----------------------------------------------------------------------------------------------


def test_key_goes_to_the_own_origin(upstream: Upstream, client: BflClient) -> None:
    upstream.say(Reply(body=SUBMISSION))
    client.submit(ENDPOINT, BODY)
    method, path, headers = upstream.seen[0]
    assert (method, path, headers["x-key"]) == ("POST", f"/v1/{ENDPOINT}", "secret")


def test_key_does_not_go_to_another_origin(elsewhere: Upstream, client: BflClient) -> None:
    elsewhere.say(Reply(body=b'{"id":"1","status":"Pending"}'))
    assert client.get_result(f"{elsewhere.url}/v1/get_result?id=1").status == "Pending"
    assert list(client.download(f"{elsewhere.url}/sample.jpeg"))
    assert len(elsewhere.seen) == 2
    assert not any("x-key" in headers for _, _, headers in elsewhere.seen)


def test_key_does_not_follow_a_redirect_to_another_origin(
    upstream: Upstream, elsewhere: Upstream, client: BflClient
) -> None:
    upstream.say(Reply(302, headers={"Location": f"{elsewhere.url}/there"}))
    elsewhere.say(Reply(body=b'{"id":"1","status":"Ready"}'))
    assert client.get_result(f"{upstream.url}/here").status == "Ready"
    assert "x-key" in upstream.seen[0][2]
    assert "x-key" not in elsewhere.seen[0][2]


# --- Answers that cannot be used ---------------------------------------------------------------------------


def test_reading_is_repeated_after_a_hiccup(upstream: Upstream, client: BflClient) -> None:
    upstream.say(Reply(503), Reply(body=b'{"id":"1","status":"Ready","result":{"sample":"x"}}'))
    assert client.get_result(f"{upstream.url}/r").result == {"sample": "x"}


def test_retry_after_does_not_hold_the_poller(upstream: Upstream, client: BflClient) -> None:
    upstream.say(Reply(429, b'{"detail":"slow down"}', {"Retry-After": "3600"}))
    with pytest.raises(UpstreamError, match="429: slow down") as failure:
        client.get_result(f"{upstream.url}/r")
    assert not failure.value.permanent
    assert failure.value.retry_after == 3600
    assert len(upstream.seen) == 1


@pytest.mark.parametrize(
    ("body", "permanent"),
    [(b"<html>", False), (b"[]", True), (b'{"id":"1"}', True), (b"1" * (1 << 20) + b"1", True), (b"", False)],
)
def test_unreadable_submission_is_an_upstream_error(
    upstream: Upstream, client: BflClient, body: bytes, permanent: bool
) -> None:
    upstream.say(Reply(body=body))
    with pytest.raises(UpstreamError) as failure:
        client.submit(ENDPOINT, BODY)
    assert failure.value.permanent is permanent


@pytest.mark.parametrize("body", [b"[]", b'{"id":"1"}', b'{"id":"1","status":"Ready","result":[]}'])
def test_unreadable_result_is_transient(upstream: Upstream, client: BflClient, body: bytes) -> None:
    upstream.say(Reply(body=body))
    with pytest.raises(UpstreamError) as failure:
        client.get_result(f"{upstream.url}/r")
    assert not failure.value.permanent


def test_answer_that_breaks_off_is_transient(upstream: Upstream, client: BflClient) -> None:
    upstream.say(Reply(body=SUBMISSION, missing=10))
    with pytest.raises(UpstreamError, match="broke off") as failure:
        client.submit(ENDPOINT, BODY)
    assert not failure.value.permanent


def test_sample_that_breaks_off_is_transient(upstream: Upstream, client: BflClient) -> None:
    upstream.say(Reply(body=b"x" * 100, missing=10))
    with pytest.raises(UpstreamError, match="broke off") as failure:
        list(client.download(f"{upstream.url}/s"))
    assert not failure.value.permanent


def test_sample_above_the_cap_is_given_up(
    upstream: Upstream, client: BflClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "MAX_SAMPLE_BYTES", 100_000)
    upstream.say(Reply(body=b"x" * 100_001))
    with pytest.raises(UpstreamError, match="larger than") as failure:
        list(client.download(f"{upstream.url}/s"))
    assert failure.value.permanent


@pytest.mark.parametrize("body", [b"<h1>no</h1>", b"", b'{"detail":[{"loc":5,"msg":1}]}', b"x" * (2 << 20)])
def test_unreadable_error_body_still_has_its_status(upstream: Upstream, client: BflClient, body: bytes) -> None:
    upstream.say(Reply(403, body))
    with pytest.raises(UpstreamError) as failure:
        client.submit(ENDPOINT, BODY)
    assert (failure.value.status, failure.value.permanent) == (403, True)
    assert failure.value.detail == "no readable error body"


@pytest.mark.parametrize("url", ["ftp://x/1", "http://[", "nonsense", "http://"])
def test_unusable_polling_url_is_permanent(client: BflClient, url: str) -> None:
    with pytest.raises(UpstreamError) as failure:
        client.get_result(url)
    assert failure.value.permanent


# --- The account -----------------------------------------------------------------------------------------------


def test_account_lists_and_describes_its_finetunes(to_sandbox: BflClient) -> None:
    to_sandbox.submit(ENDPOINT, BODY)
    assert "ink-portrait" in to_sandbox.my_finetunes()
    assert to_sandbox.finetune_details("ink-portrait")["base_model"] == "flux-2-klein-4b"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"finetunes": ["b", "a", "b", " c "]}, ["b", "a", "c"]),
        (["a"], ["a"]),
        ({"finetunes": [{"finetune_id": "a", "name": "x"}, {"id": "b"}, {"name": "c"}, {}, 7, None, ""]}, list("abc")),
        ({"finetunes": []}, []),
    ],
)
def test_list_is_read_in_each_form_that_servers_give(
    upstream: Upstream, client: BflClient, body: object, expected: list[str]
) -> None:
    upstream.say(Reply(body=json.dumps(body).encode()))
    assert client.my_finetunes() == expected


@pytest.mark.parametrize("body", [b"7", b'{"detail": "x"}', b"[", b'{"finetunes": {}}', b" " * (1 << 20) + b"[]"])
def test_unreadable_list_is_an_upstream_error(upstream: Upstream, client: BflClient, body: bytes) -> None:
    upstream.say(Reply(body=body))
    with pytest.raises(UpstreamError):
        client.my_finetunes()
