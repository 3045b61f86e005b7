"""The Playground as a person uses it in a browser."""

from playwright.sync_api import Locator, Page, expect


def model_button(page: Page) -> Locator:
    return page.get_by_role("combobox", name="Model", exact=True)


def picked_model(page: Page) -> Locator:
    """What the form sends: its value is a `finetune_id` or the path of an endpoint."""
    return page.locator("#id_model")


def open_picker(page: Page) -> Locator:
    """The open list, once it is there."""
    model_button(page).click()
    picker = page.get_by_role("dialog", name="Pick a model")
    expect(picker.locator("[data-active]")).to_be_visible()
    return picker


def pick_model(page: Page, finetune_id: str) -> None:
    """By the search, and a click on what it finds."""
    picker = open_picker(page)
    picker.get_by_role("combobox").fill(finetune_id)
    picker.locator(f"[data-value='{finetune_id}']").click()
    expect(picker).to_be_hidden()
    expect(picked_model(page)).to_have_value(finetune_id)
