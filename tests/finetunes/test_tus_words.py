"""The headers of tus: what is read from them, and the sentence for each that is wrong."""

import hashlib
from base64 import b64encode
from typing import Any

import pytest
from django.http.request import HttpHeaders
from django.test import RequestFactory

from finetunes.uploads import tus
from finetunes.uploads.tus import ContentTypeError, LengthRequiredError, ProtocolError, VersionError


def headers(**values: str) -> HttpHeaders:
    """As Django has them: names in any case."""
    return HttpHeaders({f"HTTP_{name.upper()}": value for name, value in values.items()})


def body_headers(**environ: str) -> HttpHeaders:
    return HttpHeaders(environ)


def in_base64(data: bytes) -> str:
    return b64encode(data).decode()


def test_the_version_is_1_0_0_and_no_other() -> None:
    tus.check_version(headers(tus_resumable="1.0.0"))
    with pytest.raises(VersionError, match="'0.2.2': this server speaks 1.0.0") as caught:
        tus.check_version(headers(tus_resumable="0.2.2"))
    assert caught.value.status == 412
    with pytest.raises(VersionError, match="is missing"):
        tus.check_version(headers())


@pytest.mark.parametrize("value", ["0", "1", "4294967296", "999999999999999999"])
def test_length_and_offset_are_whole_numbers(value: str) -> None:
    assert tus.read_upload_length(headers(upload_length=value)) == int(value)
    assert tus.read_offset(headers(upload_offset=value)) == int(value)


@pytest.mark.parametrize("value", ["-1", "+1", "1.5", "1e3", " ", "0x10", "１", "1_000", "1" * 19, "NaN"])
def test_other_lengths_are_refused(value: str) -> None:
    with pytest.raises(ProtocolError, match="Upload-Length"):
        tus.read_upload_length(headers(upload_length=value))
    with pytest.raises(ProtocolError, match="Upload-Offset"):
        tus.read_offset(headers(upload_offset=value))


def test_missing_and_deferred_lengths_are_refused() -> None:
    with pytest.raises(ProtocolError, match="Upload-Length is missing"):
        tus.read_upload_length(headers())
    with pytest.raises(ProtocolError, match="Upload-Defer-Length is not supported"):
        tus.read_upload_length(headers(upload_length="3", upload_defer_length="1"))


def test_content_length_must_be_known_before_the_body_comes() -> None:
    assert tus.read_content_length(body_headers(CONTENT_LENGTH="17")) == 17
    assert tus.read_content_length(body_headers(CONTENT_LENGTH="0")) == 0
    for environ in ({}, {"CONTENT_LENGTH": ""}, {"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": "3"}):
        with pytest.raises(LengthRequiredError, match="not chunked") as caught:
            tus.read_content_length(body_headers(**environ))
        assert caught.value.status == 411


def test_pieces_have_one_content_type() -> None:
    tus.check_content_type(body_headers(CONTENT_TYPE="application/offset+octet-stream"))
    for other in ("", "application/octet-stream", "multipart/form-data", "application/offset+octet-streamer"):
        with pytest.raises(ContentTypeError) as caught:
            tus.check_content_type(body_headers(CONTENT_TYPE=other))
        assert caught.value.status == 415


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_checksum_is_an_algorithm_and_a_digest(algorithm: str) -> None:
    digest = hashlib.new(algorithm, b"piece").digest()
    checksum = tus.read_checksum(headers(upload_checksum=f"{algorithm} {in_base64(digest)}"))
    assert checksum == tus.Checksum(algorithm, digest)
    assert tus.read_checksum(headers()) is None


@pytest.mark.parametrize(
    "value",
    [
        "", "sha1", "sha1 ", "md5 1B2M2Y8AsgTpgAmY7PhCfg==", "SHA1 2jmj7l5rSw0yVb/vlWAYkK/YBwk=", "sha1 !!!!",
        "sha1 2jmj7l5rSw0yVb/vlWAYkK/YBw==", "sha256 2jmj7l5rSw0yVb/vlWAYkK/YBwk=", "sha1 2jmj7l5rSw0yVb/vlWAYkK/YBwk",
    ],
)  # fmt: skip
def test_other_checksums_are_refused(value: str) -> None:
    with pytest.raises(ProtocolError, match="Upload-Checksum") as caught:
        tus.read_checksum(headers(upload_checksum=value))
    assert caught.value.status == 400


def test_metadata_are_texts_by_key() -> None:
    sent = f"filename {in_base64('Tinte ü.safetensors'.encode())}, name {in_base64(b'ink')},is_draft,empty "
    expected = {"filename": "Tinte ü.safetensors", "name": "ink", "is_draft": "", "empty": ""}
    assert tus.read_metadata(headers(upload_metadata=sent)) == expected
    assert tus.read_metadata(headers()) == {}
    assert tus.read_metadata(headers(upload_metadata="")) == {}


@pytest.mark.parametrize(
    "value",
    [
        "name aW5r,name aW5r", ",", "name aW5r,", " , name aW5r", "é aW5r", "name aW5r extra", "name %%%", "name aW5",
        "name /w==", "name AA==", "name Cg==", "a" * 65 + " aW5r", "name " + "aW5r" * 1100,
    ],
)  # fmt: skip
def test_other_metadata_are_refused(value: str) -> None:
    with pytest.raises(ProtocolError, match="Upload-Metadata") as caught:
        tus.read_metadata(headers(upload_metadata=value))
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("method", "override", "meant"),
    [("POST", "patch", "PATCH"), ("POST", "", "POST"), ("GET", "DELETE", "GET"), ("PATCH", "DELETE", "PATCH")],
)
def test_a_post_may_mean_another_method(method: str, override: str, meant: str) -> None:
    extra: dict[str, Any] = {"headers": {"X-HTTP-Method-Override": override}}
    assert tus.method_of(RequestFactory().generic(method, "/", **extra)) == meant
