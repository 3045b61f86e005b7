"""Every page at both widths and in both themes: axe finds nothing, nothing overflows, the keyboard reaches all of it,
the console stays empty.
"""

import pytest
from playwright.sync_api import Page

from tests.browser.accounts import enter, sign_in
from tests.browser.keyboard import walk
from tests.browser.look import EACH_ONCE, check
from tests.running import RunningUp

PAGES = {
    "get started": "/o/{org_id}/get-started/",
    "playground": "/o/{org_id}/playground/",
    "history": "/o/{org_id}/playground/history/?who=all",
    "history, nothing matches": "/o/{org_id}/playground/history/?q=nothing-like-it",
    "retention": "/o/{org_id}/playground/retention/",
    "playground, a link to what is lacking": "/o/{org_id}/playground/?model=gone&width=20&prompt=a+pier",
    "compare": "/o/{org_id}/compare/",
    "sweep": "/o/{org_id}/playground/grid/?prompt=a+pier",
    "sweep that cannot run": "/o/{org_id}/playground/grid/?across_values=0..9&down=seed",
    "API keys": "/o/{org_id}/keys/",
    "create API key": "/o/{org_id}/keys/create/",
    "members": "/o/{org_id}/members/",
    "invite": "/o/{org_id}/members/invite/",
    "leave": "/o/{org_id}/members/leave/",
    "settings": "/o/{org_id}/settings/",
    "delete organization": "/o/{org_id}/settings/delete/",
    "create organization": "/organizations/create/",
    "webhooks": "/o/{org_id}/webhooks/",
    "usage": "/o/{org_id}/usage/",
    "billing": "/o/{org_id}/billing/",
    "all entries": "/o/{org_id}/billing/?show=all",
    "activity": "/o/{org_id}/activity/",
    "activity, nothing matches": "/o/{org_id}/activity/?who=nobody",
    "catalog": "/o/{org_id}/finetunes/",
    "shared": "/o/{org_id}/finetunes/?tab=shared",
    "catalog, filtered": "/o/{org_id}/finetunes/?q=style&precision=fp8&sort=used",
    "catalog, nothing matches": "/o/{org_id}/finetunes/?q=nothing-like-it",
    "catalog, no favourites": "/o/{org_id}/finetunes/?tab=shared&favourites=1",
    "finetune": "/o/{org_id}/finetune/nordic-light/",
    "finetune, API example": "/o/{org_id}/finetune/nordic-light/api/",
    "finetune, one field": "/o/{org_id}/finetune/nordic-light/fields/serving/",
    "finetune, prompts": "/o/{org_id}/finetune/nordic-light/fields/example_prompts/",
    "finetune, sharing": "/o/{org_id}/finetune/velvet-noir/sharing/",
    "finetune, samples": "/o/{org_id}/finetune/nordic-light/samples/",
    "make samples": "/o/{org_id}/finetune/nordic-light/samples/make/",
    "finetune, usage": "/o/{org_id}/finetune/nordic-light/usage/",
    "finetune, checkpoint": "/o/{org_id}/finetune/nordic-light/checkpoint/",
    "add finetune": "/o/{org_id}/finetunes/add/",
    "share": "/o/{org_id}/finetune/nordic-light/grants/",
    "rename": "/o/{org_id}/finetune/nordic-light/rename/",
    "delete": "/o/{org_id}/finetune/nordic-light/delete/",
    "trash": "/o/{org_id}/finetunes/trash/",
    "replace checkpoint": "/o/{org_id}/finetune/nordic-light/versions/add/",
    "change password": "/account/password/change/",
    "e-mail": "/account/email/",
    "two-factor": "/account/2fa/",
    "sessions": "/account/sessions/",
    "connected accounts": "/account/3rdparty/",
    "log out": "/account/logout/",
    "not found": "/nothing-here/",
}
OPEN_PAGES = {
    "log in": "/account/login/",
    "sign up, closed": "/account/signup/",
    "reset password": "/account/password/reset/",
    "reset password, sent": "/account/password/reset/done/",
    "reset password, old link": "/account/password/reset/key/u-k-k/",
    "confirm e-mail, sent": "/account/confirm-email/",
    "confirm e-mail, old link": "/account/confirm-email/key/",
    "account off": "/account/inactive/",
    "provider, cancelled": "/account/3rdparty/login/cancelled/",
}

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("console_errors")]
EXPECTED_ERRORS = ("404",)


def open_and_check(page: Page, up: RunningUp, name: str, path: str) -> None:
    page.goto(up.base_url + path)
    page.wait_for_load_state("networkidle")
    check(page, name, EACH_ONCE)
    walk(page, name)


def test_open_pages_look_right_to_a_machine(page: Page, running_up: RunningUp) -> None:
    for name, path in OPEN_PAGES.items():
        open_and_check(page, running_up, name, path)


def test_pages_look_right_to_a_machine(page: Page, running_up: RunningUp) -> None:
    org_id = sign_in(page, running_up)
    for name, path in PAGES.items():
        open_and_check(page, running_up, name, path.format(org_id=org_id))


def test_results_and_refusals_look_right_to_a_machine(page: Page, running_up: RunningUp) -> None:
    enter(page, running_up, "administrator@atelier")
    for prompt in ("a pier", "a pier [error]", "a pier [slow 30]"):
        page.get_by_label("Prompt", exact=True).fill(prompt)
        page.get_by_role("button", name="Generate").click()
        page.locator("#results .generation").filter(has_text=prompt).first.wait_for()
    page.locator("#results .picture img").first.wait_for()
    page.get_by_text("Not charged.").first.wait_for()
    page.get_by_label("Prompt", exact=True).fill("")
    page.get_by_role("button", name="Generate").press("Enter")
    page.get_by_text("Write what the image should show.").first.wait_for()
    check(page, "results")
    page.locator("#results .generation:has(img) summary").first.click()
    page.get_by_role("link", name="All details").first.click()
    page.locator("#details").wait_for()
    check(page, "generation")
    walk(page, "generation")
