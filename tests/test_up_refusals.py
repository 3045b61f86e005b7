"""What `manage.py up` refuses to start with: one line on stderr that names the cause, and exit code 2."""

import socket
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from dashboard.running.preflight import StartError, check_assets
from tests.running import RunningUp, free_ports, own_services, refused, running

pytestmark = pytest.mark.pipeline


@pytest.mark.parametrize(("option", "variable"), [("--port", "PORT"), ("--sandbox-port", "SANDBOX_PORT")])
def test_a_taken_port_is_named_with_what_changes_it(tmp_path: Path, option: str, variable: str) -> None:
    (free, _) = free_ports()
    other = "--sandbox-port" if option == "--port" else "--port"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        taken = listener.getsockname()[1]
        found = refused(option, str(taken), other, str(free), data_dir=tmp_path / "data")
    _assert_one_line(found, f"Port {taken} is taken", option, variable)


def test_a_running_up_takes_its_port(running_up: RunningUp, tmp_path: Path) -> None:
    found = refused("--port", str(running_up.port), data_dir=tmp_path / "data")
    _assert_one_line(found, f"Port {running_up.port} is taken")


def test_server_and_sandbox_cannot_share_a_port(tmp_path: Path) -> None:
    port = str(free_ports()[0])
    found = refused("--port", port, "--sandbox-port", port, data_dir=tmp_path / "data")
    _assert_one_line(found, port, "--sandbox-port")


def test_a_data_folder_in_use_is_refused(running_up: RunningUp) -> None:
    """Its own output files are those of the running one, so it gets a link to the folder."""
    link = running_up.data_dir.with_name("link")
    link.symlink_to(running_up.data_dir)
    _assert_one_line(refused(data_dir=link), "Another `manage.py up`", str(running_up.data_dir))


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A file stands in the folder's place, which stops root too."""
    (tmp_path / "data").write_text("")
    _assert_one_line(refused(data_dir=tmp_path / "data"), str(tmp_path / "data"), "--data-dir")


def test_a_damaged_demo_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "demo.json").write_text('{"base_url": ')
    port, sandbox_port = free_ports()
    options = ("--port", str(port), "--sandbox-port", str(sandbox_port))
    _assert_one_line(refused(*options, data_dir=tmp_path / "data"), "demo.json is damaged")


def test_limits_below_the_demos_files_are_told_and_lifting_them_finishes_it(tmp_path: Path) -> None:
    port, sandbox_port = free_ports()
    options = ("--port", str(port), "--sandbox-port", str(sandbox_port))
    with own_services() as services:
        limited = services | {"MAX_CHECKPOINT_BYTES": "1000"}
        found = refused(*options, data_dir=tmp_path / "data", variables=limited)
        _assert_one_line(found, "Cannot add the demo's finetunes. This file has", "a checkpoint may have 1000\xa0bytes")
        with running(tmp_path / "data", ports=(port, sandbox_port), variables=services) as up:
            assert len(up.demo["finetunes"]) == 3


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PORT", "99999"),
        ("LOG_LEVEL", "loud"),
        ("BASE_URL", "nowhere"),
        ("DATABASE_URL", "nonsense"),
        ("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none"),
        ("REDIS_URL", "nonsense"),
        ("REDIS_URL", "redis://127.0.0.1:1/0"),
        ("HOST", "no such host"),
    ],
)
def test_a_bad_setting_is_named(tmp_path: Path, variable: str, value: str) -> None:
    ports = [str(port) for port in free_ports()]
    variables = {"PORT": ports[0], "SANDBOX_PORT": ports[1], variable: value}
    _assert_one_line(refused(data_dir=tmp_path / "data", variables=variables), variable)


def test_missing_assets_are_named_with_the_command_that_installs_them(settings: Settings, tmp_path: Path) -> None:
    settings.ROOT = tmp_path
    with pytest.raises(StartError, match=r"tabler.min.css .*uv sync --reinstall-package finetunes-dashboard"):
        check_assets()


def test_help_names_every_option(tmp_path: Path) -> None:
    code, output, _ = refused("--help", data_dir=tmp_path / "data")
    assert code == 0
    options = ("--host", "--port", "--data-dir", "--sandbox-port", "--no-demo")
    assert [option for option in options if option not in output] == []


def _assert_one_line(found: tuple[int, str, str], *texts: str) -> None:
    code, output, errors = found
    assert (code, output, len(errors.splitlines())) == (2, "", 1), errors
    assert [text for text in texts if text not in errors] == []
