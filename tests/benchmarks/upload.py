"""Prints how `up` takes a large upload: `uv run python -m tests.benchmarks.upload [GIB] [CHUNK_MIB]`.

Speed stands beside `cp` and `sha256sum` of the same file in the same run, memory beside that of the idle server.
"""

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")

import django  # noqa: E402  Django must find its settings first

django.setup()

from tusclient.client import TusClient  # noqa: E402

from finetunes.checkpoints.writer import write_lora  # noqa: E402
from tests.running import RunningUp, running  # noqa: E402

MB = 10**6
BASE_MODEL = "flux-2-klein-4b"
SAMPLE_SECONDS = 0.02
LIMIT_MB = 64


def main(gib: float, chunk_mib: int) -> None:
    with tempfile.TemporaryDirectory() as folder, running(Path(folder) / "data") as up:
        path = Path(folder) / "large.safetensors"
        size = write_checkpoint(path, gib)
        idle = memory(up)
        with sampled(up) as peaks:
            seconds = timed(lambda: upload(up, path, chunk_mib * 2**20))
        over = (max(peaks) - idle) / MB
        print(f"{size / 2**30:.2f} GiB in chunks of {chunk_mib} MiB, published; {os.cpu_count()} cores")
        print(describe("upload over /v1", size, seconds))
        copied = timed(lambda: run("cp", str(path), f"{path}.copy"))
        hashed = timed(lambda: run("sha256sum", str(path)))
        print(describe("cp", size, copied))
        print(describe("sha256sum", size, hashed))
        print(describe("cp, then sha256sum", size, copied + hashed))
        print(f"memory: idle {idle / MB:.0f} MB, at most {over:.0f} MB over it (limit {LIMIT_MB})")
    if over > LIMIT_MB:
        sys.exit(f"more than {LIMIT_MB} MB over idle")


def write_checkpoint(path: Path, gib: float) -> int:
    """A LoRA over every linear layer, of the rank that makes it this large."""
    with tempfile.TemporaryFile() as sample:
        write_lora(sample, BASE_MODEL, seed="sample", rank=1)
        rank = max(1, round(gib * 2**30 / sample.tell()))
    with path.open("wb") as file:
        write_lora(file, BASE_MODEL, seed="large", rank=rank)
    return path.stat().st_size


def upload(up: RunningUp, path: Path, chunk_size: int) -> None:
    client = TusClient(f"{up.base_url}/v1/uploads", headers={"x-key": up.demo["organizations"][0]["api_key"]})
    metadata = {"filename": path.name, "name": "large", "base_model": BASE_MODEL}
    uploader = client.uploader(str(path), chunk_size=chunk_size, metadata=metadata)
    uploader.upload()
    assert vars(uploader.request)["response_headers"]["x-finetune-id"] == "large"


def run(*command: str) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def timed(act: Callable[[], object]) -> float:
    began = time.monotonic()
    act()
    return time.monotonic() - began


@contextmanager
def sampled(up: RunningUp) -> Iterator[list[int]]:
    """The memory of the server's processes, again and again while the block runs."""
    samples, done = [memory(up)], threading.Event()

    def sample() -> None:
        while not done.wait(SAMPLE_SECONDS):
            samples.append(memory(up))

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield samples
    finally:
        done.set()
        thread.join()


def memory(up: RunningUp) -> int:
    """Resident bytes of the command and of all that it started."""
    return sum(resident(pid) for pid in tree(up.process.pid))


def tree(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(each for child in children for each in tree(int(child)))]


def resident(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS")), 0)


def describe(what: str, size: int, seconds: float) -> str:
    return f"{what:<20} {seconds:6.2f} s  {size / MB / seconds:7.0f} MB/s"


if __name__ == "__main__":
    arguments = [float(argument) for argument in sys.argv[1:]]
    main(arguments[0] if arguments else 2, int(arguments[1]) if len(arguments) > 1 else 8)
