"""The words of tus 1.0: what its headers may say, and how ours are written."""

import hashlib
import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest
from django.utils.http import http_date

from dashboard.lib.errors import DashboardError

VERSION = "1.0.0"
EXTENSIONS = ("creation", "expiration", "termination", "checksum")
ALGORITHMS = {"sha1": hashlib.sha1, "sha256": hashlib.sha256}
CONTENT_TYPE = "application/offset+octet-stream"
# Fits in a column of 64 bits.
NUMBER = re.compile(r"[0-9]{1,18}")
METADATA_KEY = re.compile(r"[\x21-\x2b\x2d-\x7e]{1,64}")
MAX_METADATA = 4096
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class ProtocolError(DashboardError):
    """The request is not what tus 1.0 says."""

    code = "bad_request"


class VersionError(ProtocolError):
    status = 412


class ContentTypeError(ProtocolError):
    status = 415


class LengthRequiredError(ProtocolError):
    status = 411


@dataclass(frozen=True)
class Checksum:
    """What the client says that the bytes of one request come to."""

    algorithm: str
    digest: bytes


def method_of(request: HttpRequest) -> str:
    """Proxies that let only POST through are why a header may name the method that is meant."""
    override = request.headers.get("X-HTTP-Method-Override", "")
    return override.upper() if request.method == "POST" and override else str(request.method)


def check_version(headers: Mapping[str, str]) -> None:
    if (version := headers.get("Tus-Resumable")) != VERSION:
        said = f"says {_quoted(version)}" if version else "is missing"
        raise VersionError(f"The header Tus-Resumable {said}: this server speaks {VERSION}.")


def check_content_type(headers: Mapping[str, str]) -> None:
    if headers.get("Content-Type", "").partition(";")[0].strip().lower() != CONTENT_TYPE:
        raise ContentTypeError(f"Send the piece with Content-Type: {CONTENT_TYPE}.")


def read_content_length(headers: Mapping[str, str]) -> int:
    """Bytes of the body. A chunked body has no length to check before it is taken."""
    if "Transfer-Encoding" in headers or not headers.get("Content-Length"):
        raise LengthRequiredError("Send the piece with a Content-Length, not chunked.")
    return _read_number(headers, "Content-Length")


def read_upload_length(headers: Mapping[str, str]) -> int:
    if "Upload-Defer-Length" in headers:
        raise ProtocolError("Upload-Defer-Length is not supported: announce the size of the file in Upload-Length.")
    return _read_number(headers, "Upload-Length")


def read_offset(headers: Mapping[str, str]) -> int:
    return _read_number(headers, "Upload-Offset")


def read_checksum(headers: Mapping[str, str]) -> Checksum | None:
    if "Upload-Checksum" not in headers:
        return None
    algorithm, _, value = headers["Upload-Checksum"].strip().partition(" ")
    if algorithm not in ALGORITHMS:
        raise ProtocolError(f"Upload-Checksum: use {' or '.join(ALGORITHMS)}, not {_quoted(algorithm)}.")
    digest = _decode(value.strip())
    if digest is None or len(digest) != ALGORITHMS[algorithm]().digest_size:
        raise ProtocolError(f"Upload-Checksum must hold the {algorithm} in base64 after its name and one space.")
    return Checksum(algorithm, digest)


def read_metadata(headers: Mapping[str, str]) -> dict[str, str]:
    """Upload-Metadata, decoded: each key once, texts in UTF-8 without control characters."""
    header = headers.get("Upload-Metadata", "").strip()
    if len(header) > MAX_METADATA:
        raise ProtocolError(f"Upload-Metadata has {len(header):,} characters; at most {MAX_METADATA:,} are read.")
    metadata: dict[str, str] = {}
    for pair in header.split(",") if header else []:
        key, _, value = pair.strip().partition(" ")
        if not METADATA_KEY.fullmatch(key) or key in metadata:
            raise ProtocolError(f"Upload-Metadata: the key {_quoted(key)} is empty, not ASCII, or there twice.")
        metadata[key] = _read_text(key, value.strip())
    return metadata


def expires(at: datetime) -> str:
    return http_date(at.timestamp())


def _read_text(key: str, value: str) -> str:
    data = _decode(value)
    try:
        text = None if data is None else data.decode()
    except UnicodeDecodeError:
        text = None
    if text is None or CONTROL.search(text):
        raise ProtocolError(f"Upload-Metadata: the value of {_quoted(key)} must be plain text in UTF-8, in base64.")
    return text


def _decode(value: str) -> bytes | None:
    try:
        return b64decode(value, validate=True)
    except (Base64Error, ValueError):
        return None


def _read_number(headers: Mapping[str, str], name: str) -> int:
    value = headers.get(name, "")
    if not value:
        raise ProtocolError(f"The header {name} is missing.")
    if not NUMBER.fullmatch(value):
        raise ProtocolError(f"The header {name} says {_quoted(value)}; it must be a whole number of bytes.")
    return int(value)


def _quoted(text: str) -> str:
    """Of the client's, cut, and printable: it goes back to it in JSON."""
    return repr(text[:40])
