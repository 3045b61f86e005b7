"""tus over real connections to a real `up`: tuspy, broken and rival connections, refusals in the middle, kill -9."""

import fcntl
import io
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
import requests
from tusclient.client import TusClient
from tusclient.exceptions import TusCommunicationError, TusUploadFailed

from finetunes.uploads.receivers import MAX_PIECES_OF_ONE
from finetunes.uploads.staging import PIECE_BYTES
from tests.finetunes.uploading import TUS, Wire, asking, lora, lora_start, piece_headers, whole_model_start, wire
from tests.running import RunningUp, free_ports, own_services, running

CHUNK = 2**20
SENT_AT_ONCE = 2**14
LINE = 5e6 / 8  # bytes a second; so slow that a busy machine has answered before a megabyte has passed
MB = 10**6
WAIT_SECONDS = 20


def key_of(up: RunningUp, organization: int = 0) -> dict[str, str]:
    return {"x-key": up.demo["organizations"][organization]["api_key"]}


def client(up: RunningUp, organization: int = 0) -> TusClient:
    return TusClient(f"{up.base_url}/v1/uploads", headers=key_of(up, organization))


def uploader(up: RunningUp, content: bytes, name: str, *, organization: int = 0, **options: Any) -> Any:
    values = {"filename": f"{name}.safetensors", "name": name, "base_model": "flux-2-klein-4b"}
    options = {"chunk_size": CHUNK, "metadata": values} | options
    return client(up, organization).uploader(file_stream=io.BytesIO(content), **options)


def start(up: RunningUp, length: int, name: str) -> str:
    """The address of a new upload."""
    headers = asking(name) | key_of(up) | {"Upload-Length": str(length)}
    response = requests.post(f"{up.base_url}/v1/uploads", headers=headers, timeout=10)
    assert response.status_code == 201, response.text
    return up.base_url + response.headers["location"]


def send(up: RunningUp, url: str, offset: int, body: bytes, **headers: str) -> requests.Response:
    sent = piece_headers(offset, len(body)) | key_of(up) | headers
    return requests.patch(url, data=body, headers=sent, timeout=60)


def head(up: RunningUp, url: str) -> requests.Response:
    return requests.head(url, headers=TUS | key_of(up), timeout=10)


def offset(up: RunningUp, url: str) -> int:
    return int(head(up, url).headers["upload-offset"])


def wait_for(condition: Callable[[], bool]) -> None:
    begin = time.monotonic()
    while not condition():
        assert time.monotonic() - begin < WAIT_SECONDS
        time.sleep(0.02)


def path_of(url: str) -> str:
    return "/" + url.split("/", 3)[3]


def uploads_of(up: RunningUp) -> list[str]:
    return [path.name for path in (up.data_dir / "uploads").iterdir()]


@pytest.fixture(autouse=True)
def quiet_log(running_up: RunningUp) -> Iterator[None]:
    """Refusals, also for a while, and broken connections are no errors of the server."""
    yield
    assert running_up.errors == ""


def test_tuspy_uploads_in_chunks_and_the_upload_publishes_itself(running_up: RunningUp) -> None:
    one = uploader(running_up, lora(), "in-chunks")
    one.upload()
    headers = one.request.response_headers
    assert (headers["x-finetune-id"], headers["x-finetune-version"]) == ("in-chunks", "1")
    assert int(headers["upload-offset"]) == len(lora())
    body = {"finetune_id": "in-chunks", "prompt": "x", "width": 64, "height": 64}
    url = f"{running_up.base_url}/v1/flux-2-klein-4b-finetuned"
    assert requests.post(url, json=body, headers=key_of(running_up), timeout=10).status_code == 200


def test_tuspy_resumes_where_it_was_interrupted(running_up: RunningUp) -> None:
    first = uploader(running_up, lora(), "resumed")
    first.upload(stop_at=CHUNK)
    second = uploader(running_up, lora(), "resumed", url=first.url)
    assert second.offset == CHUNK
    second.upload()
    assert second.request.response_headers["x-finetune-id"] == "resumed"


def test_tuspy_sends_checksums(running_up: RunningUp) -> None:
    one = uploader(running_up, lora(), "verified", upload_checksum=True)
    one.upload()
    assert one.request.response_headers["x-finetune-id"] == "verified"


def test_tuspy_that_lost_the_last_answer_tries_again_and_is_told_the_finetune(running_up: RunningUp) -> None:
    one = uploader(running_up, lora(), "lost-answer", retries=3, retry_delay=0.05)
    one.upload(stop_at=CHUNK)
    rest = lora()[CHUNK:]
    with wire(running_up.base_url) as connection:
        connection.send_head("PATCH", path_of(one.url), piece_headers(CHUNK, len(rest)) | key_of(running_up))
        connection.socket.sendall(rest)  # and hangs up before the answer
    wait_for(lambda: "x-finetune-id" in head(running_up, one.url).headers)
    one.upload()
    assert one.request.response_headers["x-finetune-id"] == "lost-answer"


def test_tuspy_is_told_what_is_wrong(running_up: RunningUp) -> None:
    with pytest.raises(TusCommunicationError) as creation:
        uploader(running_up, lora(), "Bad Name").upload()
    assert creation.value.status_code == 422
    assert "lowercase" in creation.value.response_content.decode()
    with pytest.raises(TusUploadFailed) as piece:
        uploader(running_up, b"PK\x03\x04" + bytes(10 * MB), "zipped").upload()
    assert piece.value.status_code == 422
    assert "zip archive" in piece.value.response_content.decode()


def test_other_organizations_and_strangers_find_nothing(running_up: RunningUp) -> None:
    url = start(running_up, 1000, "hidden")
    other = TUS | key_of(running_up, 1)
    assert requests.head(url, headers=other, timeout=10).status_code == 404
    assert requests.patch(url, data=b"x", headers=piece_headers(0, 1) | other, timeout=10).status_code == 404
    assert requests.head(url, headers=TUS, timeout=10).status_code == 403
    assert requests.options(url, timeout=10).headers["tus-version"] == "1.0.0"
    assert offset(running_up, url) == 0


# --- Refused before the rest is sent -------------------------------------------------------------------------


def stream_until_answered(up: RunningUp, url: str, path: Path, size: int) -> tuple[int, int, int]:
    """Sends the file as one piece over a line of 5 Mbit/s, until an answer comes.

    Its status, the bytes handed to the socket, and those of them that arrived.
    """
    sent = 0
    with wire(up.base_url) as connection, path.open("rb") as file:
        connection.send_head("PATCH", path_of(url), piece_headers(0, size) | key_of(up))
        while not select.select([connection.socket], [], [], 0)[0]:
            data = file.read(SENT_AT_ONCE)
            assert data, "taken to the end"
            connection.socket.sendall(data)
            sent += len(data)
            time.sleep(SENT_AT_ONCE / LINE)
        (waiting,) = struct.unpack("i", fcntl.ioctl(connection.socket, termios.TIOCOUTQ, bytes(4)))
        return connection.answer().status, sent, sent - waiting


@pytest.mark.parametrize(
    ("beginning", "size"),
    [(b"PK\x03\x04" + bytes(60), 4 * 2**30), (lora_start(1)[0], 4 * 2**30), (whole_model_start()[0], 3 * 2**30)],
    ids=["a zip", "a lying length", "a whole model"],
)
def test_of_a_4_gib_file_with_a_wrong_header_less_than_1_mb_is_sent(
    running_up: RunningUp, tmp_path: Path, beginning: bytes, size: int
) -> None:
    path = tmp_path / "sparse.safetensors"
    with path.open("wb") as file:
        file.write(beginning)
        file.truncate(size)
    url = start(running_up, size, "refused")
    status, sent, arrived = stream_until_answered(running_up, url, path, size)
    print(f"refused after {sent:,} bytes were handed to the socket and {arrived:,} arrived")
    assert status == 422
    assert arrived <= sent < MB
    assert head(running_up, url).status_code == 404
    assert not any(url.rpartition("/")[2] in name for name in uploads_of(running_up))


def test_a_client_that_looks_at_no_answer_before_it_has_sent_all_gets_it_too(running_up: RunningUp) -> None:
    url = start(running_up, 200 * MB, "refused")
    response = send(running_up, url, 0, bytes(64 * MB))
    assert response.status_code == 422
    assert response.json()["field"] == "checkpoint"


def test_a_body_of_unknown_length_is_refused(running_up: RunningUp) -> None:
    url = start(running_up, len(lora()), "chunked")
    headers = piece_headers(0, 0) | key_of(running_up)
    del headers["Content-Length"]
    response = requests.patch(url, data=iter([b"x" * 100]), headers=headers, timeout=10)
    assert response.status_code == 411
    assert "not chunked" in response.json()["detail"]
    assert offset(running_up, url) == 0


# --- Connections that break, and two at once -----------------------------------------------------------------


def test_what_came_over_a_connection_that_broke_is_kept(running_up: RunningUp) -> None:
    url = start(running_up, len(lora()), "broken")
    with wire(running_up.base_url) as connection:
        connection.send_head("PATCH", path_of(url), piece_headers(0, len(lora())) | key_of(running_up))
        connection.socket.sendall(lora()[:1_234_567])
    wait_for(lambda: offset(running_up, url) == 1_234_567)
    response = send(running_up, url, 1_234_567, lora()[1_234_567:])
    assert (response.status_code, response.headers["x-finetune-id"]) == (204, "broken")


def test_a_dead_connection_does_not_block_the_next_and_gets_409_when_it_wakes(running_up: RunningUp) -> None:
    url, half = start(running_up, len(lora()), "rivals"), 1_500_000
    with wire(running_up.base_url) as asleep:
        asleep.send_head("PATCH", path_of(url), piece_headers(0, len(lora())) | key_of(running_up))
        asleep.socket.sendall(lora()[:half])
        # Until it waits within a piece for bytes that do not come.
        wait_for(lambda: offset(running_up, url) > half - PIECE_BYTES)
        stands = offset(running_up, url)
        assert send(running_up, url, stands, lora()[stands : stands + 1000]).status_code == 204
        asleep.socket.sendall(lora()[half:])
        answer = asleep.answer()
        assert answer.status == 409
        assert f"stands at byte {stands + 1000:,}" in answer.read().decode()
    assert offset(running_up, url) == stands + 1000
    response = send(running_up, url, stands + 1000, lora()[stands + 1000 :])
    assert (response.status_code, response.headers["x-finetune-id"]) == (204, "rivals")


def test_two_live_writers_leave_one_right_file(running_up: RunningUp) -> None:
    url = start(running_up, len(lora()), "twins")
    with wire(running_up.base_url) as one, wire(running_up.base_url) as other:
        for each in (one, other):
            each.send_head("PATCH", path_of(url), piece_headers(0, len(lora())) | key_of(running_up))
        for begin in range(0, len(lora()), SENT_AT_ONCE):
            for each in (one, other):
                with suppress(OSError):  # the loser has its answer
                    each.socket.sendall(lora()[begin : begin + SENT_AT_ONCE])
        statuses = sorted(each.answer().status for each in (one, other))
    assert statuses == [204, 409]
    folder = running_up.data_dir / "files" / "checkpoints"
    assert any(path.read_bytes() == lora() for path in folder.rglob("*.safetensors"))


def test_uploads_on_slow_lines_leave_the_pages_their_threads(running_up: RunningUp) -> None:
    url = start(running_up, len(lora()), "crowded")
    headers = piece_headers(0, len(lora())) | key_of(running_up)
    with ExitStack() as stack:
        crowd = [stack.enter_context(wire(running_up.base_url)) for _ in range(20)]
        for each in crowd:
            each.send_head("PATCH", path_of(url), headers)
            each.socket.sendall(lora()[:10])
        wait_for(lambda: len(answered(crowd)) == 20 - MAX_PIECES_OF_ONE)
        assert requests.get(f"{running_up.base_url}/account/login/", timeout=5).status_code == 200
        for each in answered(crowd):
            answer = each.answer()
            assert (answer.status, answer.headers["retry-after"]) == (503, "5")
        other = uploader(running_up, lora(), "not-crowded-out", organization=1)
        other.upload()
        assert other.request.response_headers["x-finetune-id"] == "not-crowded-out"
    wait_for(lambda: send(running_up, url, offset(running_up, url), b"").status_code == 204)


def answered(connections: list[Wire]) -> list[Wire]:
    ready, _, _ = select.select([each.socket for each in connections], [], [], 0)
    return [each for each in connections if each.socket in ready]


def test_nothing_of_a_verified_piece_that_broke_off_is_kept(running_up: RunningUp) -> None:
    url = start(running_up, len(lora()), "unverified")
    headers = piece_headers(0, len(lora())) | key_of(running_up)
    with wire(running_up.base_url) as connection:
        connection.send_head("PATCH", path_of(url), headers | {"Upload-Checksum": "sha1 qZk+NkcGgWq6PiVxeFDCbJzQ2J0="})
        connection.socket.sendall(lora()[:1_000_000])
    time.sleep(0.3)
    assert offset(running_up, url) == 0
    assert send(running_up, url, 0, lora()[:1000]).status_code == 204


# --- A server that is killed, a disk that is full ------------------------------------------------------------


def kill(up: RunningUp) -> None:
    up.process.send_signal(signal.SIGKILL)
    up.process.wait(10)
    wait_for(up.is_gone)


def test_after_kill_9_an_upload_goes_on_and_resends_at_most_one_chunk(tmp_path: Path) -> None:
    ports = free_ports()
    with own_services() as variables:
        with running(tmp_path / "data", ports=ports, variables=variables) as up:
            one = uploader(up, lora(), "survivor")
            one.upload(stop_at=CHUNK)
            with wire(up.base_url) as connection:
                connection.send_head("PATCH", path_of(one.url), piece_headers(CHUNK, CHUNK) | key_of(up))
                connection.socket.sendall(lora()[CHUNK : CHUNK + 700_000])
                wait_for(lambda: offset(up, one.url) > CHUNK)
                kill(up)
        with running(tmp_path / "data", ports=ports, variables=variables) as up:
            again = uploader(up, lora(), "survivor", url=one.url)
            assert CHUNK < again.offset <= CHUNK + 700_000
            again.upload()
            assert again.request.response_headers["x-finetune-id"] == "survivor"
            stored = list((up.data_dir / "files" / "checkpoints").rglob("*.safetensors"))
            assert any(path.read_bytes() == lora() for path in stored)
            assert uploads_of(up) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 300 MiB, of which uploads leave 256 free; mounting one takes root."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=300m", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("no right to mount a file system")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_is_507_and_the_upload_goes_on_when_there_is_room(small_disk: Path) -> None:
    with own_services() as variables, running(small_disk / "data", variables=variables) as up:
        headers = asking("large") | key_of(up) | {"Upload-Length": str(60 * MB)}
        refused = requests.post(f"{up.base_url}/v1/uploads", headers=headers, timeout=10)
        assert refused.status_code == 507
        url, filler = start(up, len(lora()), "patient"), small_disk / "filler"
        assert send(up, url, 0, lora()[:1_000_000]).status_code == 204
        filler.write_bytes(bytes(40 * MB))
        full = send(up, url, 1_000_000, lora()[1_000_000:])
        assert full.status_code == 507
        assert "disk of this server is full" in full.json()["detail"]
        assert offset(up, url) == 1_000_000
        filler.unlink()
        response = send(up, url, 1_000_000, lora()[1_000_000:])
        assert (response.status_code, response.headers["x-finetune-id"]) == (204, "patient")
        assert up.errors.count("ERROR") == up.errors.count("Insufficient Storage") == 2, "the operator reads of it"
