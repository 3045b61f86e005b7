"""What the client waits for and what not: tries, pauses that a server asks for, deadlines, sizes, hosts."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from dashboard.bfl import client as client_module
from dashboard.bfl.client import BflClient, read_retry_after
from dashboard.bfl.errors import UpstreamError
from dashboard.sandbox.server import Sandbox
from tests.bfl.conftest import Reply, Upstream
from tests.lib.servers import Handler, WebServer, make_certificate, serving, with_tls

PENDING = Reply(body=b'{"id":"1","status":"Pending"}')
SUBMISSION = Reply(body=b'{"id":"1","polling_url":"https://x/1"}')
ULTRA = "flux-pro-1.1-ultra-finetuned"


@pytest.fixture
def client(upstream: Upstream) -> Iterator[BflClient]:
    client = BflClient(upstream.url, "secret", total_seconds=0.5)
    yield client
    client.session.close()


def seconds_of(began: float) -> float:
    return time.monotonic() - began


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_read_is_tried_again_after_a_failure_in_passing(upstream: Upstream, client: BflClient, status: int) -> None:
    upstream.say(Reply(status), PENDING)
    assert client.get_result(f"{upstream.url}/r").status == "Pending"
    assert len(upstream.seen) == 2


def test_tries_are_few(upstream: Upstream, client: BflClient) -> None:
    upstream.say(Reply(503))
    began = time.monotonic()
    with pytest.raises(UpstreamError, match="503"):
        client.get_result(f"{upstream.url}/r")
    assert len(upstream.seen) == client_module.TRIES
    assert seconds_of(began) < client_module.RETRY_SECONDS


def test_refusal_is_not_tried_again(upstream: Upstream, client: BflClient) -> None:
    upstream.say(Reply(403))
    with pytest.raises(UpstreamError, match="403"):
        client.get_result(f"{upstream.url}/r")
    assert len(upstream.seen) == 1


@pytest.mark.parametrize("as_date", [False, True])
def test_retry_after_is_obeyed_where_it_fits(upstream: Upstream, client: BflClient, as_date: bool) -> None:
    # A date has whole seconds: that of two seconds from now is more than one away.
    value = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True) if as_date else "1"
    upstream.say(Reply(429, headers={"Retry-After": value}), PENDING)
    began = time.monotonic()
    assert client.get_result(f"{upstream.url}/r").status == "Pending"
    assert 0.9 < seconds_of(began) < 3


@pytest.mark.parametrize("status", [429, 503])
def test_submission_is_sent_once_and_tells_for_how_long_to_wait(
    upstream: Upstream, client: BflClient, status: int
) -> None:
    upstream.say(Reply(status, headers={"Retry-After": "7"}))
    with pytest.raises(UpstreamError) as failure:
        client.submit(ULTRA, {})
    assert (failure.value.retry_after, failure.value.permanent, len(upstream.seen)) == (7.0, False, 1)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("9" * 400, None),
        ("0", 0.0),
        (" 12 ", 12.0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Wed, 21 Oct 2015 07:28:00", 0.0),
        ("Wed, 99 Oct 2015 07:28:00 GMT", None),
    ],
)
def test_retry_after_is_read_as_seconds_and_as_a_date(value: str, seconds: float | None) -> None:
    assert read_retry_after(value) == seconds


@pytest.mark.parametrize("drips_head", [False, True])
def test_answer_that_drips_ends_at_the_deadline(upstream: Upstream, client: BflClient, drips_head: bool) -> None:
    upstream.say(Reply(body=SUBMISSION.body + b" " * 1000, drip=0.02, drips_head=drips_head))
    began = time.monotonic()
    with pytest.raises(UpstreamError) as failure:
        client.submit(ULTRA, {})
    assert not failure.value.permanent
    assert 0.4 < seconds_of(began) < 2


def test_sample_that_drips_ends_at_the_deadline(
    upstream: Upstream, client: BflClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "DOWNLOAD_SECONDS", 0.5)
    upstream.say(Reply(body=b"x" * 1000, drip=0.02))
    began = time.monotonic()
    with pytest.raises(UpstreamError, match="broke off"):
        list(client.download(f"{upstream.url}/s"))
    assert 0.4 < seconds_of(began) < 2


def test_deadline_of_one_exchange_is_not_that_of_the_next_on_its_connection() -> None:
    with Sandbox(seconds=60) as sandbox:
        client = BflClient(sandbox.url, "secret", total_seconds=0.5)
        for _ in range(3):
            assert client.my_finetunes() == []
            time.sleep(0.3)
        client.session.close()


def test_huge_answer_is_not_read_to_its_end(upstream: Upstream, client: BflClient) -> None:
    upstream.say(Reply(body=b" " * (64 << 20)))
    with pytest.raises(UpstreamError, match="more than 1 MB") as failure:
        client.submit(ULTRA, {})
    assert failure.value.permanent


def drip(handler: Handler) -> None:
    handler.send_response(200)
    handler.end_headers()
    for _ in range(100):
        try:
            handler.wfile.write(b" ")
        except OSError:  # the client has enough
            return
        time.sleep(0.02)


def test_deadline_and_certificates_hold_over_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = make_certificate(tmp_path, "localhost")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with serving(WebServer()) as server:
        with_tls(server, certificate)
        client = BflClient(f"https://localhost:{server.server_port}", "secret", total_seconds=0.5)
        server.say("/v1/my_finetunes", b'{"finetunes": ["a"]}')
        assert client.my_finetunes() == ["a"]
        server.answers[f"/v1/{ULTRA}"] = drip
        began = time.monotonic()
        with pytest.raises(UpstreamError, match="broke off"):
            client.submit(ULTRA, {})
        assert 0.4 < seconds_of(began) < 2
        client.session.close()
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(make_certificate(tmp_path, "other")))
        with pytest.raises(UpstreamError, match="SSLError"):
            client.submit(ULTRA, {})
        client.session.close()


# --- Hosts -------------------------------------------------------------------------------------------------------


def test_some_endpoints_have_a_host_of_their_own_with_the_key(upstream: Upstream, elsewhere: Upstream) -> None:
    hosts = {ULTRA: f"{elsewhere.url}/", "my_finetunes": elsewhere.url}
    client = BflClient(upstream.url, "secret", hosts=hosts)
    upstream.say(SUBMISSION)
    elsewhere.say(SUBMISSION, Reply(body=b'{"finetunes":["dog"]}'))
    client.submit(ULTRA, {})
    client.submit("flux-2-pro", {})
    assert client.my_finetunes() == ["dog"]
    assert [(path, headers["x-key"]) for _, path, headers in elsewhere.seen] == [
        (f"/v1/{ULTRA}", "secret"), ("/v1/my_finetunes", "secret"),
    ]  # fmt: skip
    assert [path for _, path, _ in upstream.seen] == ["/v1/flux-2-pro"]
    client.session.close()


def test_polling_url_is_asked_as_it_was_returned_and_only_own_origins_see_the_key(
    upstream: Upstream, elsewhere: Upstream, client: BflClient
) -> None:
    for server in (upstream, elsewhere):
        server.say(PENDING)
        client.get_result(f"{server.url}/v1/get_result?id=1&region=eu&id=2")
        assert server.seen[0][1] == "/v1/get_result?id=1&region=eu&id=2"
    assert "x-key" in upstream.seen[0][2]
    assert "x-key" not in elsewhere.seen[0][2]
