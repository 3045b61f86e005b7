"""What the guard reads from a URL and an address alone, before anything is looked up or reached."""

from ipaddress import ip_address

import pytest
from pytest_django.fixtures import Settings

from dashboard.lib import guarded
from dashboard.lib.addresses import is_public
from dashboard.lib.guarded import RefusedUrlError, check_url
from tests.lib.private_addresses import PRIVATE

PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "93.184.216.34",
    "100.63.255.255",
    "100.128.0.1",
    "172.32.0.1",
    "2606:4700:4700::1111",
    "2a00:1450:4001:80b::200e",
    "64:ff9b::808:808",
]


@pytest.mark.parametrize("text", PRIVATE)
def test_addresses_that_are_no_strangers(text: str) -> None:
    assert not is_public(ip_address(text))


@pytest.mark.parametrize("text", PUBLIC)
def test_addresses_on_the_internet(text: str) -> None:
    assert is_public(ip_address(text))


# --- What the URL says -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", guarded.SCHEME),
        ("images.example/cat.png", guarded.SCHEME),
        ("//images.example/cat.png", guarded.SCHEME),
        ("file:///etc/passwd", guarded.SCHEME),
        ("ftp://images.example/cat.png", guarded.SCHEME),
        ("gopher://127.0.0.1:6379/_FLUSHALL", guarded.SCHEME),
        ("javascript:alert(1)", guarded.SCHEME),
        ("http+unix://%2Frun%2Fdocker.sock/info", guarded.SCHEME),
        ("httpx://images.example/", guarded.SCHEME),
        (" http://images.example/", guarded.NO_URL),
        ("http://images.example/a b", guarded.NO_URL),
        ("http://images.example/\r\nx-key: stolen", guarded.NO_URL),
        ("http://images.example\\@127.0.0.1/", guarded.NO_URL),
        ("http:///cat.png", guarded.NO_URL),
        ("http://", guarded.NO_URL),
        ("http:images.example", guarded.NO_URL),
        ("http://images.example:port/", guarded.NO_URL),
        ("http://images.example:99999/", guarded.NO_URL),
        ("http://[::1/", guarded.NO_URL),
        ("http://.example/", guarded.NO_URL),
        (f"http://{'x' * 64}é.example/", guarded.NO_URL),
        ("http://user:password@images.example/", guarded.CREDENTIALS),
        ("http://user@images.example/", guarded.CREDENTIALS),
        ("http://:@images.example/", guarded.CREDENTIALS),
        ("http://images.example:80@127.0.0.1/", guarded.CREDENTIALS),
        ("http://images.example#@127.0.0.1:22/", None),
        ("http://images.example:22/", guarded.PORT),
        ("http://images.example:25/", guarded.PORT),
        ("http://127.0.0.1/", guarded.PRIVATE),
        ("http://127.0.0.1:8000/", guarded.PRIVATE),
        ("http://0.0.0.0/", guarded.PRIVATE),
        ("http://169.254.169.254/latest/meta-data/", guarded.PRIVATE),
        ("http://[::1]/", guarded.PRIVATE),
        ("http://[::ffff:127.0.0.1]/", guarded.PRIVATE),
        ("http://[::ffff:7f00:1]/", guarded.PRIVATE),
        ("http://[fd00:ec2::254]/", guarded.PRIVATE),
        ("http://[fe80::1%25eth0]/", guarded.PRIVATE),
        ("http://[64:ff9b::7f00:1]/", guarded.PRIVATE),
        ("http://①②⑦.⓪.⓪.①/", guarded.NO_URL),
        ("http://2130706433/", guarded.SPELLING),
        ("http://0x7f000001/", guarded.SPELLING),
        ("http://0x7f.0.0.1/", guarded.SPELLING),
        ("http://0177.0.0.1/", guarded.SPELLING),
        ("http://127.1/", guarded.SPELLING),
        ("http://127.0.0.1./", guarded.SPELLING),
        ("http://0/", guarded.SPELLING),
        ("http://images.example/cat.png", None),
        ("HTTPS://images.example:8443/cat.png?size=1#top", None),
        ("https://bücher.example/umschlag.png", None),
        ("http://93.184.216.34/", None),
        ("http://[2606:4700:4700::1111]:8080/", None),
    ],
)
def test_what_a_url_says(url: str, reason: str | None) -> None:
    assert _refusal(url) == reason


def test_https_alone_where_it_is_asked_for() -> None:
    with pytest.raises(RefusedUrlError, match="https"):
        check_url("http://hooks.example/", https_only=True)
    check_url("https://hooks.example/", https_only=True)


def test_the_setting_lifts_the_rules_of_address_and_https_alone(settings: Settings) -> None:
    settings.ALLOW_PRIVATE_URLS = True
    check_url("http://127.0.0.1:8000/", https_only=True)
    assert _refusal("file:///etc/passwd") == guarded.SCHEME
    assert _refusal("http://user@127.0.0.1/") == guarded.CREDENTIALS


def _refusal(url: str) -> str | None:
    try:
        check_url(url, https_only=False)
    except RefusedUrlError as error:
        return error.reason
    return None
