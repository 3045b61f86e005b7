"""Choosing a file in a browser: what it is, what is wrong with it and who has it, before any of it is sent."""

import random
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, Request, Route, expect

from finetunes.checkpoints.digests import CheckpointDigest
from finetunes.checkpoints.header import read_header
from tests.browser.accounts import sign_in
from tests.browser.dialog import (
    WAIT_MS,
    card,
    choose,
    open_dialog,
    submit,
    write_ambiguous,
    write_file,
    write_foreign,
    write_good,
    write_sparse_wrong,
)
from tests.checkpoints import lora_shapes, make_file
from tests.running import RunningUp

MB = 2**20

pytestmark = pytest.mark.browser


class Traffic:
    """What the page has sent since this was made, in bytes."""

    def __init__(self, page: Page) -> None:
        self._requests: list[Request] = []
        page.on("requestfinished", lambda request: self._requests.append(request))

    @property
    def to_uploads(self) -> list[str]:
        return [request.url for request in self._requests if "/uploads/" in request.url]

    @property
    def sent(self) -> int:
        sizes = [request.sizes() for request in self._requests]
        return sum(size["requestBodySize"] + size["requestHeadersSize"] for size in sizes)

    @property
    def questions(self) -> int:
        return sum(request.url.endswith("/preflight/") for request in self._requests)


def test_found_file_fills_the_form(page: Page, running_up: RunningUp, tmp_path: Path) -> None:
    dialog = open_dialog(page, running_up, sign_in(page, running_up))
    choose(dialog, write_good(tmp_path))
    expect(card(dialog).get_by_text("LoRA for FLUX.2 [klein] 9B", exact=True)).to_be_visible()
    expect(card(dialog).get_by_text("112 of 112 layers apply.")).to_be_visible()
    expect(dialog.get_by_label("Name")).to_have_value("harbour_light")
    expect(dialog.get_by_label("Base Model")).to_have_value("flux-2-klein-9b")
    expect(dialog.get_by_label("Precision")).to_have_value("fp8")
    expect(dialog.get_by_label("Trigger Phrase")).to_have_value("hrbr light")
    expect(dialog.locator("option[value=flux-2-klein-4b]")).to_be_disabled()
    expect(dialog.locator("option[value=flux-2-klein-4b]")).to_contain_text("this file does not fit")
    expect(dialog.locator("[data-announcement]")).to_contain_text("112 of 112 layers apply.")
    dialog.get_by_role("button", name="Use a quay").click()
    expect(dialog.get_by_label("Trigger Phrase")).to_have_value("a quay")
    card(dialog).get_by_text("Metadata that may be private").click()
    expect(card(dialog).get_by_text("C:\\Users\\mira\\loras\\harbour")).to_be_visible()
    expect(dialog.get_by_label("Remove private metadata")).to_be_visible()


def test_another_file_fills_anew_what_nobody_typed(page: Page, running_up: RunningUp, tmp_path: Path) -> None:
    dialog = open_dialog(page, running_up, sign_in(page, running_up))
    choose(dialog, write_good(tmp_path))
    dialog.get_by_label("Name").fill("my-own-name")
    choose(dialog, write_file(tmp_path / "tiny.safetensors", lora_shapes("flux2-klein-4b", rank=1)))
    expect(dialog.get_by_label("Base Model")).to_have_value("flux-2-klein-4b")
    expect(dialog.get_by_label("Trigger Phrase")).to_have_value("")
    expect(dialog.get_by_label("Name")).to_have_value("my-own-name")
    expect(dialog.get_by_label("Remove private metadata")).to_be_hidden()
    choose(dialog, write_foreign(tmp_path))
    expect(dialog.get_by_label("Base Model")).to_have_value("")
    expect(dialog.get_by_label("Name")).to_have_value("my-own-name")


def test_refused_file_cannot_be_submitted(page: Page, running_up: RunningUp, tmp_path: Path) -> None:
    dialog = open_dialog(page, running_up, sign_in(page, running_up))
    choose(dialog, write_foreign(tmp_path))
    file = dialog.get_by_label("Checkpoint File")
    expect(card(dialog).get_by_text("This is a LoRA for FLUX.2 [dev]")).to_be_visible()
    expect(file).to_have_attribute("aria-invalid", "true")
    expect(file).to_have_accessible_description(re.compile("FLUX.2 \\[dev\\]"))
    traffic = Traffic(page)
    dialog.get_by_label("Name").fill("city")
    dialog.get_by_label("Base Model").select_option("flux-2-klein-9b")
    submit(dialog)
    expect(file).to_be_focused()
    page.wait_for_timeout(300)
    assert traffic.to_uploads == []
    assert not traffic.sent


def test_wrong_file_of_4_gib_is_refused_before_a_megabyte_is_sent(
    page: Page, running_up: RunningUp, tmp_path: Path
) -> None:
    dialog = open_dialog(page, running_up, sign_in(page, running_up))
    traffic = Traffic(page)
    choose(dialog, write_sparse_wrong(tmp_path))
    expect(card(dialog).get_by_text("GGUF")).to_be_visible()
    dialog.get_by_label("Name").fill("huge")
    dialog.get_by_label("Base Model").select_option("flux-2-klein-9b")
    submit(dialog)
    page.wait_for_timeout(300)
    assert traffic.questions == 1
    assert traffic.to_uploads == []
    assert 64 < traffic.sent < 8192


def test_a_good_file_of_79_mb_is_judged_by_its_header_alone(page: Page, running_up: RunningUp, tmp_path: Path) -> None:
    dialog = open_dialog(page, running_up, sign_in(page, running_up))
    traffic = Traffic(page)
    path = write_good(tmp_path, rank=16)
    choose(dialog, path)
    assert path.stat().st_size > 79 * MB
    assert traffic.sent < MB / 4


def test_ambiguous_file_asks_for_the_base_model(page: Page, running_up: RunningUp, tmp_path: Path) -> None:
    dialog = open_dialog(page, running_up, sign_in(page, running_up))
    choose(dialog, write_ambiguous(tmp_path))
    expect(card(dialog).get_by_text("Choose the base model that it was trained for.")).to_be_visible()
    expect(dialog.get_by_label("Base Model")).to_have_value("")
    expect(dialog.locator("option[value=flux-2-klein-9b]")).to_be_disabled()
    expect(dialog.locator("option[value=flux-2-klein-base-4b]")).to_be_enabled()
    traffic = Traffic(page)
    submit(dialog)
    expect(dialog.get_by_label("Base Model")).to_be_focused()
    assert traffic.to_uploads == []


def test_contradiction_stands_at_the_base_model(page: Page, running_up: RunningUp, tmp_path: Path) -> None:
    dialog = open_dialog(page, running_up, sign_in(page, running_up))
    base_model = dialog.get_by_label("Base Model")
    base_model.select_option("flux-2-klein-4b")
    choose(dialog, write_good(tmp_path))
    expect(base_model).to_have_value("flux-2-klein-4b")
    expect(base_model).to_have_accessible_description(re.compile("You chose FLUX.2 \\[klein\\] 4B"))
    traffic = Traffic(page)
    submit(dialog)
    expect(base_model).to_be_focused()
    assert traffic.to_uploads == []
    base_model.select_option("flux-2-klein-9b")
    expect(card(dialog).get_by_text("You chose FLUX.2 [klein] 4B")).to_have_count(0)
    expect(base_model).not_to_have_attribute("aria-invalid", "true")


def test_contradiction_is_heard_and_never_outlives_the_choice(
    page: Page, running_up: RunningUp, tmp_path: Path
) -> None:
    dialog = open_dialog(page, running_up, sign_in(page, running_up))
    dialog.get_by_label("Base Model").select_option("flux-2-klein-4b")
    choose(dialog, write_good(tmp_path))
    expect(dialog.locator("[data-announcement]")).to_contain_text("You chose FLUX.2 [klein] 4B")
    page.route("**/finetunes/preflight/", lambda route: route.abort())
    dialog.get_by_label("Base Model").select_option("flux-2-klein-9b")
    expect(card(dialog).get_by_text("the server cannot be reached")).to_be_visible()
    expect(card(dialog).get_by_text("You chose FLUX.2 [klein] 4B")).to_have_count(0)


def test_base_model_chosen_while_the_file_is_checked_is_checked_too(
    page: Page, running_up: RunningUp, tmp_path: Path
) -> None:
    dialog = open_dialog(page, running_up, sign_in(page, running_up))
    base_model = dialog.get_by_label("Base Model")

    def choose_meanwhile(route: Route) -> None:
        base_model.select_option("flux-2-klein-4b")
        route.continue_()

    page.route("**/finetunes/preflight/", choose_meanwhile, times=1)
    choose(dialog, write_good(tmp_path))
    expect(base_model).to_have_value("flux-2-klein-4b")
    expect(base_model).to_have_accessible_description(re.compile("You chose FLUX.2 \\[klein\\] 4B"))


def test_answer_about_an_earlier_file_never_shows(page: Page, running_up: RunningUp, tmp_path: Path) -> None:
    dialog = open_dialog(page, running_up, sign_in(page, running_up))
    held: list[Route] = []

    def hold_first(route: Route) -> None:
        if held:
            route.continue_()
        else:
            held.append(route)

    page.route("**/finetunes/preflight/", hold_first)
    file = dialog.get_by_label("Checkpoint File")
    file.set_input_files(write_foreign(tmp_path))
    page.wait_for_timeout(200)
    file.set_input_files(write_ambiguous(tmp_path))
    expect(card(dialog).get_by_text("Choose the base model that it was trained for.")).to_be_visible()
    held[0].abort()
    page.wait_for_timeout(300)
    expect(card(dialog).get_by_text("FLUX.2 [dev]")).to_have_count(0)


def test_server_that_cannot_be_asked_is_told_and_asked_again(page: Page, running_up: RunningUp, tmp_path: Path) -> None:
    dialog = open_dialog(page, running_up, sign_in(page, running_up))
    page.route("**/finetunes/preflight/", lambda route: route.abort())
    dialog.get_by_label("Checkpoint File").set_input_files(write_foreign(tmp_path))
    expect(card(dialog).get_by_text("the server cannot be reached")).to_be_visible()
    page.unroute("**/finetunes/preflight/")
    dialog.get_by_label("Name").fill("city")
    dialog.get_by_label("Base Model").select_option("flux-2-klein-9b")
    submit(dialog)
    expect(card(dialog).get_by_text("This is a LoRA for FLUX.2 [dev]")).to_be_visible()


def test_dropped_file_is_taken_wherever_it_falls_on_the_form(page: Page, running_up: RunningUp) -> None:
    dialog = open_dialog(page, running_up, sign_in(page, running_up))
    dialog.get_by_label("Name").evaluate(
        """field => {
            const files = new DataTransfer();
            files.items.add(new File(["not a checkpoint"], "notes.txt"));
            for (const type of ["dragover", "drop"]) {
                field.dispatchEvent(new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer: files }));
            }
        }"""
    )
    expect(card(dialog).get_by_text("notes.txt")).to_be_visible()
    expect(card(dialog).get_by_text("This file cannot be used")).to_be_visible()


def test_digest_of_the_browser_is_that_of_the_server(page: Page, running_up: RunningUp, tmp_path: Path) -> None:
    """Over names that are not ASCII, a tensor without elements and one without dimensions, data in another order."""
    shapes = {"b.ü.weight": (3, 5), "a.weight": (64, 1024), "none": (0, 7), "one": (), "z": (2,)}
    content = bytearray(make_file(shapes, {"ss_note": "x"}))
    header_end = 8 + int.from_bytes(content[:8], "little")
    content[header_end:] = random.Random(3).randbytes(len(content) - header_end)
    path = tmp_path / "random.safetensors"
    path.write_bytes(content)
    with path.open("rb") as file:
        digest = CheckpointDigest(read_header(file, len(content)))
    digest.update(bytes(content))
    dialog = open_dialog(page, running_up, sign_in(page, running_up))
    dialog.get_by_label("Checkpoint File").set_input_files(path)
    found = dialog.get_by_label("Checkpoint File").evaluate(
        "input => window.checkpoints.weightsDigest(input.files[0], new AbortController().signal)"
    )
    assert found == digest.weights_sha256()


def test_finetune_with_the_same_weights_is_named(page: Page, running_up: RunningUp, tmp_path: Path) -> None:
    dialog = open_dialog(page, running_up, sign_in(page, running_up))
    shapes = lora_shapes("flux2-klein-4b", rank=2)
    choose(dialog, write_file(tmp_path / "twin.safetensors", shapes))
    submit(dialog)
    expect(dialog).to_be_hidden(timeout=WAIT_MS)
    dialog = open_dialog(page, running_up, page.url.split("/o/")[1].split("/")[0])
    choose(dialog, write_file(tmp_path / "twin-renamed.safetensors", shapes, {"title": "other metadata"}))
    same = dialog.locator("[data-same-weights]")
    expect(same).to_contain_text("has the same weights. Adding it again keeps one file under two names.")
    expect(same.get_by_role("link", name="twin")).to_have_attribute("href", re.compile("/twin/$"))
    submit(dialog)
    expect(dialog).to_be_hidden(timeout=WAIT_MS)
    expect(page.get_by_role("row").filter(has_text="twin-renamed")).to_be_visible()
