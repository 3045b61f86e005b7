"""A walk through every state of the Add Finetune dialog and to the new finetune's page, for axe and for a camera."""

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Locator, Page, Route, expect

from tests.browser import dialog as steps
from tests.browser.accounts import sign_in
from tests.browser.look import HEIGHT, NARROW
from tests.running import RunningUp

SLOW = 2**20  # bytes a second: no state ends while it is looked at
Visit = Callable[[str], None]
# In which a file is on its way.
UNDER_WAY = ("uploading", "paused", "question", "lost", "failed", "finishing")


def walk(page: Page, up: RunningUp, folder: Path, name: str, visit: Visit) -> None:
    """Calls `visit` in each state; adds a finetune of this name on the way."""
    org_id = sign_in(page, up)
    _walk_findings(page, up, org_id, folder, visit)
    _walk_upload(page, up, org_id, folder, name, visit)
    _walk_afterwards(page, up, org_id, folder, name, visit)


def _walk_findings(page: Page, up: RunningUp, org_id: str, folder: Path, visit: Visit) -> None:
    dialog = steps.open_dialog(page, up, org_id)
    visit("empty")
    files = {"refused": steps.write_foreign, "ambiguous": steps.write_ambiguous, "found": steps.write_good}
    for state, write in files.items():
        steps.choose(dialog, write(folder))
        visit(state)
    for summary in dialog.locator("summary").all():
        summary.click()
    visit("found-open")
    dialog.get_by_label("Base Model").select_option("flux-2-klein-9b-kv")
    dialog.locator("[data-file-card]").evaluate("card => card.closest('.form-body').scrollTo(0, 1e6)")
    visit("found-fields")


def _walk_upload(page: Page, up: RunningUp, org_id: str, folder: Path, name: str, visit: Visit) -> None:
    page.set_viewport_size({"width": NARROW, "height": HEIGHT})
    dialog = steps.open_dialog(page, up, org_id)
    dialog.get_by_label("Base Model").select_option("flux-2-klein-4b")
    steps.choose(dialog, steps.write_good(folder))
    visit("contradiction")
    dialog.get_by_label("Base Model").select_option("flux-2-klein-9b")
    dialog.get_by_label("Name").fill("nordic-light")
    session = steps.throttle(page, SLOW)
    steps.submit(dialog)
    _walk_name_taken(dialog, visit)
    dialog.get_by_label("Name").fill(name)
    steps.submit(dialog)
    steps.wait_for_share(dialog, 11)
    visit("uploading")
    dialog.get_by_role("button", name="Pause").click()
    visit("paused")
    dialog.get_by_role("button", name="Cancel upload").click()
    visit("question")
    dialog.get_by_role("button", name="Keep uploading").click()
    dialog.get_by_role("button", name="Resume").click()
    steps.set_speed(session, SLOW, offline=True)
    expect(dialog.locator("[data-upload-message]")).to_be_visible()
    visit("lost")
    steps.set_speed(session, SLOW)
    _walk_failed(page, dialog, visit)
    steps.set_speed(session, -1)

    def finish(route: Route) -> None:
        visit("finishing")
        route.continue_()

    page.route("**/finetunes/add/", finish)
    dialog.get_by_role("button", name="Try now").click()
    expect(dialog).to_be_hidden(timeout=steps.WAIT_MS)
    page.unroute("**/finetunes/add/")
    visit("added")


def _walk_afterwards(page: Page, up: RunningUp, org_id: str, folder: Path, name: str, visit: Visit) -> None:
    dialog = steps.open_dialog(page, up, org_id)
    steps.choose(dialog, steps.write_good(folder))
    expect(dialog.locator("[data-same-weights]")).to_be_visible(timeout=steps.WAIT_MS)
    visit("duplicate")
    page.goto(f"{up.base_url}/o/{org_id}/finetune/{name}/checkpoint/")
    visit("page")
    page.get_by_role("link", name="Replace checkpoint").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    visit("replace")


def _walk_name_taken(dialog: Locator, visit: Visit) -> None:
    expect(dialog.get_by_text("There is a finetune named nordic-light already")).to_be_visible()
    visit("name-taken")


def _walk_failed(page: Page, dialog: Locator, visit: Visit) -> None:
    """A full disk, as the server says it."""
    body = '{"message": "The disk of this server is full. What has arrived is kept."}'

    def answer(route: Route) -> None:
        if route.request.method == "PATCH":
            route.fulfill(status=507, body=body, content_type="application/json")
        else:
            route.continue_()

    page.route("**/uploads/*/", answer)
    dialog.get_by_role("button", name="Try now").click()
    expect(dialog.locator("[data-upload-message]")).to_contain_text("full", timeout=steps.WAIT_MS)
    visit("failed")
    page.unroute("**/uploads/*/")
