"""A dump of the whole database as a thief reads it: every cell of every table, and whatever is packed within."""

import base64
import binascii
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from django.db import connection

DEPTH = 4
TOKEN = re.compile(rb"[A-Za-z0-9+/_=-]{8,}")
HEX = re.compile(rb"(?:[0-9a-fA-F]{2}){8,}")


@dataclass(frozen=True)
class Cell:
    """`forms` are its content and all that this gives when it is unpacked, in small letters."""

    place: str
    forms: frozenset[bytes]


def read_cells() -> Iterator[Cell]:
    with connection.cursor() as cursor:
        for table in sorted(connection.introspection.table_names(cursor)):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            columns = [column[0] for column in cursor.description]
            for row in cursor.fetchall():
                for column, value in zip(columns, row, strict=True):
                    forms = frozenset(form.lower() for form in unpack(_bytes_of(value)))
                    yield Cell(f"{table}.{column}", forms)


def places_of(cells: list[Cell], secret: str | bytes) -> set[str]:
    """Where the secret stands: as it is, in any case of its letters, or within what is encoded there."""
    wanted = (secret.encode() if isinstance(secret, str) else secret).lower()
    return {cell.place for cell in cells if any(wanted in form for form in cell.forms)}


def unpack(content: bytes, depth: int = DEPTH) -> Iterator[bytes]:
    """The content, and what it gives when its tokens are read as base64, base32, hex or compressed."""
    yield content
    if depth:
        for inner in _decoded(content):
            if len(inner) >= 4:
                yield from unpack(inner, depth - 1)


def _decoded(content: bytes) -> Iterator[bytes]:
    inflated = _inflate(content)
    if inflated:
        yield inflated
    for token in TOKEN.findall(content):
        plain = token.rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
        try:
            yield base64.b64decode(plain + b"=" * (-len(plain) % 4))
        except binascii.Error:
            continue
    for token in HEX.findall(content):
        yield bytes.fromhex(token.decode())


def _inflate(content: bytes) -> bytes:
    try:
        return zlib.decompress(content)
    except zlib.error:
        return b""


def _bytes_of(value: object) -> bytes:
    if isinstance(value, bytes | memoryview):
        return bytes(value)
    return b"" if value is None else str(value).encode()
