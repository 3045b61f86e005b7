"""Our document beside BFL's: every difference of an endpoint that both have is listed here with its reason."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from dashboard.bfl.endpoints import BY_PATH
from dashboard.urls import api
from tests.bfl.facts import DOCUMENT, KEPT, Facts, facts_of

THEIRS: Facts = json.loads(KEPT.read_text())
NOT_OURS = {
    "POST /v1/flux-pro-1.0-fill": "The base of Fill; here it runs with a finetune alone.",
    "POST /v1/flux-pro-1.0-expand": "None of the project's endpoints.",
    "POST /v1/flux-2-pro-preview": "None of the project's endpoints.",
}
GENERATION = {call for call in THEIRS if call.removeprefix("POST ") in BY_PATH}
FINETUNED = {call for call in GENERATION if call.endswith("-finetuned")}
FLUX_1 = {call for call in GENERATION if "flux-2" not in call}
FLUX_2 = GENERATION - FLUX_1
KONTEXT = {"POST /v1/flux-kontext-pro", "POST /v1/flux-kontext-max"}
FILL, DEV = "POST /v1/flux-pro-1.0-fill-finetuned", "POST /v1/flux-dev"
RESULT, DETAILS, CREDITS = "GET /v1/get_result", "GET /v1/finetune_details", "GET /v1/credits"
MINE, DELETE = "GET /v1/my_finetunes", "POST /v1/delete_finetune"
STATUSES = "BFL's document names the status of success and 422 alone; its pages and its servers know these too."
SIDE = "BFL's default of 0 lies below its minimum of 64: clients that send it must pass, so that 0 is declared too."
PROMPT = "A bound of ours, so that a prompt fits where it is stored and shown."


@dataclass(frozen=True)
class Difference:
    """What BFL's document says of a field, what ours says, and why; an empty text where one does not have it."""

    calls: set[str]
    field: str
    theirs: str
    ours: str
    reason: str


DIFFERENCES = (
    Difference(
        GENERATION | {DETAILS, CREDITS, MINE, DELETE}, "security", "APIKeyHeader", "APIKeyHeader or Bearer",
        "Clients of OpenAI and proxies send keys as Bearer.",
    ),
    Difference(
        GENERATION | {DELETE}, "header.Idempotency-Key", "", 'string minLength 1 maxLength 255 pattern "^[ -~]+$"',
        "Beyond BFL, whose repeated requests make and bill a second task.",
    ),
    Difference(GENERATION - FINETUNED, "statuses", "200 422", "200 402 403 409 411 413 422 429 503", STATUSES),
    Difference(FINETUNED, "statuses", "200 422", "200 400 402 403 404 409 411 413 422 429 503", STATUSES),
    Difference({DETAILS}, "statuses", "200 422", "200 403 404 422 429", STATUSES),
    Difference({DELETE}, "statuses", "200 422", "200 403 404 409 411 413 422 429 503", STATUSES),
    Difference({CREDITS, MINE}, "statuses", "200", "200 403 429", STATUSES),
    Difference(
        GENERATION, "body.seed", "integer or null",
        "integer minimum -9223372036854775808 maximum 18446744073709551615 or null",
        "Every seed that a client draws, and none that fits in no column.",
    ),
    Difference(
        FLUX_2, "body.width", "integer minimum 64 or null, default 0",
        "integer minimum 64 or any const 0 or null, default 0", SIDE,
    ),
    Difference(
        FLUX_2, "body.height", "integer minimum 64 or null, default 0",
        "integer minimum 64 or any const 0 or null, default 0", SIDE,
    ),
    Difference(FLUX_2 | KONTEXT, "body.prompt", "string, required", "string maxLength 100000, required", PROMPT),
    Difference(
        FLUX_1 - KONTEXT - {DEV, FILL}, "body.prompt", 'string or null, default ""',
        'string maxLength 100000 or null, default ""', PROMPT,
    ),
    Difference(
        {DEV, FILL}, "body.prompt", 'string, default ""', 'string maxLength 100000 or null, default ""',
        f"{PROMPT} Null is taken as on FLUX.1's other endpoints.",
    ),
    Difference(
        {FILL}, "body.image", "string, required", "string minLength 1, required",
        "An empty text is no image, and BFL would charge before it finds out.",
    ),
    Difference(
        {"POST /v1/flux-2-flex"}, "body.input_image_blob_path", "string or null", "",
        "It names a file in BFL's own store; unknown fields are ignored.",
    ),
    Difference(
        GENERATION, "answer with webhook.polling_url", "", "string, required",
        "Clients that poll read it also when a webhook was asked for.",
    ),
    Difference(
        GENERATION, "answer with webhook.status", "string, required", 'string, default "Pending"',
        "Always sent, and always this word; BFL's document leaves open which.",
    ),
    Difference(
        {MINE}, "answer.finetunes", "array of any, required", "array of string, required",
        "BFL leaves the items open; old clients read plain names.",
    ),
    Difference({RESULT}, "answer.result", "any or null", "object or null", "What every model of BFL answers with."),
)  # fmt: skip


def differences(theirs: Facts, ours: Facts) -> Iterator[tuple[str, str, str, str]]:
    for call, facts in theirs.items():
        found = ours.get(call, {})
        for field in facts.keys() | found.keys():
            pair = facts.get(field, ""), found.get(field, "")
            if call in ours and pair[0] != pair[1]:
                yield call, field, *pair


@pytest.fixture(scope="module")
def ours() -> Facts:
    document = json.loads(json.dumps(api.get_openapi_schema(), default=str))
    shared = {path: calls for path, calls in document["paths"].items() if any(call.endswith(path) for call in THEIRS)}
    return facts_of({**document, "paths": shared})


def test_every_endpoint_of_bfl_is_ours_or_has_a_reason(ours: Facts) -> None:
    assert THEIRS.keys() - ours.keys() == set(NOT_OURS)


def test_every_difference_is_listed_and_every_listed_one_is_there(ours: Facts) -> None:
    listed = {(call, each.field, each.theirs, each.ours) for each in DIFFERENCES for call in each.calls}
    assert all(each.reason for each in DIFFERENCES)
    assert set(differences(THEIRS, ours)) == listed


def test_a_difference_is_seen_in_each_direction(ours: Facts) -> None:
    changed = {call: dict(facts) for call, facts in ours.items()}
    changed[DEV]["body.steps"] = "integer"
    del changed[FILL]["body.mask"]
    new = set(differences(THEIRS, changed)) - set(differences(THEIRS, ours))
    assert {(call, field) for call, field, _, _ in new} == {(DEV, "body.steps"), (FILL, "body.mask")}


@pytest.mark.skipif(not DOCUMENT.exists(), reason="BFL's document is not beside this repository.")
def test_kept_facts_are_those_of_the_document() -> None:
    assert facts_of(json.loads(DOCUMENT.read_text())) == THEIRS
