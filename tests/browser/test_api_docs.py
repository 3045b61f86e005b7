"""The API reference in a browser: a key for one hour goes out with a call, and the page is one of ours."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.accounts import sign_in
from tests.browser.look import EACH_ONCE, check
from tests.running import RunningUp

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("console_errors")]


def test_a_call_is_tried_with_a_key_for_one_hour(page: Page, running_up: RunningUp) -> None:
    org_id = sign_in(page, running_up)
    page.goto(f"{running_up.base_url}/o/{org_id}/keys/")
    page.get_by_role("link", name="API reference").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("API reference")
    page.get_by_label("Scope").select_option(label="Read: look at credits, catalog and results")
    page.get_by_role("button", name="Use a key for one hour").click()
    expect(page.get_by_text("go out with the key API docs")).to_be_visible()
    assert page.locator("[data-trial-key]").count() == 0

    call = page.locator("#operations-Utility-get_credits")
    call.locator("button.opblock-summary-control").press("Enter")
    call.get_by_role("button", name="Execute").click()
    answer = call.locator(".live-responses-table")
    expect(answer.locator(".response-col_status").last).to_contain_text("200")
    expect(answer).to_contain_text('"credits"')
    page.locator("#operations-Utility-get_get_result, #operations-Utility-get_result").locator(
        "button.opblock-summary-control"
    ).press("Enter")
    check(page, "API reference", EACH_ONCE)


def test_a_stranger_pastes_a_key(page: Page, running_up: RunningUp) -> None:
    page.goto(f"{running_up.base_url}/v1/docs")
    page.get_by_label("API key").fill(running_up.demo["organizations"][0]["api_key"])
    page.get_by_role("button", name="Use this key").click()
    expect(page.get_by_text("the key that you pasted")).to_be_visible()
    call = page.locator("#operations-Utility-get_credits")
    call.locator("button.opblock-summary-control").press("Enter")
    call.get_by_role("button", name="Execute").click()
    expect(call.locator(".live-responses-table .response-col_status").last).to_contain_text("200")
