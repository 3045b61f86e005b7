"""The Add Finetune dialog as a browser test drives it: the files that it is given, and the states that it gets into."""

import json
from collections.abc import Mapping
from pathlib import Path

from playwright.sync_api import BrowserContext, CDPSession, Locator, Page, Request, expect

from tests.checkpoints import Shapes, header_bytes, lora_shapes
from tests.running import RunningUp

WAIT_MS = 20_000
CHUNK = 8 * 2**20
KOHYA_METADATA = {
    "ss_base_model_version": "flux2_klein_9b",
    "ss_output_name": "C:\\Users\\mira\\loras\\harbour",
    "ss_network_module": "networks.lora_flux_2",
    "ss_network_alpha": "16",
    "ss_steps": "2400",
    "ss_tag_frequency": json.dumps({"12_harbour": {"hrbr light": 48, "a quay": 31, "fog": 12}}),
    "modelspec.trigger_phrase": "hrbr light",
}


def write_file(path: Path, shapes: Shapes, metadata: Mapping[str, str] | None = None) -> Path:
    """A sparse file: its weights are zeros, and it takes no room."""
    start, size = header_bytes(shapes, metadata)
    with path.open("wb") as file:
        file.write(start)
        file.truncate(size)
    return path


def write_good(folder: Path, name: str = "Harbour_Light_000002400", *, rank: int = 6) -> Path:
    """klein 9B with all that metadata may say; 30 MB at rank 6, four chunks."""
    return write_file(folder / f"{name}.safetensors", lora_shapes("flux2-klein-9b", "kohya", rank=rank), KOHYA_METADATA)


def write_foreign(folder: Path) -> Path:
    return write_file(folder / "city.safetensors", lora_shapes("flux2-dev"))


def write_ambiguous(folder: Path) -> Path:
    return write_file(folder / "sketch.safetensors", lora_shapes("flux2-klein-4b", targets="first attention"))


def write_sparse_wrong(folder: Path) -> Path:
    """4 GiB that begin as a model of another format does."""
    path = folder / "huge.safetensors"
    with path.open("wb") as file:
        file.write(b"GGUF\x03\x00\x00\x00" + b"\0" * 8)
        file.truncate(4 * 2**30)
    return path


def open_dialog(page: Page, up: RunningUp, org_id: str) -> Locator:
    page.goto(f"{up.base_url}/o/{org_id}/finetunes/")
    page.get_by_role("link", name="Add Finetune").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", name="Add Finetune")).to_be_visible()
    return dialog


def card(dialog: Locator) -> Locator:
    """The file and what is said of it; what a screen reader hears stands beside it once more."""
    return dialog.locator("[data-file-card]")


def choose(dialog: Locator, path: Path) -> None:
    """Until preflight has answered."""
    dialog.get_by_label("Checkpoint File").set_input_files(path)
    expect(card(dialog)).not_to_have_attribute("aria-busy", "true")
    expect(dialog.locator("[data-finding]")).to_be_visible()


def submit(dialog: Locator) -> None:
    dialog.get_by_role("button", name="Add Finetune").click()


def throttle(page: Page, bytes_a_second: int) -> CDPSession:
    """Slows the uploads of this page, so that they can be seen; -1 for full speed again."""
    session = page.context.new_cdp_session(page)
    set_speed(session, bytes_a_second)
    return session


def set_speed(session: CDPSession, bytes_a_second: int, *, offline: bool = False) -> None:
    conditions = {"offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": bytes_a_second}
    session.send("Network.emulateNetworkConditions", conditions)


def wait_for_share(dialog: Locator, percent: int) -> None:
    bar = dialog.get_by_role("progressbar")
    handle = bar.element_handle()
    dialog.page.wait_for_function("([bar, percent]) => bar.value >= percent", arg=[handle, percent], timeout=WAIT_MS)


class Patches:
    """The offsets that the page sent from, in the order of its requests."""

    def __init__(self, context: BrowserContext) -> None:
        self.offsets: list[int] = []
        self.created = 0
        context.on("request", self._note)

    def _note(self, request: Request) -> None:
        if "/uploads/" not in request.url:
            return
        if request.method == "PATCH":
            self.offsets.append(int(request.headers["upload-offset"]))
        self.created += request.method == "POST"

    def sent_at_most(self, size: int) -> int:
        """Bytes, each piece counted in full, also those that broke off."""
        return sum(min(CHUNK, size - offset) for offset in self.offsets)
