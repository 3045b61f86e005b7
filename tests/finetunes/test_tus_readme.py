"""The README's example of an upload, run as it is printed against a running server."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.finetunes.uploading import lora
from tests.running import RunningUp

README = Path(__file__).resolve().parents[2] / "README.md"
SECONDS = 30


def example() -> str:
    found = re.search(r"### Upload from a program\n.*?```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert found is not None
    return found[1]


def test_the_example_of_an_upload_ends_in_a_finetune_as_printed(running_up: RunningUp, tmp_path: Path) -> None:
    (tmp_path / "linocut.safetensors").write_bytes(lora())
    settings = {"BFL_API_KEY": running_up.demo["organizations"][0]["api_key"], "BFL_API": running_up.base_url}
    done = subprocess.run(
        [sys.executable, "-c", example()],
        env={**os.environ, **settings},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "linocut\n"), done.stderr
