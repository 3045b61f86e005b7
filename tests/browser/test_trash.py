"""Deleting in a browser: its Undo by mouse and keyboard, what must be typed, the trash, a rename; plain pages too."""

from base64 import b64encode
from collections.abc import Iterator
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.accounts import sign_in
from tests.finetunes.uploading import lora
from tests.running import RunningUp

pytestmark = pytest.mark.browser


@pytest.fixture
def plain_page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(java_script_enabled=False)
    yield context.new_page()
    context.close()


def add(up: RunningUp, name: str) -> None:
    """A finetune of the demo's first organization, as a program uploads it."""
    key, content = up.demo["organizations"][0]["api_key"], lora()
    fields = {"name": name, "base_model": "flux-2-klein-4b"}
    metadata = ",".join(f"{field} {b64encode(value.encode()).decode()}" for field, value in fields.items())
    headers = {"x-key": key, "Tus-Resumable": "1.0.0", "Upload-Metadata": metadata}
    created = Request(f"{up.base_url}/v1/uploads", b"", {**headers, "Upload-Length": str(len(content))}, method="POST")
    with urlopen(created) as response:
        url = f"{up.base_url}{response.headers['Location'].removeprefix(up.base_url)}"
    piece = {**headers, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    with urlopen(Request(url, content, piece, method="PATCH")) as response:
        assert response.status == 204


def url_of(up: RunningUp, org_id: str, path: str) -> str:
    return f"{up.base_url}/o/{org_id}/{path}"


def toast(page: Page, text: str) -> Locator:
    return page.locator("#toasts [data-toast]").filter(has_text=text)


def in_list(page: Page, name: str) -> Locator:
    return page.locator("#catalog").get_by_role("link", name=name, exact=True)


def test_delete_and_undo_by_mouse_in_a_row_of_the_list(page: Page, running_up: RunningUp) -> None:
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    add(running_up, "undo-mouse")
    org_id = sign_in(page, running_up)
    page.goto(url_of(running_up, org_id, "finetunes/?tab=owned"))
    in_list(page, "undo-mouse").click()
    page.get_by_role("link", name="Delete undo-mouse").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Nobody relies on it")
    dialog.get_by_role("button", name="Delete", exact=True).click()
    expect(dialog).to_be_hidden()
    expect(in_list(page, "undo-mouse")).to_have_count(0)
    offer = toast(page, "undo-mouse is in the trash for 7 days.")
    expect(offer.get_by_role("button", name="Undo")).to_be_focused()
    offer.get_by_role("button", name="Undo").click()
    expect(in_list(page, "undo-mouse")).to_be_visible()
    expect(offer).to_have_count(0)
    expect(toast(page, "undo-mouse is back")).to_be_visible()
    expect(in_list(page, "undo-mouse")).to_be_focused()
    assert page.url.endswith("/finetunes/?tab=owned")
    assert errors == []


def test_delete_and_undo_by_keyboard(page: Page, running_up: RunningUp) -> None:
    """The focus is on Undo once the list is there, so that nobody walks through it to find the way back."""
    add(running_up, "undo-keys")
    org_id = sign_in(page, running_up)
    page.goto(url_of(running_up, org_id, "finetune/undo-keys/"))
    page.get_by_role("link", name="Delete undo-keys").focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("link", name="Cancel")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/finetunes/")
    undo = toast(page, "undo-keys is in the trash").get_by_role("button", name="Undo")
    expect(undo).to_be_focused()
    page.keyboard.press("Enter")
    expect(in_list(page, "undo-keys")).to_be_visible()
    expect(in_list(page, "undo-keys")).to_be_focused()


def test_undo_waits_while_it_is_read_and_goes_then(page: Page, running_up: RunningUp) -> None:
    add(running_up, "undo-late")
    org_id = sign_in(page, running_up)
    page.clock.install()
    page.goto(url_of(running_up, org_id, "finetune/undo-late/delete/"))
    page.get_by_role("main").get_by_role("button", name="Delete", exact=True).click()
    offer = toast(page, "undo-late is in the trash")
    page.clock.run_for(1_000)
    expect(offer.get_by_role("button", name="Undo")).to_be_focused()
    page.clock.run_for(120_000)
    expect(offer).to_be_visible()
    page.evaluate("document.activeElement.blur()")
    page.clock.run_for(25_000)
    expect(offer).to_be_visible()
    page.clock.run_for(10_000)
    expect(offer).to_have_count(0)


def test_name_is_typed_where_others_rely_on_it(page: Page, running_up: RunningUp) -> None:
    org_id = sign_in(page, running_up)
    page.goto(url_of(running_up, org_id, "finetune/velvet-noir/"))
    page.get_by_role("link", name="Delete velvet-noir").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("list", name="Who relies on it")).to_contain_text("Shared with Bureau Delta")
    typed = dialog.get_by_label("Type velvet-noir to confirm")
    typed.fill("velvet")
    dialog.get_by_role("button", name="Delete", exact=True).click()
    expect(dialog).to_contain_text("This is not velvet-noir.")
    expect(typed).to_have_value("velvet")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_trash_restores_and_deletes_for_good(page: Page, running_up: RunningUp) -> None:
    org_id = sign_in(page, running_up)
    for name in ("trash-back", "trash-gone"):
        add(running_up, name)
        page.goto(url_of(running_up, org_id, f"finetune/{name}/delete/"))
        page.get_by_role("main").get_by_role("button", name="Delete", exact=True).click()
        expect(toast(page, f"{name} is in the trash")).to_be_visible()
    page.goto(url_of(running_up, org_id, "finetunes/trash/"))
    rows = page.get_by_role("table", name="Deleted finetunes")
    expect(rows.get_by_role("row").filter(has_text="trash-back")).to_contain_text("administrator@")
    rows.get_by_role("button", name="Restore trash-back").click()
    expect(toast(page, "trash-back is back")).to_be_visible()
    expect(page.locator("#trash")).not_to_contain_text("trash-back")
    page.get_by_role("link", name="Delete trash-gone for good").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Type trash-gone to confirm").fill("trash-gone")
    dialog.get_by_role("button", name="Delete for good").click()
    expect(dialog).to_be_hidden()
    expect(page.locator("#trash")).not_to_contain_text("trash-gone")
    page.goto(url_of(running_up, org_id, "finetunes/"))
    expect(in_list(page, "trash-back")).to_be_visible()
    expect(in_list(page, "trash-gone")).to_have_count(0)


def test_rename_goes_to_the_new_page(page: Page, running_up: RunningUp) -> None:
    add(running_up, "old-name")
    org_id = sign_in(page, running_up)
    page.goto(url_of(running_up, org_id, "finetune/old-name/"))
    page.get_by_role("link", name="Rename old-name").click()
    dialog = page.get_by_role("dialog")
    name = dialog.get_by_label("New name")
    expect(name).to_be_focused()
    name.fill("New Name")
    dialog.get_by_role("button", name="Rename").click()
    expect(dialog).to_contain_text("Use only lowercase letters")
    name.fill("new-name")
    name.press("Enter")
    page.wait_for_url("**/finetune/new-name/")
    expect(page.get_by_role("heading", level=1)).to_have_text("new-name")
    expect(toast(page, "old-name is called new-name now")).to_be_visible()
    page.goto(url_of(running_up, org_id, "finetune/old-name/"))
    expect(page.get_by_text("It was renamed: look for new-name.")).to_be_visible()


def test_without_javascript_it_is_deleted_and_undone(plain_page: Page, running_up: RunningUp) -> None:
    page = plain_page
    add(running_up, "undo-plain")
    org_id = sign_in(page, running_up)
    page.goto(url_of(running_up, org_id, "finetune/undo-plain/"))
    page.get_by_role("link", name="Delete undo-plain").click()
    page.get_by_role("main").get_by_role("button", name="Delete", exact=True).click()
    expect(in_list(page, "undo-plain")).to_have_count(0)
    toast(page, "undo-plain is in the trash").get_by_role("button", name="Undo").click()
    expect(page.get_by_text("undo-plain is back")).to_be_visible()
    expect(in_list(page, "undo-plain")).to_be_visible()
