"""Staged files: their size is the offset, two writers never mix, and the digest is that of the file however it came."""

import hashlib
import io
import os
import random
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from uuid import UUID, uuid4

import pytest
from pytest_django.fixtures import Settings

from finetunes.checkpoints.digests import CheckpointDigest
from finetunes.checkpoints.errors import CheckpointError
from finetunes.checkpoints.header import read_header
from finetunes.uploads import running_digests, staging
from finetunes.uploads.errors import DiskFullError, OffsetConflictError, UploadGoneError
from tests.checkpoints import lora_shapes, make_file
from tests.finetunes.uploading import lora

WRITERS = 8


@pytest.fixture
def upload_id() -> Iterator[UUID]:
    upload_id = uuid4()
    staging.create(upload_id)
    yield upload_id
    staging.discard(upload_id)


def digest_by_hand(content: bytes) -> CheckpointDigest:
    digest = CheckpointDigest(read_header(io.BytesIO(content), len(content)))
    digest.update(content)
    return digest


def send(upload_id: UUID, content: bytes, *, offset: int = 0, piece: int = 100_000, watch: bool = True) -> int:
    """Appends in pieces, as the service does."""
    for start in range(offset, len(content), piece):
        offset = staging.append(upload_id, start, content[start : start + piece])
        if watch and start == 0:
            staging.watch(upload_id, staging.header_of(upload_id, len(content)))
    return offset


def test_the_size_of_the_file_is_the_offset_and_only_this_user_may_read_it(upload_id: UUID) -> None:
    assert staging.size_of(upload_id) == 0
    assert staging.append(upload_id, 0, b"abc") == 3
    assert staging.append(upload_id, 3, b"de") == 5
    assert staging.size_of(upload_id) == 5
    assert staging.path_for(upload_id).read_bytes() == b"abcde"
    assert stat.S_IMODE(staging.path_for(upload_id).stat().st_mode) == 0o600


def test_a_piece_for_another_offset_is_refused_and_changes_nothing(upload_id: UUID) -> None:
    staging.append(upload_id, 0, b"abc")
    for offset in (0, 2, 4):
        with pytest.raises(OffsetConflictError, match=f"starts at byte {offset}, and the upload stands at byte 3"):
            staging.append(upload_id, offset, b"xyz")
    assert staging.path_for(upload_id).read_bytes() == b"abc"


def test_of_many_writers_at_one_offset_one_writes(upload_id: UUID) -> None:
    start = Barrier(WRITERS)

    def write(number: int) -> bool:
        start.wait(10)
        try:
            staging.append(upload_id, 0, bytes([number]) * 1_000_000)
        except OffsetConflictError:
            return False
        return True

    with ThreadPoolExecutor(WRITERS) as threads:
        outcomes = list(threads.map(write, range(WRITERS)))
    assert outcomes.count(True) == 1
    assert set(staging.path_for(upload_id).read_bytes()) == {outcomes.index(True)}
    assert staging.size_of(upload_id) == 1_000_000


def test_a_writer_waits_while_another_has_the_file(upload_id: UUID) -> None:
    with ThreadPoolExecutor(1) as threads:
        with staging.locked(upload_id) as file:
            waiting = threads.submit(staging.append, upload_id, 3, b"de")
            with pytest.raises(TimeoutError):
                waiting.result(0.3)
            file.write(b"abc")
        assert waiting.result(10) == 5
    assert staging.path_for(upload_id).read_bytes() == b"abcde"


@pytest.mark.parametrize(
    "act", [staging.size_of, lambda id: staging.append(id, 0, b"x"), lambda id: staging.header_of(id, 9)]
)
def test_an_upload_that_is_gone_says_so(upload_id: UUID, act: Callable[[UUID], object]) -> None:
    staging.discard(upload_id)
    with pytest.raises(UploadGoneError):
        act(upload_id)
    staging.discard(upload_id)


def test_a_writer_that_waited_for_the_lock_sees_that_the_file_went(upload_id: UUID) -> None:
    with ThreadPoolExecutor(1) as threads:
        with staging.locked(upload_id):
            waiting = threads.submit(staging.append, upload_id, 0, b"x")
            while not waiting.running():
                pass
            staging.discard(upload_id)
        with pytest.raises(UploadGoneError):
            waiting.result(10)
    assert not staging.path_for(upload_id).exists()


@pytest.mark.parametrize("piece", [1_000_003, 65_536, 4_000_000])
def test_the_digest_follows_the_pieces(upload_id: UUID, piece: int) -> None:
    content, expected = lora(), digest_by_hand(lora())
    send(upload_id, content, piece=piece)
    kept = running_digests.take(upload_id)
    assert kept is not None
    assert kept.position == len(content)
    running_digests.keep(upload_id, kept, staging.header_of(upload_id, len(content)))
    found = staging.digest_of(upload_id, len(content))
    assert (found.sha256(), found.weights_sha256()) == (expected.sha256(), expected.weights_sha256())


def test_the_digest_is_right_in_a_process_that_saw_nothing_or_only_the_start(upload_id: UUID) -> None:
    content, expected = lora(), digest_by_hand(lora())
    send(upload_id, content[:1_500_000], watch=False)
    staging.watch(upload_id, staging.header_of(upload_id, len(content)))
    with staging.path_for(upload_id).open("ab") as other_process:
        other_process.write(content[1_500_000:2_000_000])
    send(upload_id, content, offset=2_000_000, watch=False)
    assert staging.digest_of(upload_id, len(content)).sha256() == expected.sha256()
    running_digests.forget(upload_id)
    found = staging.digest_of(upload_id, len(content))
    assert (found.sha256(), found.weights_sha256()) == (expected.sha256(), expected.weights_sha256())


def test_only_so_many_digests_are_kept_and_none_of_a_giant_header(monkeypatch: pytest.MonkeyPatch) -> None:
    content = lora()
    header = read_header(io.BytesIO(content), len(content))
    ids = [uuid4() for _ in range(running_digests.MAX_DIGESTS + 1)]
    for each in ids:
        running_digests.keep(each, CheckpointDigest(header), header)
    assert running_digests.take(ids[0]) is None
    assert all(running_digests.take(each) for each in ids[1:])
    monkeypatch.setattr(running_digests, "MAX_TENSORS", len(header.tensors) - 1)
    running_digests.keep(ids[0], CheckpointDigest(header), header)
    assert running_digests.take(ids[0]) is None


def test_a_verified_piece_is_appended_whole(upload_id: UUID) -> None:
    content = lora()
    with staging.unnamed_file() as file:
        staging.write(file, content[:2_000_000])
        assert staging.append_file(upload_id, 0, file) == 2_000_000
        with pytest.raises(OffsetConflictError):
            staging.append_file(upload_id, 0, file)
    assert list(Path(staging.path_for(upload_id)).parent.iterdir()) == [staging.path_for(upload_id)]
    send(upload_id, content, offset=2_000_000, watch=False)
    assert staging.digest_of(upload_id, len(content)).sha256() == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    ("content", "length", "answer"),
    [
        (b"", 100, False),
        (b"\x10\0\0\0\0\0\0\0", 100, False),
        (b"\x10\0\0\0\0\0\0\0{", 100, False),
        (b"\x10\0\0\0\0\0\0\0{" + b" " * 15, 100, True),
        (b"\x10\0\0\0\0\0\0\0x", 100, True),  # can't open a header
        (b"\x60\0\0\0\0\0\0\0{", 100, True),  # longer than the file
        (b"PK\x03\x04\0\0\0\0\0", 100, True),
        (b"short", 5, True),
        (b"short", 6, False),
    ],
)
def test_a_header_is_looked_at_once_it_is_whole_or_hopeless(
    upload_id: UUID, content: bytes, length: int, answer: bool
) -> None:
    staging.append(upload_id, 0, content)
    assert staging.holds_header(upload_id, length) is answer
    if answer:
        with pytest.raises(CheckpointError):
            staging.header_of(upload_id, length)


def test_a_header_is_read_as_of_the_announced_length(upload_id: UUID) -> None:
    content = lora()
    staging.append(upload_id, 0, content[:200_000])
    assert len(staging.header_of(upload_id, len(content)).tensors) > 100
    with pytest.raises(CheckpointError, match="ends 7 bytes early"):
        staging.header_of(upload_id, len(content) - 7)


def test_private_metadata_go_and_the_weights_stay(upload_id: UUID) -> None:
    shapes = lora_shapes("flux2-klein-4b", targets="attention only", rank=1)
    content = make_file(shapes, {"ss_output_name": "secret", "format": "pt"})
    send(upload_id, content)
    before = staging.digest_of(upload_id, len(content))
    staging.strip_private(upload_id)
    after = staging.digest_of(upload_id, len(content))
    assert staging.size_of(upload_id) == len(content)
    assert b"secret" not in staging.path_for(upload_id).read_bytes()
    assert staging.header_of(upload_id, len(content)).metadata == {"format": "pt"}
    assert after.weights_sha256() == before.weights_sha256()
    assert after.sha256() == hashlib.sha256(staging.path_for(upload_id).read_bytes()).hexdigest() != before.sha256()


def test_tensors_are_read_where_the_header_places_them(upload_id: UUID) -> None:
    content = lora()
    send(upload_id, content)
    header = staging.header_of(upload_id, len(content))
    tensor = random.choice(header.tensors)
    read = staging.read_tensor(upload_id, header)
    assert read(tensor) == content[header.data_start + tensor.begin : header.data_start + tensor.end]


def test_a_whole_file_is_taken_over_without_a_copy(tmp_path: Path) -> None:
    path, upload_id = tmp_path / "form", uuid4()
    path.write_bytes(b"whole")
    staging.adopt(upload_id, path)
    assert staging.path_for(upload_id).stat().st_ino == path.stat().st_ino
    path.unlink()
    assert staging.path_for(upload_id).read_bytes() == b"whole"


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="needs a second file system")
def test_a_whole_file_on_another_disk_is_copied() -> None:
    path, upload_id = Path("/dev/shm") / f"form-{uuid4()}", uuid4()
    path.write_bytes(b"whole")
    try:
        if path.stat().st_dev == staging.path_for(upload_id).parent.parent.stat().st_dev:
            pytest.skip("the tests' folder lies on it too")
        staging.adopt(upload_id, path)
    finally:
        path.unlink()
    assert staging.path_for(upload_id).read_bytes() == b"whole"


# --- A disk without room -------------------------------------------------------------------------------------

FULL = """
import os, resource, sys, uuid
import django
django.setup()
from pathlib import Path
from django.conf import settings
from finetunes.uploads import staging
from finetunes.uploads.errors import DiskFullError
settings.UPLOADS_DIR = Path(sys.argv[1])
staging.RESERVE_BYTES = 0
upload_id = uuid.uuid4()
staging.create(upload_id)
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
offset = staging.append(upload_id, 0, bytes(900_000))
try:
    with staging.unnamed_file() as file:
        staging.write(file, bytes(200_000))
        staging.append_file(upload_id, offset, file)
    print("written")
except DiskFullError:
    print("all or nothing", staging.size_of(upload_id))
try:
    staging.append(upload_id, offset, b"x" * 200_000)
    print("written")
except DiskFullError as error:
    print(error.status, staging.size_of(upload_id))
print(staging.path_for(upload_id).read_bytes() == bytes(900_000) + b"x" * 100_000)
"""


def test_a_write_that_the_system_refuses_keeps_what_fitted(tmp_path: Path) -> None:
    """In a process of its own, whose files the system lets grow to 1 MB: a real refusal in the middle of a write."""
    run = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "dashboard.settings"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert run.stdout.splitlines() == ["all or nothing 900000", "507 1000000", "True"]


@pytest.fixture
def small_disk(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file system of 4 MiB for the uploads; mounting one takes root."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode:
        pytest.skip("no right to mount a file system")
    settings.UPLOADS_DIR = folder
    monkeypatch.setattr(staging, "RESERVE_BYTES", 0)
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_said_and_the_upload_goes_on_when_there_is_room(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload_id, other = uuid4(), small_disk / "other"
    monkeypatch.setattr(staging, "_check_room", lambda size: None)  # it is the write itself that fails here
    staging.create(upload_id)
    other.write_bytes(bytes(2 * 2**20))
    offset = staging.append(upload_id, 0, bytes(2**20))
    with pytest.raises(DiskFullError, match="What has arrived is kept"):
        staging.append(upload_id, offset, bytes(2 * 2**20))
    offset = staging.size_of(upload_id)
    assert 2**20 < offset <= 2 * 2**20
    other.unlink()
    assert staging.append(upload_id, offset, bytes(2**20)) == offset + 2**20


def test_pieces_leave_the_reserve_free(upload_id: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    staging.append(upload_id, 0, b"abc")
    monkeypatch.setattr(staging, "RESERVE_BYTES", staging.free_bytes() + staging.RESERVE_BYTES + 2**30)
    with pytest.raises(DiskFullError):
        staging.append(upload_id, 3, b"d")
    with staging.unnamed_file() as file, pytest.raises(DiskFullError):
        staging.write(file, b"d")
    assert staging.size_of(upload_id) == 3
