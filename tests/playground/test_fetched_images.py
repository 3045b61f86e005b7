"""Input images by URL: fetched through the guard, checked, kept, priced; each failure told at its field."""

import base64
import io
import threading
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from PIL import Image
from pytest_django.fixtures import Settings

from dashboard.billing.queries import balance_of
from dashboard.env import Env
from dashboard.lib.places import BusyError, Places
from dashboard.running import serve
from playground.inputs import InvalidFieldsError
from playground.models import Generation
from playground.references import fetching
from playground.references.stored import as_sent, store
from tests.conftest import Cast
from tests.lib.servers import Handler, Names, WebServer
from tests.playground.conftest import submit_one

FINETUNE = "ink-portrait"


def draw(size: tuple[int, int] = (96, 64), format: str = "PNG") -> bytes:
    target = io.BytesIO()
    Image.new("RGB", size, "teal").save(target, format)
    return target.getvalue()


@pytest.fixture
def near(settings: Settings, web: WebServer) -> WebServer:
    """A server on this machine, to which requests may lead."""
    settings.ALLOW_PRIVATE_URLS = True
    return web


def refusal(cast: Cast, **images: str) -> dict[str, str]:
    """The sentences at the fields; nothing is billed, made or kept."""
    before = balance_of(cast.organization)
    with pytest.raises(InvalidFieldsError) as refused:
        submit_one(cast.organization, FINETUNE, **images)
    assert balance_of(cast.organization) == before
    assert not Generation.objects.exists()
    return refused.value.errors


def test_an_image_by_url_is_kept_as_an_encoded_one_and_gives_the_size(
    cast: Cast, near: WebServer, settings: Settings
) -> None:
    url = near.say("/cat.png?size=1", draw((640, 480)), Content_Type="application/octet-stream")
    generation = submit_one(
        cast.organization, FINETUNE, input_image=url, input_image_2=base64.b64encode(draw()).decode(),
        width=None, height=None,
    )  # fmt: skip
    assert generation.cost == 1400 + 2 * 100
    assert (generation.width, generation.height) == (640, 480)
    assert [reference["field"] for reference in generation.references] == ["input_image", "input_image_2"]
    assert as_sent(generation.references)["input_image"] == base64.b64encode(draw((640, 480))).decode()
    assert len(list(Path(settings.MEDIA_ROOT).rglob("references/*"))) == 2


def test_redirects_lead_to_the_image(cast: Cast, near: WebServer) -> None:
    near.say("/real.jpg", draw(format="JPEG"))
    near.redirect("/moved", "/real.jpg")
    assert submit_one(cast.organization, FINETUNE, input_image=near.redirect("/", "/moved")).references


def test_all_images_of_a_request_come_at_once(cast: Cast, near: WebServer) -> None:
    together = threading.Barrier(4)

    def answer(handler: Handler) -> None:
        together.wait(3)
        handler.give(200, draw())

    urls = {}
    for number, field in enumerate(("input_image", "input_image_2", "input_image_3", "input_image_4")):
        near.answers[f"/{number}"] = answer
        urls[field] = f"{near.url}/{number}"
    assert len(submit_one(cast.organization, FINETUNE, **urls).references) == 4


def _drip(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000000")
    handler.end_headers()
    for _ in range(1000):
        handler.wfile.write(b"x")
        time.sleep(0.02)


def _endless(handler: Handler) -> None:
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b"\x89PNG" * 100_000)


def _broken(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    handler.wfile.write(draw())
    handler.close_connection = True


def _hang_up(handler: Handler) -> None:
    handler.close_connection = True


def _nonsense(handler: Handler) -> None:
    handler.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n")
    handler.close_connection = True


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (lambda handler: handler.give(404), "127.0.0.1 answered with status 404 instead of the image"),
        (lambda handler: handler.give(500, draw()), "status 500"),
        (lambda handler: handler.give(204), "status 204"),
        (lambda handler: handler.give(206, draw()), "status 206"),
        (lambda handler: handler.give(302, Location="/"), "redirects more than 5 times"),
        (lambda handler: handler.give(302), "status 302"),
        (lambda handler: handler.give(302, Location="file:///etc/passwd"), "should begin with https:// or http://"),
        (lambda handler: handler.give(302, Location="http://["), "cannot be reached"),
        (lambda handler: handler.give(302, Location="http://u:p@127.0.0.1/"), "no password"),
        (lambda handler: handler.give(200), "does not decode"),
        (lambda handler: handler.give(200, b"<html>no image</html>", Content_Type="image/png"), "does not decode"),
        (lambda handler: handler.give(200, draw()[:60]), "does not decode"),
        (lambda handler: handler.give(200, draw(format="GIF")), "GIF does not decode here"),
        (lambda handler: handler.give(200, draw((30, 30))), "64 pixels or more"),
        (lambda handler: handler.give(200, b"x" * 21_000_000), "at most 20 MB"),
        (_endless, "at most 20 MB"),
        (_drip, "did not come from 127.0.0.1 within 0.5 seconds"),
        (_broken, "cannot be reached or broke off"),
        (_hang_up, "cannot be reached or broke off"),
        (_nonsense, "cannot be reached or broke off"),
    ],
)
def test_what_is_no_image_is_told_at_its_field(
    cast: Cast, near: WebServer, monkeypatch: pytest.MonkeyPatch, answer: Any, sentence: str
) -> None:
    if answer is _drip:
        monkeypatch.setattr(fetching, "SECONDS", 0.5)
        monkeypatch.setattr(fetching, "TOO_SLOW", fetching.TOO_SLOW.replace("4 seconds", "0.5 seconds"))
    near.answers["/"] = answer
    near.say("/fine.png", draw())
    errors = refusal(cast, input_image=f"{near.url}/fine.png", input_image_2=f"{near.url}/")
    assert list(errors) == ["input_image_2"]
    assert sentence in errors["input_image_2"]


def test_images_that_never_come_cost_the_budget_once(
    cast: Cast, near: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    near.answers["/"] = _drip
    monkeypatch.setattr(fetching, "SECONDS", 0.5)
    began = time.monotonic()
    errors = refusal(cast, **{f"input_image{suffix}": f"{near.url}/" for suffix in ("", "_2", "_3", "_4")})
    assert time.monotonic() - began < 1.5
    assert list(errors) == ["input_image", "input_image_2", "input_image_3", "input_image_4"]


def test_a_name_that_resolves_for_ever_is_not_waited_for(
    cast: Cast, near: WebServer, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    patience = threading.Event()
    monkeypatch.setattr(fetching, "SECONDS", 0.3)
    monkeypatch.setattr("socket.getaddrinfo", lambda *given, **options: patience.wait(30))
    began = time.monotonic()
    errors = refusal(cast, input_image="http://slow.example/cat.png")
    assert time.monotonic() - began < 1.5
    assert "did not come from slow.example" in errors["input_image"]
    patience.set()


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("http://nowhere.example/cat.png", "The name nowhere.example is not known"),
        ("http://inside.example/cat.png", "private or reserved"),
        ("http://127.0.0.1:{port}/", "private or reserved"),
        ("http://[::ffff:127.0.0.1]:{port}/", "private or reserved"),
        ("http://2130706433:{port}/", "four decimal numbers"),
        ("http://user:password@images.example/", "no user name"),
        ("http://images.example:22/", "port"),
        ("https://images.example/" + "x" * 2100, "at most 2083 characters"),
        ("http://[", "no usable"),
    ],
)
def test_where_this_server_does_not_go(cast: Cast, web: WebServer, names: Names, url: str, sentence: str) -> None:
    names.set("inside.example", ["10.0.0.1"])
    assert sentence in refusal(cast, input_image=url.format(port=web.server_port))["input_image"]
    assert web.seen == []


def test_each_image_that_fails_is_told_of(cast: Cast, near: WebServer) -> None:
    errors = refusal(cast, input_image=f"{near.url}/none", input_image_2=f"{near.url}/neither")
    assert list(errors) == ["input_image", "input_image_2"]


def test_nothing_is_fetched_for_a_request_that_is_wrong_elsewhere(cast: Cast, near: WebServer) -> None:
    url = near.say("/cat.png", draw())
    assert list(refusal(cast, input_image=url, input_image_2="not base64!")) == ["input_image_2"]
    assert near.seen == []


def test_threads_are_left_for_others(cast: Cast, near: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "PLACES", Places(1, fetching.BUSY, in_line=2, seconds=0.05))
    url = near.say("/cat.png", draw())
    with fetching.PLACES.take(), pytest.raises(BusyError):
        submit_one(cast.organization, FINETUNE, input_image=url)
    assert near.seen == []
    assert not Generation.objects.exists()
    assert submit_one(cast.organization, FINETUNE, input_image=url).references


def test_slow_images_and_waiting_for_images_together_leave_threads_for_others() -> None:
    waiters = Env.model_fields["OPENAI_WAITERS"].default
    assert waiters + fetching.PLACES.in_line <= serve.WEB_THREADS - 2


def test_a_mask_of_another_size_is_refused_however_it_comes(cast: Cast, near: WebServer) -> None:
    image, mask = near.say("/image.png", draw((640, 480))), near.say("/mask.png", draw((480, 640)))
    with pytest.raises(InvalidFieldsError, match="mask has 480 × 640 pixels and the image 640 × 480"):
        store(uuid4(), {"image": image, "mask": mask})
    assert len(store(uuid4(), {"image": image, "mask": image})) == 2
