"""Uploads in a browser: they survive a killed server and a closed tab, and stop when they are told to."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Dialog, FilePayload, Locator, Page, Route, expect

from finetunes.models import NAME_MAX
from tests.browser.accounts import log_in, sign_in
from tests.browser.dialog import (
    CHUNK,
    WAIT_MS,
    Patches,
    card,
    choose,
    open_dialog,
    set_speed,
    submit,
    throttle,
    wait_for_share,
    write_file,
    write_good,
)
from tests.browser.dialog_states import UNDER_WAY, walk
from tests.browser.look import EACH_ONCE, check, views
from tests.checkpoints import lora_shapes, make_file
from tests.running import RunningUp, free_ports, own_services, running

SLOW = 6 * 2**20  # bytes a second
LONGEST_NAME = "looked_at_".ljust(NAME_MAX, "x")

pytestmark = pytest.mark.browser


def is_listed(page: Page, name: str) -> None:
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))
    expect(row).to_be_visible(timeout=WAIT_MS)


def test_upload_survives_a_killed_server_and_resends_at_most_one_chunk(page: Page, tmp_path: Path) -> None:
    folder, ports, path = tmp_path / "data", free_ports(), write_good(tmp_path)
    size = path.stat().st_size
    with own_services() as variables:
        with running(folder, ports=ports, variables=variables) as up:
            dialog = open_dialog(page, up, log_in(page, up))
            choose(dialog, path)
            patches = Patches(page.context)
            session = throttle(page, SLOW)
            submit(dialog)
            wait_for_share(dialog, 40)
            up.end()  # SIGKILL
            expect(card(dialog).get_by_text(re.compile("Connection lost. Trying again in"))).to_be_visible(
                timeout=WAIT_MS
            )
            before = list(patches.offsets)
        set_speed(session, -1)
        with running(folder, ports=ports, variables=variables):
            is_listed(page, "harbour_light")
    after = patches.offsets[len(before) :]
    assert after[0] >= before[-1] > 0
    assert size <= patches.sent_at_most(size) <= size + CHUNK
    assert patches.created == 1


def test_closed_tab_goes_on_when_the_same_file_is_chosen_again(
    context: BrowserContext, running_up: RunningUp, tmp_path: Path
) -> None:
    page, path = context.new_page(), write_good(tmp_path, "closed-tab")
    org_id = sign_in(page, running_up)
    dialog = open_dialog(page, running_up, org_id)
    choose(dialog, path)
    patches = Patches(context)
    throttle(page, SLOW)
    submit(dialog)
    wait_for_share(dialog, 60)
    page.close()
    assert len(patches.offsets) >= 3

    page = context.new_page()
    dialog = open_dialog(page, running_up, org_id)
    choose(dialog, path)
    expect(card(dialog).get_by_text(re.compile(r"\d\d % of this file is already here"))).to_be_visible()
    submit(dialog)
    is_listed(page, "closed-tab")
    assert patches.created == 1
    assert patches.sent_at_most(path.stat().st_size) <= path.stat().st_size + CHUNK


def test_upload_that_the_server_forgot_begins_anew(page: Page, running_up: RunningUp, tmp_path: Path) -> None:
    path = write_good(tmp_path, "forgotten")
    dialog = open_dialog(page, running_up, sign_in(page, running_up))
    choose(dialog, path)
    patches = Patches(page.context)
    session = throttle(page, SLOW)
    submit(dialog)
    wait_for_share(dialog, 20)
    dialog.get_by_role("button", name="Pause").click()
    page.evaluate(
        """async () => {
            const key = Object.keys(localStorage).find(key => key.startsWith("tus::"));
            const token = document.cookie.match(/csrftoken=([^;]+)/)[1];
            const headers = { "Tus-Resumable": "1.0.0", "X-CSRFToken": token };
            await fetch(JSON.parse(localStorage[key]).uploadUrl, { method: "DELETE", headers });
        }"""
    )
    set_speed(session, -1)
    dialog.get_by_role("button", name="Resume").click()
    is_listed(page, "forgotten")
    assert patches.created == 2
    assert page.evaluate("Object.keys(localStorage).filter(key => key.startsWith('tus::'))") == []


def test_pause_resume_and_cancel(page: Page, running_up: RunningUp, tmp_path: Path) -> None:
    dialog = open_dialog(page, running_up, sign_in(page, running_up))
    choose(dialog, write_good(tmp_path, "paused"))
    patches = Patches(page.context)
    throttle(page, SLOW)
    submit(dialog)
    pause = dialog.get_by_role("button", name="Pause")
    expect(pause).to_be_focused()
    expect(dialog.get_by_label("Name")).to_be_disabled()
    wait_for_share(dialog, 15)
    expect(card(dialog).get_by_text(re.compile(r"\d+\s%.*MB\sof.*MB/s.*left"))).to_be_visible()
    pause.click()
    expect(card(dialog).get_by_text("Paused at")).to_be_visible()
    expect(dialog.get_by_role("button", name="Resume")).to_be_focused()
    count = len(patches.offsets)
    page.wait_for_timeout(700)
    assert len(patches.offsets) == count
    dialog.get_by_role("button", name="Resume").click()
    wait_for_share(dialog, 30)
    expect(dialog.locator("[data-announcement]")).to_have_text("25 % uploaded.")

    dialog.get_by_role("button", name="Cancel upload").click()
    expect(card(dialog).get_by_text(re.compile(r"Cancel the upload\? The \d\d % that is here"))).to_be_visible()
    with page.expect_request(lambda request: request.method == "DELETE") as ended:
        dialog.get_by_role("button", name="Cancel upload").click()
    answer = ended.value.response()
    assert answer
    assert answer.status == 204
    expect(dialog.get_by_label("Checkpoint File")).to_be_focused()
    expect(dialog.get_by_label("Name")).to_be_enabled()
    choose(dialog, write_good(tmp_path, "paused"))
    expect(card(dialog).get_by_text("already here")).to_have_count(0)


def test_name_that_is_taken_is_told_before_a_byte_moves(page: Page, running_up: RunningUp, tmp_path: Path) -> None:
    dialog = open_dialog(page, running_up, sign_in(page, running_up))
    choose(dialog, write_good(tmp_path, "free", rank=4))
    patches = Patches(page.context)
    name = dialog.get_by_label("Name")
    name.fill("nordic-light")
    submit(dialog)
    expect(dialog.get_by_text("There is a finetune named nordic-light already.")).to_be_visible()
    expect(name).to_be_focused()
    expect(name).to_have_attribute("aria-invalid", "true")
    assert patches.offsets == []
    name.fill("free-after-all")
    expect(name).not_to_have_attribute("aria-invalid", "true")
    submit(dialog)
    is_listed(page, "free-after-all")


def test_name_that_is_taken_meanwhile_costs_no_second_upload(page: Page, running_up: RunningUp, tmp_path: Path) -> None:
    """The form's own refusal, after the file is here."""
    dialog = open_dialog(page, running_up, sign_in(page, running_up))
    choose(dialog, write_good(tmp_path, "late", rank=4))
    patches = Patches(page.context)

    def take_the_name(route: Route) -> None:
        token = next(cookie["value"] for cookie in page.context.cookies() if cookie["name"] == "csrftoken")
        fields = {"name": "late", "base_model": "flux-2-klein-4b", "precision": "fp8", "csrfmiddlewaretoken": token}
        content = make_file(lora_shapes("flux2-klein-4b", rank=1))
        file = FilePayload(name="x.safetensors", mimeType="application/octet-stream", buffer=content)
        answer = page.context.request.post(route.request.url, multipart={**fields, "checkpoint": file}, max_redirects=0)
        assert answer.status == 302
        route.continue_()

    page.route("**/finetunes/add/", take_the_name, times=1)
    submit(dialog)
    expect(dialog.get_by_role("alert")).to_contain_text("named late already.", timeout=WAIT_MS)
    expect(card(dialog).get_by_text("already here")).to_be_visible()
    sent = len(patches.offsets)
    dialog.get_by_label("Name").fill("late-again")
    submit(dialog)
    is_listed(page, "late-again")
    assert len(patches.offsets) == sent


def test_lost_connection_goes_on_by_itself(page: Page, running_up: RunningUp, tmp_path: Path) -> None:
    dialog = open_dialog(page, running_up, sign_in(page, running_up))
    choose(dialog, write_good(tmp_path, "unplugged"))
    session = throttle(page, SLOW)
    submit(dialog)
    wait_for_share(dialog, 15)
    set_speed(session, SLOW, offline=True)
    expect(card(dialog).get_by_text("You are offline.")).to_be_visible(timeout=WAIT_MS)
    begin = time.monotonic()
    set_speed(session, SLOW)
    expect(dialog.get_by_role("button", name="Pause")).to_be_visible(timeout=3000)
    assert time.monotonic() - begin < 3
    set_speed(session, -1)
    is_listed(page, "unplugged")


def test_logged_out_upload_goes_on_after_logging_in_elsewhere(
    context: BrowserContext, running_up: RunningUp, tmp_path: Path
) -> None:
    page = context.new_page()
    org_id = sign_in(page, running_up)
    dialog = open_dialog(page, running_up, org_id)
    choose(dialog, write_good(tmp_path, "logged-out"))
    patches = Patches(context)
    session = throttle(page, SLOW)
    submit(dialog)
    wait_for_share(dialog, 20)
    cookies = context.cookies()
    context.clear_cookies(name="sessionid")
    expect(card(dialog).get_by_text("You are logged out.")).to_be_visible(timeout=WAIT_MS)
    other = context.new_page()
    log_in(other, running_up)
    assert context.cookies() != cookies
    set_speed(session, -1)
    dialog.get_by_role("button", name="Try now").click()
    is_listed(page, "logged-out")
    assert patches.created == 1


def test_closing_asks_while_it_uploads_and_keeps_what_is_there(
    page: Page, running_up: RunningUp, tmp_path: Path
) -> None:
    org_id = sign_in(page, running_up)
    dialog = open_dialog(page, running_up, org_id)
    choose(dialog, write_good(tmp_path, "closing"))
    throttle(page, SLOW)
    submit(dialog)
    wait_for_share(dialog, 20)
    page.keyboard.press("Escape")
    expect(card(dialog).get_by_text("Closing stops the upload.")).to_be_visible()
    expect(dialog.get_by_role("button", name="Keep uploading")).to_be_focused()
    dialog.get_by_role("button", name="Keep uploading").click()
    expect(dialog.get_by_role("button", name="Pause")).to_be_focused()
    dialog.get_by_role("button", name="Close").click()
    dialog.get_by_role("button", name="Stop and close").click()
    expect(dialog).to_be_hidden()
    dialog = open_dialog(page, running_up, org_id)
    choose(dialog, write_good(tmp_path, "closing"))


def test_leaving_the_page_asks_while_it_uploads(page: Page, running_up: RunningUp, tmp_path: Path) -> None:
    org_id = sign_in(page, running_up)
    page.goto(f"{running_up.base_url}/o/{org_id}/finetunes/add/")
    form = page.get_by_role("main")
    choose(form, write_good(tmp_path, "leaving"))
    asked: list[str] = []

    def stay(question: Dialog) -> None:
        asked.append(question.type)
        question.dismiss()

    page.on("dialog", stay)
    throttle(page, SLOW)
    submit(form)
    wait_for_share(form, 15)
    page.evaluate("location.href = '/'")
    page.wait_for_timeout(500)
    assert asked == ["beforeunload"]
    expect(form.get_by_role("button", name="Pause")).to_be_visible()


def test_whole_story_by_keyboard_alone(page: Page, running_up: RunningUp, tmp_path: Path) -> None:
    # Playwright catches file choosers as long as someone listens, and begins with it some time after being asked to.
    page.on("filechooser", lambda chooser: None)
    path = write_file(tmp_path / "by-keyboard.safetensors", lora_shapes("flux2-klein-4b", rank=4))
    org_id = sign_in(page, running_up)
    page.goto(f"{running_up.base_url}/o/{org_id}/finetunes/")
    page.get_by_role("link", name="Add Finetune").focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Checkpoint File")).to_be_focused()
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Space")
    chooser.value.set_files(path)
    expect(card(dialog).get_by_text("LoRA for FLUX.2 [klein] 4B", exact=True)).to_be_visible()
    press_until_focused(page, dialog.locator("summary").first)
    page.keyboard.press("Enter")
    expect(card(dialog).get_by_text("Attention input is 3072 wide.")).to_be_visible()
    session = throttle(page, SLOW // 4)
    press_until_focused(page, dialog.get_by_role("button", name="Add Finetune"))
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("button", name="Pause")).to_be_focused()
    page.keyboard.press("Space")
    expect(dialog.get_by_role("button", name="Resume")).to_be_focused()
    set_speed(session, -1)
    page.keyboard.press("Space")
    is_listed(page, "by-keyboard")
    expect(page.get_by_role("link", name="Add Finetune")).to_be_focused()


def press_until_focused(page: Page, target: Locator) -> None:
    for _ in range(25):
        page.keyboard.press("Tab")
        if target.evaluate("element => element === document.activeElement"):
            return
    pytest.fail("Tab does not reach it")


def test_every_state_looks_right_to_a_machine(page: Page, running_up: RunningUp, tmp_path: Path) -> None:
    seen: list[str] = []

    def look(state: str) -> None:
        check(page, state, EACH_ONCE)
        if state in UNDER_WAY:
            for view in views(page, EACH_ONCE):
                assert page.evaluate(CUT_OFF) == [], f"{state} at {view}"
        seen.append(state)

    walk(page, running_up, tmp_path, LONGEST_NAME, look)
    assert {"found", "refused", "ambiguous", "duplicate", "page", "replace", *UNDER_WAY} <= set(seen)


# What a person wants to see of an upload and what of it does not stand wholly inside of the scrolled dialog.
CUT_OFF = """() => {
    const outer = document.querySelector("#dialog .form-body").getBoundingClientRect();
    const parts = document.querySelectorAll("[data-file-name], [data-file-note], [data-upload], [data-upload] *");
    return [...parts].filter(part => part.checkVisibility()).filter(part => {
        const { top, bottom } = part.getBoundingClientRect();
        return top < outer.top || bottom > outer.bottom;
    }).map(part => part.outerHTML);
}"""


@pytest.fixture
def plain_page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(java_script_enabled=False)
    yield context.new_page()
    context.close()


def test_without_javascript_the_same_checks_run_after_a_plain_post(
    plain_page: Page, running_up: RunningUp, tmp_path: Path
) -> None:
    page, path = plain_page, write_good(tmp_path, "plain", rank=4)
    org_id = sign_in(page, running_up)
    page.goto(f"{running_up.base_url}/o/{org_id}/finetunes/add/")
    form = page.get_by_role("main")
    form.get_by_label("Checkpoint File").set_input_files(path)
    form.get_by_label("Name").fill("plain")
    form.get_by_label("Base Model").select_option("flux-2-klein-4b")
    submit(form)
    expect(form.get_by_role("alert")).to_contain_text("You chose FLUX.2 [klein] 4B")
    expect(card(form).get_by_text("already here")).to_be_visible()
    expect(card(form).get_by_text("LoRA for FLUX.2 [klein] 9B", exact=True)).to_be_visible()
    expect(card(form).get_by_text("hrbr light", exact=True).locator("visible=true")).to_have_count(1)
    expect(card(form).get_by_role("button", name="Use hrbr light")).to_have_count(0)
    card(form).get_by_text("Metadata that may be private").click()
    expect(card(form).get_by_text("C:\\Users\\mira\\loras\\harbour")).to_be_visible()
    form.get_by_label("Base Model").select_option("flux-2-klein-9b")
    form.get_by_label("Remove private metadata").check()
    submit(form)
    is_listed(page, "plain")
