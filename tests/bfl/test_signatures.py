"""Signed URLs: whose, for what, and until when."""

from urllib.parse import parse_qsl, urlsplit

import pytest

from dashboard.bfl.signatures import is_signed, sign_path

PATH = "/samples/1/sample.jpeg"


def _query(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query))


def test_signed_path_is_accepted() -> None:
    url = sign_path("key", PATH)
    assert url.startswith(f"{PATH}?se=")
    assert is_signed("key", PATH, _query(url))


def test_signature_holds_for_one_key_and_one_path() -> None:
    query = _query(sign_path("key", PATH))
    assert not is_signed("other", PATH, query)
    assert not is_signed("key", "/samples/2/sample.jpeg", query)


def test_expired_signature_is_refused() -> None:
    assert not is_signed("key", PATH, _query(sign_path("key", PATH, seconds=0)))


@pytest.mark.parametrize("change", [{"se": "99999999999"}, {"se": ""}, {"se": "x"}, {"sig": ""}, {"sig": "ü"}])
def test_changed_query_is_refused(change: dict[str, str]) -> None:
    assert not is_signed("key", PATH, _query(sign_path("key", PATH)) | change)


def test_missing_query_is_refused() -> None:
    assert not is_signed("key", PATH, {})
