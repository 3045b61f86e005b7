"""The guard against requests that strangers send through us: real servers on this machine, names of the test's own."""

import socket
import time
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
import requests

from dashboard.lib import guarded
from dashboard.lib.addresses import Address, is_public
from dashboard.lib.deadlines import deadline
from dashboard.lib.guarded import RefusedUrlError, open_session
from tests.lib.private_addresses import PRIVATE
from tests.lib.servers import Handler, Names, WebServer, make_certificate, serving, with_tls

# --- Where a name leads ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", PRIVATE)
def test_names_that_lead_to_private_addresses(names: Names, address: str) -> None:
    names.set("images.example", [address])
    with open_session(https_only=False) as session, pytest.raises(RefusedUrlError, match="private"):
        session.get("http://images.example:8080/", timeout=1)


def test_one_private_address_among_public_ones_refuses_the_name(names: Names) -> None:
    names.set("images.example", ["93.184.216.34", "2606:4700:4700::1111", "10.0.0.1"])
    with open_session(https_only=False) as session, pytest.raises(RefusedUrlError):
        session.get("http://images.example/", timeout=1)


def test_this_machine_is_refused_where_a_server_listens(web: WebServer, names: Names) -> None:
    web.say("/", b"secret")
    names.set("localhost", ["127.0.0.1"])
    names.set("inside.example", ["127.0.0.1"])
    with open_session(https_only=False) as session:
        for host in ("localhost", "inside.example", "127.0.0.1", "[::ffff:127.0.0.1]", "2130706433"):
            with pytest.raises(RefusedUrlError):
                session.get(f"http://{host}:{web.server_port}/", timeout=1)
    assert web.seen == []


def test_spellings_of_this_machine_are_refused_by_their_address_too(
    web: WebServer, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where the reading of the URL let them through."""
    monkeypatch.setattr(guarded, "read_address", lambda host: None)
    with open_session(https_only=False) as session:
        for host in ("127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "[::1]", "[::ffff:7f00:1]"):
            with pytest.raises(RefusedUrlError, match="private"):
                session.get(f"http://{host}:{web.server_port}/", timeout=1)
    assert web.seen == []


def test_an_unknown_name_is_a_failure_of_the_connection(names: Names) -> None:
    with open_session(https_only=False) as session, pytest.raises(requests.ConnectionError):
        session.get("http://nowhere.example/", timeout=1)


def test_a_proxy_of_the_environment_is_not_used(web: WebServer, names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", web.url)
    monkeypatch.setenv("all_proxy", web.url)
    names.set("inside.example", ["10.0.0.1"])
    with open_session(https_only=False) as session, pytest.raises(RefusedUrlError):
        session.get("http://inside.example/", timeout=1)
    assert web.seen == []


# --- With a server that stands for the internet ------------------------------------------------------------------


@pytest.fixture
def internet(web: WebServer, names: Names, monkeypatch: pytest.MonkeyPatch) -> WebServer:
    """127.0.0.1, and no other address of this machine, counts as public; `images.example` leads there."""

    def counts_as_public(address: Address) -> bool:
        return address == IPv4Address("127.0.0.1") or is_public(address)

    monkeypatch.setattr(guarded, "is_public", counts_as_public)
    names.set("images.example", ["127.0.0.1"])
    return web


@pytest.fixture
def inside(internet: WebServer) -> Iterator[WebServer]:
    """A server at a private address, at the same port as the one outside."""
    with serving(WebServer("127.0.0.2", internet.server_port)) as server:
        server.say("/", b"secret")
        yield server


def test_what_is_public_is_fetched_under_its_name(internet: WebServer) -> None:
    internet.say("/cat.png", b"cat")
    url = f"http://images.example:{internet.server_port}/cat.png"
    with open_session(https_only=False) as session:
        assert session.get(url, timeout=1).content == b"cat"
    assert internet.seen == [("GET", "/cat.png", f"images.example:{internet.server_port}")]


def test_a_name_that_changes_between_check_and_connection(internet: WebServer, inside: WebServer, names: Names) -> None:
    names.set("rebinding.example", ["127.0.0.1"], ["127.0.0.2"])
    internet.say("/", b"harmless")
    url = f"http://rebinding.example:{internet.server_port}/"
    with open_session(https_only=False) as session:
        assert session.get(url, timeout=1).content == b"harmless"
    assert names.asked == ["rebinding.example"]
    assert inside.seen == []


def test_a_name_that_changes_between_two_connections(internet: WebServer, inside: WebServer, names: Names) -> None:
    names.set("rebinding.example", ["127.0.0.1"], ["127.0.0.2"])
    internet.answers["/"] = lambda handler: handler.give(200, b"harmless", Connection="close")
    url = f"http://rebinding.example:{internet.server_port}/"
    with open_session(https_only=False) as session:
        session.get(url, timeout=1)
        with pytest.raises(RefusedUrlError):
            session.get(url, timeout=1)
    assert inside.seen == []


@pytest.mark.parametrize(
    "to",
    [
        "http://127.0.0.2:{port}/",
        "//127.0.0.2:{port}/",
        "http://inside.example:{port}/",
        "http://2130706434:{port}/",
        "http://[::ffff:127.0.0.2]:{port}/",
        "http://user:password@images.example:{port}/",
        "http://169.254.169.254/latest/meta-data/",
        "file:///etc/passwd",
        "gopher://127.0.0.2:{port}/_x",
        "http://images.example:22/",
    ],
)
def test_redirects_into_what_is_refused(internet: WebServer, inside: WebServer, names: Names, to: str) -> None:
    names.set("inside.example", ["127.0.0.2"])
    internet.redirect("/first", f"http://images.example:{internet.server_port}/second")
    internet.redirect("/second", to.format(port=internet.server_port))
    with open_session(https_only=False) as session, pytest.raises(RefusedUrlError):
        session.get(f"http://images.example:{internet.server_port}/first", timeout=1)
    assert [path for _, path, _ in internet.seen] == ["/first", "/second"]
    assert inside.seen == []


def test_redirects_end(internet: WebServer) -> None:
    internet.redirect("/", "/")
    with open_session(https_only=False) as session, pytest.raises(requests.TooManyRedirects):
        session.get(f"http://images.example:{internet.server_port}/", timeout=1)
    assert len(internet.seen) == guarded.MAX_REDIRECTS + 1


def test_the_next_address_of_a_name_is_tried(
    internet: WebServer, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guarded, "is_public", lambda address: True)
    names.set("images.example", ["127.0.0.3", "127.0.0.1"])  # nobody listens at the first
    internet.say("/", b"cat")
    with open_session(https_only=False) as session:
        assert session.get(f"http://images.example:{internet.server_port}/", timeout=1).content == b"cat"


def test_nobody_listens(internet: WebServer, names: Names) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        with open_session(https_only=False) as session, pytest.raises(requests.ConnectionError):
            session.get(f"http://images.example:{port}/", timeout=1)


# --- TLS ---------------------------------------------------------------------------------------------------------


def test_a_certificate_is_checked_for_the_name(internet: WebServer, names: Names, tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path, "images.example")
    asked = with_tls(internet, certificate)
    internet.say("/", b"cat")
    names.set("other.example", ["127.0.0.1"])
    with deadline(10), open_session(https_only=True) as session:
        session.verify = str(certificate)
        assert session.get(f"https://images.example:{internet.server_port}/", timeout=5).content == b"cat"
        with pytest.raises(requests.exceptions.SSLError, match="other.example"):
            session.get(f"https://other.example:{internet.server_port}/", timeout=5)
    with open_session(https_only=True) as session, pytest.raises(requests.exceptions.SSLError, match="self"):
        session.get(f"https://images.example:{internet.server_port}/", timeout=5)
    assert asked == ["images.example", "other.example", "images.example"]
    assert internet.seen == [("GET", "/", f"images.example:{internet.server_port}")]


def test_a_redirect_from_https_to_http(internet: WebServer, tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path, "images.example")
    with_tls(internet, certificate)
    with serving(WebServer()) as plain:
        plain.say("/", b"overheard")
        internet.redirect("/", f"http://images.example:{plain.server_port}/")
        url = f"https://images.example:{internet.server_port}/"
        with open_session(https_only=True) as session:
            session.verify = str(certificate)
            with pytest.raises(RefusedUrlError, match="https"):
                session.get(url, timeout=5)
        assert plain.seen == []


# --- Time --------------------------------------------------------------------------------------------------------


def _drip_body(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    _drip(handler)


def _drip(handler: Handler) -> None:
    for _ in range(1000):
        handler.wfile.write(b"x")
        time.sleep(0.02)


@pytest.mark.parametrize("answer", [_drip_body, _drip], ids=["body", "head"])
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_a_server_that_drips_is_cut_off(internet: WebServer, tmp_path: Path, answer: Any, tls: bool) -> None:
    certificate = make_certificate(tmp_path, "images.example")
    if tls:
        with_tls(internet, certificate)
    internet.answers["/"] = answer
    url = f"{internet.scheme}://images.example:{internet.server_port}/"
    began = time.monotonic()
    with deadline(0.5), open_session(https_only=False) as session:
        session.verify = str(certificate)
        with pytest.raises(requests.RequestException):
            session.get(url, timeout=10)
    assert 0.4 < time.monotonic() - began < 2


def test_a_deadline_that_has_passed(internet: WebServer) -> None:
    with deadline(0), open_session(https_only=False) as session, pytest.raises(requests.RequestException):
        session.get(f"http://images.example:{internet.server_port}/", timeout=10)
    assert internet.seen == []
