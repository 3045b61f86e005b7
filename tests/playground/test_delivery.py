"""The signed door for samples: whole or in parts, from the disk or the bucket, for anyone while the link lives."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from playground.models import Generation, State
from tests.buckets import Bucket
from tests.conftest import Cast, read_file

CONTENT = bytes(range(256)) * 4
LAST = len(CONTENT) - 1


def make_ready(cast: Cast) -> Generation:
    now = timezone.now()
    generation = Generation(
        organization=cast.organization, endpoint_name="flux-2-klein-4b-finetuned", inputs={"prompt": "x"}, width=64,
        height=64, cost=1400, state=State.READY, due_at=now, submitted_at=now, finished_at=now, seed="1",
    )  # fmt: skip
    generation.image.save("x.webp", ContentFile(CONTENT), save=False)
    generation.save(force_insert=True)
    return generation


def url_of(generation: Generation) -> str:
    url = str(Client().get("/v1/get_result", {"id": str(generation.pk)}).json()["result"]["sample"])
    assert url.startswith("http://127.0.0.1:8000/samples/")
    return url.removeprefix("http://127.0.0.1:8000")


@pytest.fixture
def url(cast: Cast) -> str:
    return url_of(make_ready(cast))


def ask(url: str, method: str = "get", **headers: str) -> Any:
    """The answer, and as `body` what was sent with it."""
    response = getattr(Client(), method)(url, headers=headers)
    response.body = read_file(response) if response.streaming else response.content
    return response


def test_whole_image_is_sent_to_whoever_has_the_link(url: str) -> None:
    for headers in ({}, {"x-key": "bfl_wrong"}, {"x-key": "", "cookie": "sessionid=x", "accept": "*/*"}):
        response = ask(url, **headers)
        assert (response.status_code, response.body) == (200, CONTENT)
        assert (response["Content-Type"], response["Content-Length"]) == ("image/webp", str(len(CONTENT)))
        assert (response["Accept-Ranges"], response["Cache-Control"].partition(",")[0]) == ("bytes", "private")
        assert response["Content-Disposition"].startswith("inline; ")
        assert not response.cookies
        assert "Vary" not in response


@pytest.mark.parametrize(
    ("asked", "first", "last"), [("bytes=0-99", 0, 99), ("bytes=1000-", 1000, LAST), ("bytes=-24", LAST - 23, LAST)]
)
def test_range_is_sent(url: str, asked: str, first: int, last: int) -> None:
    response = ask(url, range=asked)
    assert (response.status_code, response.body) == (206, CONTENT[first : last + 1])
    assert response["Content-Range"] == f"bytes {first}-{last}/{len(CONTENT)}"
    assert (response["Content-Length"], response["Content-Type"]) == (str(last - first + 1), "image/webp")


def test_range_of_what_was_sent_before_goes_on_and_of_another_starts_anew(url: str) -> None:
    etag = ask(url, "head")["ETag"]
    assert ask(url, range="bytes=5-9", **{"if-range": etag}).status_code == 206
    assert ask(url, range="bytes=5-9", **{"if-range": '"another"'}).status_code == 200


def test_range_behind_the_end_is_refused(url: str) -> None:
    response = ask(url, range=f"bytes={len(CONTENT)}-")
    assert (response.status_code, response["Content-Range"]) == (416, f"bytes */{len(CONTENT)}")


def test_head_tells_type_and_length(url: str) -> None:
    response = ask(url, "head")
    assert (response.status_code, response.body) == (200, b"")
    assert (response["Content-Type"], response["Content-Length"]) == ("image/webp", str(len(CONTENT)))


def test_expired_and_forged_links_are_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path, _, query = url.partition("?")
    sent = parse_qs(query)
    wrong = [path, f"{path}?se={sent['se'][0]}", f"{url}0", f"{path}?sig={sent['sig'][0]}", f"{url}&se=9999999999"]
    monkeypatch.setattr("time.time", lambda: int(sent["se"][0]) - 1.0)
    assert ask(url).status_code == 200
    for each in wrong:
        response = ask(each, **{"x-key": "bfl_wrong"})
        assert (response.status_code, response.json()["message"]) == (403, response.json()["detail"])
    monkeypatch.setattr("time.time", lambda: int(sent["se"][0]) + 0.0)
    assert ask(url).status_code == 403


def test_link_is_fresh_at_every_poll_and_lives_ten_minutes(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    generation = make_ready(cast)
    for now in (1_900_000_000.0, 1_900_000_601.0):
        monkeypatch.setattr("time.time", lambda now=now: now)
        url = url_of(generation)
        assert parse_qs(urlsplit(url).query)["se"] == [str(int(now) + 600)]
        assert ask(url).status_code == 200


def test_image_that_is_gone_is_told_of_in_json(cast: Cast) -> None:
    generation = make_ready(cast)
    url = url_of(generation)
    default_storage.delete(str(generation.image))
    assert (ask(url).status_code, ask(url).json()["detail"]) == (404, "There is no such image any more.")
    Generation.objects.all().delete()
    assert ask(url).status_code == 404


def test_bucket_is_read_from_here_by_default(cast: Cast, bucket: Bucket) -> None:
    generation = make_ready(cast)
    url = url_of(generation)
    whole, part = ask(url), ask(url, range="bytes=10-19")
    assert (whole.status_code, whole.body) == (200, CONTENT)
    assert (part.status_code, part.body) == (206, CONTENT[10:20])
    default_storage.delete(str(generation.image))
    assert ask(url).status_code == 404


def test_bucket_sends_it_itself_where_the_operator_wants(cast: Cast, bucket: Bucket, settings: Settings) -> None:
    settings.S3_REDIRECT = True
    url = url_of(make_ready(cast))
    led = ask(url)
    assert (led.status_code, led["Cache-Control"]) == (302, "private, no-store")
    assert led["Location"].startswith(f"{bucket.url}/")
    assert 590 < int(parse_qs(urlsplit(led["Location"]).query)["X-Amz-Expires"][0]) <= 600
    # A client that follows sends its headers there too.
    sent = requests.get(led["Location"], headers={"x-key": "bfl_x", "range": "bytes=0-9"}, timeout=10)
    assert (sent.status_code, sent.content, sent.headers["Content-Type"]) == (206, CONTENT[:10], "image/webp")
    head = requests.head(ask(url, "head")["Location"], timeout=10)
    assert (head.status_code, head.headers["Content-Length"]) == (200, str(len(CONTENT)))
    assert ask(f"{url}0").status_code == 403


def test_redirect_is_for_buckets_alone(url: str, settings: Settings) -> None:
    settings.S3_REDIRECT = True
    response = ask(url)
    assert (response.status_code, response.body) == (200, CONTENT)
