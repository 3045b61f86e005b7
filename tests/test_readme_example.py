"""The README's curl example, run as it is printed against a running server."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.running import RunningUp

README = Path(__file__).resolve().parent.parent / "README.md"
EXPORTS = re.compile(r"^export .*\n", re.MULTILINE)
SECONDS = 30
MISSING = shutil.which("curl") is None and os.environ.get("CI") != "true"

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


def test_curl_example_ends_ready_as_printed(running_up: RunningUp) -> None:
    settings = {"BFL_API_KEY": running_up.demo["organizations"][0]["api_key"], "BFL_API": running_up.base_url}
    done = subprocess.run(
        ["bash", "-eu", "-c", example()],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert '"status":"Ready"' in done.stdout
    assert f'"sample":"{running_up.base_url}/samples/' in done.stdout
