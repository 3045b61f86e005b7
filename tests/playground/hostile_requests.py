"""Requests that are wrong in one way each: bodies, URLs, headers, ids; the files stand in `hostile_images.py`."""

import json
from dataclasses import dataclass, field
from typing import Any

from tests.playground.hostile_images import draw, encode

KLEIN, FLEX = "flux-2-klein-4b-finetuned", "flux-2-flex"
ULTRA, FILL, KONTEXT = "flux-pro-1.1-ultra-finetuned", "flux-pro-1.0-fill-finetuned", "flux-kontext-pro"
FINETUNES = {KLEIN: "ink-portrait", ULTRA: "inpaint", FILL: "inpaint"}


@dataclass(frozen=True)
class Case:
    """A request that differs from one that would be taken, and what it is told."""

    status: int
    at: str | None = None  # the field
    change: dict[str, Any] = field(default_factory=dict)
    body: bytes | None = None
    endpoint: str = KLEIN
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    without: tuple[str, ...] = ()


def wrong(at: str, value: Any, endpoint: str = KLEIN, status: int = 422) -> Case:
    return Case(status, at, {at: value}, endpoint=endpoint)


def raw(body: bytes, at: str | None = None, **options: Any) -> Case:
    return Case(422, at, body=body, **options)


def with_prompt(json_text: str) -> Case:
    return raw(b'{"finetune_id": "ink-portrait", "prompt": %s}' % json_text.encode(), at="prompt")


BODIES = {
    "nothing": raw(b""),
    "no JSON": raw(b"prompt=cat"),
    "JSON cut short": raw(b'{"prompt": '),
    "two bodies": raw(b"{}{}"),
    "array": raw(b"[]"),
    "string": raw(b'"text"'),
    "number": raw(b"1"),
    "null": raw(b"null"),
    "NaN": raw(b"NaN"),
    "100,000 arrays deep": raw(b"[" * 100_000),
    "100,000 objects deep": raw(b'{"a":' * 100_000),
    "deep in a field": raw(b'{"prompt": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    "no UTF-8": raw(b'{"prompt": "\xff\xfe"}'),
    "number of 5,000 digits": raw(b'{"seed": ' + b"9" * 5000 + b"}"),
    "a key twice, the last one wrong": raw(b'{"finetune_id": "ink-portrait", "prompt": "a", "prompt": 1}', at="prompt"),
    "a key in other letters": raw(b'{"finetune_id": "ink-portrait", "Prompt": "a"}', at="prompt"),
    "no prompt": Case(422, "prompt", without=("prompt",)),
    "no finetune_id": Case(422, "finetune_id", without=("finetune_id",)),
    "prompt null": with_prompt("null"),
    "prompt number": with_prompt("1"),
    "prompt true": with_prompt("true"),
    "prompt array": with_prompt('["a"]'),
    "prompt object": with_prompt('{"$ne": ""}'),
    "prompt with NUL": with_prompt('"a\\u0000b"'),
    "prompt with half a pair": with_prompt('"\\ud83d"'),
    "prompt with the other half": with_prompt('"\\udc00 cat"'),
    "prompt of 100,001 characters": wrong("prompt", "x" * 100_001),
    "strength -0.1": wrong("finetune_strength", -0.1),
    "strength 2.1": wrong("finetune_strength", 2.1),
    "strength 1e999": raw(
        b'{"finetune_id": "ink-portrait", "prompt": "a", "finetune_strength": 1e999}', at="finetune_strength"
    ),
    "strength NaN": wrong("finetune_strength", float("nan")),
    "strength -Infinity": wrong("finetune_strength", float("-inf")),
    "strength null": wrong("finetune_strength", None),
    "strength word": wrong("finetune_strength", "strong"),
    "safety 6": wrong("safety_tolerance", 6),
    "safety -1": wrong("safety_tolerance", -1),
    "safety 2.5": wrong("safety_tolerance", 2.5),
    "safety 7 of FLUX.1": wrong("safety_tolerance", 7, ULTRA),
    "width 63": wrong("width", 63),
    "width -64": wrong("width", -64),
    "width 1": wrong("width", 1),
    "width true": wrong("width", True),
    "width false": wrong("width", False),
    "width 64.5": wrong("width", 64.5),
    "width word": wrong("width", "wide"),
    "width 2^63": wrong("width", 2**63),
    "width 10^4000": wrong("width", 10**4000),
    "width NaN": wrong("width", float("nan")),
    "width array": wrong("width", [64]),
    "4097 x 4097": Case(422, "width", {"width": 4097, "height": 4097}),
    "2048 x 2049": Case(422, "width", {"width": 2048, "height": 2049}),
    "height 63": wrong("height", 63),
    "seed 2^64": wrong("seed", 2**64),
    "seed -2^63 - 1": wrong("seed", -(2**63) - 1),
    "seed 1.5": wrong("seed", 1.5),
    "seed Infinity": wrong("seed", float("inf")),
    "seed word": wrong("seed", "lucky"),
    "format gif": wrong("output_format", "gif"),
    "format in capitals": wrong("output_format", "PNG"),
    "format number": wrong("output_format", 1),
    "aspect ratio 22:9": wrong("aspect_ratio", "22:9", ULTRA),
    "aspect ratio 9:22": wrong("aspect_ratio", "9:22", KONTEXT),
    "aspect ratio 1:0": wrong("aspect_ratio", "1:0", ULTRA),
    "aspect ratio 16x9": wrong("aspect_ratio", "16x9", ULTRA),
    "aspect ratio of many digits": wrong("aspect_ratio", "9" * 5000 + ":1", ULTRA),
    "image strength 1.1": wrong("image_prompt_strength", 1.1, ULTRA),
    "steps 0": wrong("steps", 0, FLEX),
    "steps 51": wrong("steps", 51, FLEX),
    "steps 14 of fill": wrong("steps", 14, FILL),
    "guidance 1.4": wrong("guidance", 1.4, FLEX),
    "guidance 10.1": wrong("guidance", 10.1, FLEX),
    "guidance 101 of fill": wrong("guidance", 101, FILL),
    "guidance NaN": wrong("guidance", float("nan"), FLEX),
    "raw word": Case(422, "raw", {"raw": "very"}, endpoint="flux-pro-1.1-ultra"),
    "sides of FLUX.1 dev": Case(422, "width", {"width": 300}, endpoint="flux-dev"),
    "image number": wrong("input_image", 1),
    "image array": wrong("input_image", ["a"]),
    "image object": wrong("input_image", {"url": "https://images.example/a.png"}),
    "image with NUL": wrong("input_image", "iVBOR\x00"),
    "image with half a pair": raw(
        b'{"finetune_id": "ink-portrait", "prompt": "a", "input_image": "\\ud800"}', at="input_image"
    ),
    "fill without image": Case(422, "image", endpoint=FILL, without=("image",)),
    "fill with an empty image": wrong("image", "", FILL),
    "fill with a mask of another size": wrong("mask", encode(draw((128, 64))), FILL),
    "fill with a broken mask": wrong("mask", "?", FILL),
}
URLS = {
    "file": "file:///etc/passwd",
    "ftp": "ftp://images.example/cat.png",
    "gopher": "gopher://127.0.0.1:6379/_FLUSHALL",
    "javascript": "javascript:alert(1)",
    "data nonsense": "data:,cat",
    "no host": "http:///cat.png",
    "half an address": "http://[::1/",
    "this machine": "http://127.0.0.1:8000/admin/",
    "this machine in IPv6": "http://[::1]:8000/",
    "this machine, mapped into IPv6": "http://[::ffff:127.0.0.1]:8000/",
    "this machine as a number": "http://2130706433:8000/",
    "this machine in hexadecimal": "http://0x7f.1:8000/",
    "this machine in octal": "http://0177.0.0.1:8000/",
    "every machine": "http://0.0.0.0:8000/",
    "the network": "http://192.168.1.1/",
    "metadata": "http://169.254.169.254/latest/meta-data/iam/security-credentials/",
    "metadata in IPv6": "http://[fd00:ec2::254]/latest/meta-data/",
    "a name and a password": "https://user:password@images.example/",
    "a host before the host": "https://images.example@127.0.0.1/",
    "a backslash before the host": "https://images.example\\@127.0.0.1/",
    "port of mail": "http://images.example:25/",
    "port beyond all": "http://images.example:65536/",
    "port word": "http://images.example:http/",
    "a header within": "http://images.example/\r\nx-key:%20stolen",
    "2,084 characters": "https://images.example/" + "x" * 2061,
}
# Names are looked up when something is fetched; a webhook's, when it is sent.
NAMES = {
    "this machine by name": "http://localhost:8000/admin/",
    "this machine by a name of theirs": "https://inside.example/",
    "metadata by a name of theirs": "https://metadata.example/",
    "no such name": "https://nowhere.example/cat.png",
}
NO_KEY = {"x-key": ""}
HEADERS = {
    "no key": Case(403, headers=NO_KEY),
    "wrong key": Case(403, headers={"x-key": "bfl_" + "a" * 43}),
    "key of 100,000 characters": Case(403, headers={"x-key": "a" * 100_000}),
    "key with a line break": Case(403, headers={"x-key": "bfl_a\r\nx-admin: 1"}),
    "key in latin-1": Case(403, headers={"x-key": "sch\xfcssel"}),
    "key with NUL": Case(403, headers={"x-key": "bfl_\x00"}),
    "two schemes": Case(403, headers={**NO_KEY, "authorization": "Basic dXNlcjpwYXNz"}),
    "bearer of nothing": Case(403, headers={**NO_KEY, "authorization": "Bearer "}),
    "a form": raw(b"prompt=cat&finetune_id=ink-portrait", content_type="application/x-www-form-urlencoded"),
    "a form in parts": raw(b"--x\r\n\r\n\r\n--x--", content_type="multipart/form-data; boundary=x"),
    "XML": raw(b"<prompt>cat</prompt>", content_type="text/xml"),
    "packed body": raw(b"\x1f\x8b\x08\x00\x00", headers={"content-encoding": "gzip"}),
    "other host": Case(400, headers={"host": "elsewhere.example"}),
    "empty Idempotency-Key": Case(422, "Idempotency-Key", headers={"idempotency-key": ""}),
    "Idempotency-Key of 256": Case(422, "Idempotency-Key", headers={"idempotency-key": "a" * 256}),
    "Idempotency-Key in latin-1": Case(422, "Idempotency-Key", headers={"idempotency-key": "sch\xfcssel"}),
    "Idempotency-Key with a line break": Case(422, "Idempotency-Key", headers={"idempotency-key": "a\nb"}),
}
IDS = {
    "unknown": "nothing-here",
    "empty": "",
    "parent": "../ink-portrait",
    "parents": "../../../../etc/passwd",
    "encoded parent": "%2e%2e%2fink-portrait",
    "three parts": "{org}/ink-portrait/v1",
    "of nobody": "org_000000000000/ink-portrait",
    "of another organization": "{other}/secret-look",
    "another organization's by its name alone": "secret-look",
    "in capitals": "INK-PORTRAIT",
    "with a space behind": "ink-portrait ",
    "SQL": "' OR 1=1 --",
    "100,000 characters": "a" * 100_000,
}


def body_of(case: Case) -> bytes:
    if case.body is not None:
        return case.body
    image = {"image": encode(draw())} if case.endpoint == FILL else {}
    finetune = {"finetune_id": FINETUNES[case.endpoint]} if case.endpoint in FINETUNES else {}
    body = {"prompt": "a cat", **finetune, **image, **case.change}
    return json.dumps({name: value for name, value in body.items() if name not in case.without}).encode()
