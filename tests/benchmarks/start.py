"""How long `manage.py up` takes to be ready: `python -m tests.benchmarks.start [STARTS]`, first and second starts."""

import os
import sys
import tempfile
from pathlib import Path
from statistics import median

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")
import django  # noqa: E402  Django must find its settings first

django.setup()

from tests.running import own_services, running  # noqa: E402

STARTS = 3


def measure(starts: int) -> dict[str, list[float]]:
    """Seconds from the command to the end of its banner: in an empty folder, and again in the same one."""
    seconds: dict[str, list[float]] = {"first": [], "second": []}
    for _ in range(starts):
        with tempfile.TemporaryDirectory() as folder, own_services() as variables:
            for kind in seconds:
                with running(Path(folder) / "data", variables=variables) as up:
                    seconds[kind].append(up.ready_seconds)
                    up.stop()
    return seconds


def main() -> None:
    starts = int(sys.argv[1]) if len(sys.argv) > 1 else STARTS
    for kind, seconds in measure(starts).items():
        listed = ", ".join(f"{one:.2f}" for one in seconds)
        print(f"{kind} start: median {median(seconds):.2f} s of {listed}")


if __name__ == "__main__":
    main()
