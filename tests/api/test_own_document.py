"""The OpenAPI document: what it says of every call, how it is served, and schemathesis, which finds the server true."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from dashboard.bfl.endpoints import ENDPOINTS
from tests.running import RunningUp, own_services, running

ROOT = Path(__file__).resolve().parents[2]
CONFIG = Path(__file__).with_name("schemathesis.toml")
# Far above what it needs on an idle machine.
SECONDS = 240
# schemathesis asks as fast as it can, and for images that are made by one worker.
UNBOUNDED = {"REQUESTS_PER_SECOND": "1000000", "MAX_ACTIVE_TASKS": "1000000", "OPENAI_WAIT_SECONDS": "0.2"}
TOP_UP = """
import django; django.setup()
from dashboard.billing.services import top_up
from dashboard.organizations.models import Organization
top_up(Organization.objects.get(org_id={org_id!r}), 10**12, note="schemathesis")
"""
# Who polls is not asked for a key.
OPEN = {"/v1/get_result"}


def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Client().get("/v1/openapi.json").content)
    return found


def calls() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document()["paths"].items():
        for method, call in methods.items():
            yield path, method, call


def test_it_is_served_to_everybody_without_cookies() -> None:
    response = Client().get("/v1/openapi.json")
    assert (response.status_code, response["content-type"]) == (200, "application/json")
    assert not response.cookies
    assert response.content == Client().get("/v1/openapi.json").content


def test_it_names_the_server_and_the_tags(settings: Any) -> None:
    found = document()
    assert found["openapi"] == "3.1.0"
    assert found["info"]["title"] == "Finetunes Dashboard"
    assert found["servers"][0]["url"] == settings.BASE_URL
    assert [tag["name"] for tag in found["tags"]] == ["Models", "Utility", "Catalog", "Uploads", "OpenAI"]


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.name)
def test_every_endpoint_has_its_schema_and_an_example_that_passes(endpoint: Any) -> None:
    call = document()["paths"][endpoint.path]["post"]
    body = call["requestBody"]["content"]["application/json"]
    assert body["schema"]["$ref"].endswith(f"/{endpoint.inputs.__name__}")
    assert endpoint.inputs.model_validate(body["example"])
    assert call["summary"] == endpoint.summary
    assert {"200", "402", "403", "422", "429"} <= call["responses"].keys()


def test_every_call_says_what_it_is_for_and_how_it_refuses() -> None:
    ids = []
    for path, method, call in calls():
        ids.append(call["operationId"])
        assert call["summary"], path
        assert call["description"], path
        assert call["tags"], path
        assert (call.get("security") is None) == (path in OPEN), path
        assert path in OPEN or {"403", "429"} <= call["responses"].keys(), path
        names = [each["name"] for each in call["parameters"]]
        assert ("Idempotency-Key" in names) == (method == "post"), path
    assert len(ids) == len(set(ids))


def test_every_field_of_a_request_is_explained() -> None:
    schemas = document()["components"]["schemas"]
    fields = schemas["FillFinetunedInputs"]["properties"] | schemas["Flux2FlexInputs"]["properties"]
    assert [name for name, field in fields.items() if not field.get("description")] == []


def test_refusals_tell_when_to_come_back() -> None:
    responses = document()["components"]["responses"]
    assert "Retry-After" in responses["Status429"]["headers"]
    assert responses["Status422"]["content"]["application/json"]["schema"]["$ref"].endswith("HTTPValidationError")


# --- The server against its document ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def unbounded_up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningUp]:
    folder = tmp_path_factory.mktemp("schemathesis") / "data"
    with own_services() as variables, running(folder, variables=variables | UNBOUNDED) as up:
        org_id = up.demo["organizations"][0]["org_id"]
        environment = {
            **os.environ,
            **variables,
            "DATA_DIR": str(folder),
            "DJANGO_SETTINGS_MODULE": "dashboard.settings",
        }
        script = TOP_UP.format(org_id=org_id)
        subprocess.run([sys.executable, "-c", script], env=environment, cwd=ROOT, check=True, timeout=60)
        yield up


@pytest.mark.pipeline
def test_schemathesis_finds_nothing(unbounded_up: RunningUp, tmp_path: Path) -> None:
    """Every call, the ones that delete included, with a key that may everything and credits enough."""
    key = unbounded_up.demo["organizations"][0]["api_key"]
    command = [str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(CONFIG), "run"]
    ran = subprocess.run(
        [*command, f"{unbounded_up.base_url}/v1/openapi.json", "-H", f"x-key: {key}", "--no-color"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,  # it leaves a folder
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert ran.returncode == 0, ran.stdout[-8000:] + ran.stderr[-2000:]
    assert "No issues found" in ran.stdout
    assert "Traceback" not in unbounded_up.errors
