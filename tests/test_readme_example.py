"""The README's curl examples, run as they are printed against a running server."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.factories import lora_bytes
from tests.finetunes.uploading import lora
from tests.running import RunningUp

README = Path(__file__).resolve().parent.parent / "README.md"
EXPORTS = re.compile(r"^export .*\n", re.MULTILINE)
SECONDS = 30
CURL = shutil.which("curl")
MISSING = CURL is None and os.environ.get("CI") != "true"
# Stands before curl, writes down what is asked of it, and breaks the first piece of an upload off.
BREAKING = """#!/bin/bash
echo "$*" >> calls
if [[ "$*" == *PATCH*/v1/uploads/* && $(grep -c "PATCH .*/v1/uploads/" calls) == 1 ]]; then
  exec {curl} --limit-rate 400k --max-time 1 "$@"
fi
exec {curl} "$@"
"""

pytestmark = [
    pytest.mark.pipeline,
    pytest.mark.skipif(MISSING, reason="No curl: install it (apt-get install curl)."),
]


def example() -> str:
    """The block below "Call it", without the two lines in which a reader sets key and address."""
    found = re.search(r"## Call it\n\n```sh\n(.*?)```", README.read_text(), re.DOTALL)
    assert found is not None
    script, exports = EXPORTS.subn("", found[1])
    assert exports == 2
    return script


def publishing() -> list[str]:
    """The blocks below "Publish from a training script"."""
    section = re.search(r"### Publish from a training script\n(.*?)\n## ", README.read_text(), re.DOTALL)
    assert section is not None
    return re.findall(r"```sh\n(.*?)```", section[1], re.DOTALL)


def run(script: str, folder: Path | None = None, **settings: str) -> str:
    done = subprocess.run(
        ["bash", "-eu", "-c", script],
        env={**os.environ, **settings},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def put_breaking_curl(folder: Path) -> str:
    """PATH with it in front."""
    script = folder / "bin" / "curl"
    script.parent.mkdir()
    script.write_text(BREAKING.replace("{curl}", str(CURL)))
    script.chmod(0o755)
    return f"{script.parent}{os.pathsep}{os.environ['PATH']}"


def test_curl_example_ends_ready_as_printed(running_up: RunningUp) -> None:
    key = running_up.demo["organizations"][0]["api_key"]
    printed = run(example(), BFL_API_KEY=key, BFL_API=running_up.base_url)
    assert '"status":"Ready"' in printed
    assert f'"sample":"{running_up.base_url}/samples/' in printed


def test_a_training_script_publishes_describes_and_shares_as_printed(running_up: RunningUp, tmp_path: Path) -> None:
    owner, partner = running_up.demo["organizations"][:2]
    settings = {"BFL_API_KEY": owner["api_key"], "BFL_API": running_up.base_url, "PARTNER": partner["org_id"]}
    form, upload, rest = publishing()
    (tmp_path / "linocut.safetensors").write_bytes(lora_bytes("a training"))
    (tmp_path / "woodcut.safetensors").write_bytes(lora(seed="another training"))

    assert '"finetune_id":"linocut"' in run(form, tmp_path, **settings)
    assert '"finetune_id": "woodcut"' in run(upload, tmp_path, **settings, PATH=put_breaking_curl(tmp_path))
    pieces = re.findall(r"PATCH .* -C (\d+)", (tmp_path / "calls").read_text())
    assert len(pieces) == 2
    assert int(pieces[0]) == 0 < int(pieces[1])  # it broke, and went on behind what had come
    assert '"monthly_cap":500' in run(rest, tmp_path, **settings)

    def ask(key: str, path: str) -> Any:
        return requests.get(f"{running_up.base_url}/v1/{path}", headers={"x-key": key}, timeout=10).json()

    mine = ask(owner["api_key"], "finetunes/linocut")
    assert (mine["trigger_phrase"], mine["tags"]) == ("LNCT", ["ink", "print"])
    shared = ask(partner["api_key"], f"finetunes/{owner['org_id']}/woodcut")
    expected = {"source": "third_party", "description": "Trained on **woodcuts**.", "recommended_strength": 0.9}
    assert expected.items() <= shared.items()
