"""`manage.py up` as a person meets it: started, read, used, stopped and killed."""

import os
import shutil
import signal
import socket
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from dashboard.bfl.endpoints import BASE_MODEL_LABELS, endpoint_for
from dashboard.demo import FILE_NAME
from dashboard.organizations.roles import Role
from dashboard.running.banner import STOP
from tests.running import RunningUp, free_ports, own_services, running

STOP_SECONDS = 5
# With a broker that outlives the process, a claim of the killed one is taken up when its minute is over.
GENERATION_SECONDS = 90
TCP_TABLE = Path("/proc/net/tcp")
KEEPALIVE_TIMER = "02:"
PRICE = 1.4  # of the first demo finetune's endpoint, for one megapixel

pytestmark = pytest.mark.pipeline


@pytest.fixture(scope="module")
def running_up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningUp]:
    """One that no other test has used, on a fresh data folder."""
    with own_services() as variables, running(tmp_path_factory.mktemp("up") / "data", variables=variables) as up:
        yield up


@pytest.fixture
def services() -> Iterator[dict[str, str]]:
    with own_services() as variables:
        yield variables


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with its database and demo, whose making takes as long as all else of a start."""
    folder = tmp_path_factory.mktemp("stopped") / "data"
    with own_services() as variables, running(folder, variables=variables) as up:
        up.stop()
    return folder


@pytest.fixture
def folder(stopped: Path, tmp_path: Path) -> Path:
    """A copy, for a test that is about the end of a server and not about its first start."""
    return shutil.copytree(stopped, tmp_path / "data")


# --- What a start gives ------------------------------------------------------------------------------------


def test_banner_tells_addresses_accounts_keys_and_folder_once(running_up: RunningUp) -> None:
    demo, output = running_up.demo, running_up.output
    people = [text for user in demo["users"] for text in (user["email"], user["password"])]
    keys = [each["api_key"] for each in demo["organizations"]]
    operator = [demo["operator"]["email"], demo["operator"]["password"]]
    places = [running_up.base_url, running_up.sandbox_url, str(running_up.data_dir)]
    assert [text for text in [*people, *keys, *operator, *places] if text not in output] == []
    assert output.count(STOP) == 1


def test_nothing_else_is_printed(running_up: RunningUp) -> None:
    requests.get(running_up.base_url, timeout=10)
    assert running_up.errors == ""
    assert running_up.output.strip().endswith(STOP)


def test_demo_file_has_its_documented_shape(running_up: RunningUp) -> None:
    demo: Any = running_up.demo
    assert set(demo) == {"base_url", "sandbox_url", "users", "organizations", "finetunes", "operator"}
    assert {tuple(user) for user in demo["users"]} == {("email", "password", "org_id", "role")}
    assert {tuple(each) for each in demo["organizations"]} == {("org_id", "name", "api_key", "credits")}
    assert {frozenset(each) for each in demo["finetunes"]} == {
        frozenset({"finetune_id", "owner_org_id", "base_model", "precision", "endpoint", "granted_to"})
    }
    assert (demo["base_url"], demo["sandbox_url"]) == (running_up.base_url, running_up.sandbox_url)


def test_demo_file_says_what_the_demo_must_have(running_up: RunningUp) -> None:
    demo = running_up.demo
    owner, recipient, penniless = (each["org_id"] for each in demo["organizations"])
    roles = [(user["org_id"], user["role"]) for user in demo["users"]]
    assert {(each, Role.ADMINISTRATOR.value) for each in (owner, recipient, penniless)} <= set(roles)
    assert {Role.VIEWER.value, Role.CREATOR.value} <= {role for _, role in roles}
    assert [each["credits"] == 0 for each in demo["organizations"]] == [False, False, True]
    served = {(each["base_model"], each["precision"]) for each in demo["finetunes"]}
    assert {("flux-2-klein-4b", "fp8"), ("flux-2-klein-9b-kv", "bf16")} <= served <= _pairs()
    assert [each["granted_to"] for each in demo["finetunes"] if each["granted_to"]] == [[recipient]]
    assert all(
        each["endpoint"] == endpoint_for(each["base_model"], each["precision"]).name for each in demo["finetunes"]
    )


def _pairs() -> set[tuple[str, str]]:
    return {(model.value, precision) for model in BASE_MODEL_LABELS for precision in ("fp8", "bf16")}


def test_secrets_are_readable_by_this_user_alone(running_up: RunningUp) -> None:
    files = [running_up.data_dir / name for name in (FILE_NAME, "secret_key")]
    assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600, 0o600]


def test_every_demo_account_and_the_operator_can_log_in(running_up: RunningUp) -> None:
    demo = running_up.demo
    accounts = [(each["email"], each["password"]) for each in (*demo["users"], demo["operator"])]
    assert [email for email, password in accounts if not _can_log_in(running_up, email, password)] == []
    assert not _can_log_in(running_up, demo["users"][0]["email"], "not-the-password")


def test_every_api_key_shows_the_credits_of_its_organization(running_up: RunningUp) -> None:
    for organization in running_up.demo["organizations"]:
        assert _credits(running_up, organization["api_key"]) == organization["credits"]


def test_a_generation_comes_back_from_the_sandbox(running_up: RunningUp) -> None:
    polling_url = _submit(running_up, "a lighthouse")
    assert polling_url.startswith(running_up.base_url)
    assert requests.get(_result(running_up, polling_url)["result"]["sample"], timeout=10).ok


# --- The second start ----------------------------------------------------------------------------------------


@pytest.mark.skipif(not TCP_TABLE.exists(), reason="Only Linux tells whether a connection is watched.")
def test_the_kernel_watches_for_clients_that_vanish(running_up: RunningUp) -> None:
    with socket.create_connection(("127.0.0.1", running_up.port)) as connection:
        connection.sendall(b"PATCH /v1/uploads/ HTTP/1.1\r\n")  # and never the rest
        ends = [f":{running_up.port:04X}", f":{connection.getsockname()[1]:04X}"]
        assert _soon(lambda: _timer_between(ends).startswith(KEEPALIVE_TIMER))


def _timer_between(ends: list[str]) -> str:
    """The kernel's timer of the connection from the one port to the other."""
    rows = [line.split() for line in TCP_TABLE.read_text().splitlines()]
    return next((row[5] for row in rows if [row[1][-5:], row[2][-5:]] == ends), "")


def test_second_start_keeps_all_data_and_tells_todays_address(tmp_path: Path, services: dict[str, str]) -> None:
    folder = tmp_path / "data"
    with running(folder, variables=services) as first:
        before, output = first.demo, first.output
        first.stop()
    with running(folder, variables=services) as second:
        after = second.demo
        assert after == {**before, "base_url": second.base_url, "sandbox_url": second.sandbox_url}
        assert _can_log_in(second, after["users"][0]["email"], after["users"][0]["password"])
        assert before["users"][0]["password"] in output
        assert before["users"][0]["password"] in second.output


def test_no_demo_leaves_the_database_empty(tmp_path: Path, services: dict[str, str]) -> None:
    with running(tmp_path / "data", options=["--no-demo"], variables=services) as up:
        assert not (up.data_dir / FILE_NAME).exists()
        assert up.base_url in up.output
        assert "Demo" not in up.output


def test_another_upstream_takes_the_place_of_the_sandbox(tmp_path: Path, services: dict[str, str]) -> None:
    upstream = {"BFL_API_URL": "http://127.0.0.1:1", "BFL_API_KEY": "key"}
    with running(tmp_path / "data", variables={**services, **upstream}) as up:
        assert upstream["BFL_API_URL"] in up.output
        assert up.demo["sandbox_url"] is None
        assert _is_free(up.sandbox_port)


# --- The end -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_everything_within_five_seconds(
    folder: Path, services: dict[str, str], number: signal.Signals
) -> None:
    with running(folder, variables=services) as up:
        _submit(up, "a slow boat [slow 20]")
        with socket.create_connection(("127.0.0.1", up.port)) as upload:
            upload.sendall(b"POST /account/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\nhalf")
            begin = time.monotonic()
            assert up.stop(number) == 0
            assert time.monotonic() - begin < STOP_SECONDS
        assert up.is_gone()
        assert "Traceback" not in up.errors


def test_ctrl_c_in_a_terminal_reaches_both_processes_and_ends_them_calmly(
    folder: Path, services: dict[str, str]
) -> None:
    with running(folder, variables=services) as up:
        _signal_group(up, signal.SIGINT)
        assert up.process.wait(STOP_SECONDS) == 0
        assert up.is_gone()
        assert up.errors == ""


def test_a_killed_command_leaves_no_process_and_frees_its_ports(folder: Path, services: dict[str, str]) -> None:
    with running(folder, variables=services) as up:
        up.stop(signal.SIGKILL)
        assert _soon(up.is_gone)
        assert _is_free(up.port)
        assert _is_free(up.sandbox_port)


def test_killed_in_the_middle_of_a_generation_it_ends_ready_and_is_billed_once(
    folder: Path, services: dict[str, str]
) -> None:
    ports = free_ports()
    with running(folder, ports=ports, variables=services) as first:
        polling_url = _submit(first, "a ferry [slow 3]")
        time.sleep(1)  # it is with the sandbox by now
        first.stop(signal.SIGKILL)
        assert _soon(first.is_gone)
    with running(folder, ports=ports, variables=services) as second:
        assert _result(second, polling_url)["status"] == "Ready"
        owner = second.demo["organizations"][0]
        assert _credits(second, owner["api_key"]) == owner["credits"] - PRICE


# --- Helpers -------------------------------------------------------------------------------------------------


def _can_log_in(up: RunningUp, email: str, password: str) -> bool:
    with requests.Session() as session:
        page = f"{up.base_url}/account/login/"
        session.get(page, timeout=10)
        form = {"login": email, "password": password, "csrfmiddlewaretoken": session.cookies["csrftoken"]}
        session.post(page, data=form, timeout=10, allow_redirects=False)
        return "sessionid" in session.cookies


def _submit(up: RunningUp, prompt: str) -> str:
    finetune, owner = up.demo["finetunes"][0], up.demo["organizations"][0]
    response = requests.post(
        f"{up.base_url}/v1/{finetune['endpoint']}",
        json={"prompt": prompt, "finetune_id": finetune["finetune_id"], "width": 256, "height": 256},
        headers={"x-key": owner["api_key"]},
        timeout=10,
    )
    assert response.status_code == 200, response.text
    return str(response.json()["polling_url"])


def _result(up: RunningUp, polling_url: str) -> dict[str, Any]:
    headers = {"x-key": up.demo["organizations"][0]["api_key"]}
    begin = time.monotonic()
    while time.monotonic() - begin < GENERATION_SECONDS:
        body: dict[str, Any] = requests.get(polling_url, headers=headers, timeout=10).json()
        if body["status"] != "Pending":
            return body
        time.sleep(0.1)
    pytest.fail(f"still pending after {GENERATION_SECONDS} s\n{up.errors}")


def _credits(up: RunningUp, api_key: str) -> float:
    response = requests.get(f"{up.base_url}/v1/credits", headers={"x-key": api_key}, timeout=10)
    return float(response.json()["credits"])


def _signal_group(up: RunningUp, number: signal.Signals) -> None:
    os.killpg(up.process.pid, number)


def _is_free(port: int) -> bool:
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) != 0


def _soon(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + STOP_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
