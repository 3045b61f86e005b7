"""The shapes of the wire: keys in their order, numbers and addresses."""

import base64
import io
import uuid
from typing import Any

import pytest
import requests
from PIL import Image

from dashboard.bfl.endpoints import BY_NAME
from dashboard.sandbox.server import Sandbox
from tests.sandbox.conftest import FINETUNED, KLEIN, PATIENCE_SECONDS, ULTRA, Caller

FILL = "flux-pro-1.0-fill-finetuned"


def picture(width: int, height: int) -> str:
    file = io.BytesIO()
    Image.new("RGB", (width, height)).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


# What these ask for beyond a prompt, and the smallest sides that they take.
LEAST: dict[str, dict[str, Any]] = {
    "flux-pro-1.1": {"width": 256, "height": 256},
    "flux-dev": {"width": 256, "height": 256},
    FILL: {"image": picture(64, 64)},
}


@pytest.mark.parametrize("endpoint", BY_NAME)
def test_every_endpoint_of_the_table_makes_an_image(caller: Caller, endpoint: str) -> None:
    extra = {"finetune_id": "ink-portrait"} if BY_NAME[endpoint].takes_finetune else {}
    assert caller.finish(endpoint, **extra, **LEAST.get(endpoint, {}))["status"] == "Ready"


@pytest.mark.parametrize(
    ("endpoint", "asked", "size"),
    [
        ("flux-2-pro", {"input_image": picture(320, 200)}, (320, 192)),
        ("flux-2-flex", {"input_image": picture(320, 200), "width": 128, "height": 64}, (128, 64)),
        ("flux-kontext-pro", {"input_image": picture(2048, 1024)}, (1440, 720)),
        ("flux-kontext-max", {"input_image": picture(320, 200), "aspect_ratio": "1:1"}, (1024, 1024)),
        ("flux-kontext-pro", {"input_image": "https://example.com/a.png"}, (1024, 1024)),
        ("flux-pro-1.1-ultra", {"aspect_ratio": "1:1"}, (2048, 2048)),
        ("flux-pro-1.1", {"image_prompt": picture(64, 64)}, (1024, 768)),
        (FILL, {"finetune_id": "a", "image": picture(1600, 1200)}, (1600, 1200)),
        (FILL, {"finetune_id": "a", "image": picture(8, 8)}, (16, 16)),
        (FILL, {"finetune_id": "a", "image": "bm8gaW1hZ2U="}, (1024, 1024)),
    ],
)
def test_image_has_the_size_of_the_first_reference_where_the_endpoint_keeps_it(
    caller: Caller, endpoint: str, asked: dict[str, Any], size: tuple[int, int]
) -> None:
    sides: dict[str, Any] = {} if "width" in asked else {"width": None, "height": None}
    if endpoint == "flux-pro-1.1":
        sides = {"width": 1024, "height": 768}
    ready = caller.finish(endpoint, **(sides | asked), output_format="png")
    sample = requests.get(ready["result"]["sample"], timeout=PATIENCE_SECONDS)
    with Image.open(io.BytesIO(sample.content)) as image:
        assert image.size == size


def test_submission_is_compact_json_in_the_wire_s_key_order(caller: Caller) -> None:
    answer = caller.submit(width=1024, height=1024)
    body = answer.json()
    assert answer.headers["content-type"] == "application/json"
    assert answer.text == (
        f'{{"id":"{body["id"]}","polling_url":"{caller.sandbox.url}/v1/get_result?id={body["id"]}",'
        '"cost":1.4,"input_mp":0.0,"output_mp":1.0}'
    )
    assert uuid.UUID(body["id"]).version == 4


def test_price_counts_megapixels_and_references(caller: Caller) -> None:
    body = caller.submit(
        FINETUNED, finetune_id="a", width=2048, height=2048, input_image="aGk=", input_image_2="aG8="
    ).json()
    assert (body["cost"], body["input_mp"], body["output_mp"]) == (2.5, 2.0, 4.0)


def test_answer_with_a_webhook_is_the_union(caller: Caller) -> None:
    body = caller.submit(webhook_url="https://example.com/hook").json()
    assert list(body) == ["id", "status", "webhook_url", "polling_url", "cost", "input_mp", "output_mp"]
    assert (body["status"], body["webhook_url"]) == ("Pending", "https://example.com/hook")


def test_pending_has_all_six_keys(caller: Caller) -> None:
    job_id = caller.submit(prompt="[slow 20]").json()["id"]
    answer = caller.get("/v1/get_result", params={"id": job_id})
    assert answer.text == (
        f'{{"id":"{job_id}","status":"Pending","result":null,"progress":null,"details":null,"preview":null}}'
    )


def test_ready_klein_tells_what_was_used(caller: Caller) -> None:
    ready = caller.finish(seed=2**64 - 1, prompt="größer")
    assert list(ready) == ["id", "status", "result", "progress", "details", "preview"]
    assert list(ready["result"]) == ["start_time", "prompt", "seed", "sample"]
    assert (ready["result"]["prompt"], ready["result"]["seed"]) == ("größer", 2**64 - 1)
    assert ready["result"]["sample"].startswith(f"{caller.sandbox.url}/samples/")


def test_ready_ultra_has_times(caller: Caller) -> None:
    result = caller.finish(ULTRA, finetune_id="ink-portrait")["result"]
    assert list(result) == ["sample", "prompt", "seed", "start_time", "end_time", "duration"]
    assert result["end_time"] - result["start_time"] == pytest.approx(result["duration"], abs=1e-3)


def test_seed_is_drawn_where_none_is_sent(caller: Caller) -> None:
    seeds = {caller.finish(seed=None)["result"]["seed"] for _ in range(2)}
    assert len(seeds) == 2


def test_polls_of_a_ready_job_agree(caller: Caller) -> None:
    ready = caller.finish()
    assert caller.get(f"/v1/get_result?id={ready['id']}").json() == ready


def test_unknown_job_is_not_found_with_status_200(caller: Caller) -> None:
    answer = caller.get("/v1/get_result?id=nothing")
    assert answer.status_code == 200
    assert answer.text == (
        '{"id":"nothing","status":"Task not found","result":null,"progress":null,"details":null,"preview":null}'
    )


def test_first_of_a_repeated_id_counts_and_other_parameters_do_not(caller: Caller) -> None:
    job_id = caller.submit(prompt="[slow 20]").json()["id"]
    answer = caller.get(f"/v1/get_result?id={job_id}&id=nothing&attempt=0")
    assert answer.json()["status"] == "Pending"


def test_result_needs_no_key(caller: Caller) -> None:
    polling_url = caller.submit().json()["polling_url"]
    assert requests.get(polling_url, timeout=5).json()["status"] in ("Pending", "Ready")


def test_finetunes_are_those_given_and_those_seen(caller: Caller) -> None:
    caller.submit(FINETUNED, finetune_id="7k3q/velvet-noir")
    assert caller.get("/v1/my_finetunes").text == '{"finetunes":["ink-portrait","7k3q/velvet-noir"]}'
    details = caller.get("/v1/finetune_details?finetune_id=7k3q/velvet-noir").json()["finetune_details"]
    assert (details["name"], details["base_model"], details["precision"], details["source"]) == (
        "velvet-noir",
        "flux-2-klein-9b-kv",
        "bf16",
        "Third party",
    )


def test_credits_go_down_by_what_an_image_costs(caller: Caller) -> None:
    assert caller.get("/v1/credits").text == '{"credits":10000.0}'
    caller.submit()
    caller.submit(prompt="[error]")
    assert caller.get("/v1/credits").json()["credits"] == pytest.approx(9998.6)


def test_addresses_begin_with_the_public_url(session: requests.Session) -> None:
    with Sandbox(seconds=0, public_url="https://images.example.com/") as sandbox:
        base = f"http://127.0.0.1:{sandbox.port}/v1"
        body = session.post(f"{base}/{KLEIN}", json={"prompt": "x"}, timeout=5).json()
        result = session.get(f"{base}/get_result?id={body['id']}", timeout=5).json()
    assert body["polling_url"] == f"https://images.example.com/v1/get_result?id={body['id']}"
    assert result["result"]["sample"].startswith("https://images.example.com/samples/")
