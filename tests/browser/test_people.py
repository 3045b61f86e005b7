"""People in a browser: invited by e-mail and joined, and one person at work in two organizations in two tabs."""

import re

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.accounts import sign_in
from tests.browser.keyboard import walk
from tests.browser.look import EACH_ONCE, check
from tests.running import RunningUp

PASSWORD = "a quiet harbour at night"
# Not beneath "Studio Zero" in the order of names: where that account's home is, other tests rely on.
SECOND = "Zweite Werkstatt"

pytestmark = pytest.mark.browser


def invite(page: Page, email: str, role: str) -> Locator:
    """From the list of members, by the dialog; the row of the invitation."""
    page.get_by_role("link", name="Invite").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("E-mail").fill(email)
    dialog.get_by_role("radio", name=re.compile(f"^{role}")).check()
    dialog.get_by_role("button", name="Send invitation").click()
    expect(dialog).to_be_hidden()
    row = page.get_by_role("row").filter(has_text=email)
    expect(row).to_contain_text(role)
    return row


def link_to(up: RunningUp, email: str) -> str:
    """From the e-mail, which this server prints: no page shows it."""
    printed = up.output.rpartition(f"To: {email}")[2]
    found = re.search(r"http\S+/invitation/\S+/", printed)
    assert found, up.output
    return found[0]


def test_somebody_new_is_invited_signs_up_and_joins(page: Page, running_up: RunningUp, browser: Browser) -> None:
    email = "mira.holm@people.example"
    org_id = sign_in(page, running_up)
    page.goto(f"{running_up.base_url}/o/{org_id}/members/")
    page.get_by_role("link", name="Invite").click()
    expect(page.get_by_role("dialog").get_by_label("E-mail")).to_be_focused()
    check(page, "invite", EACH_ONCE)
    page.keyboard.press("Escape")
    row = invite(page, email, "Developer")
    first = link_to(running_up, email)
    row.get_by_role("button", name="Resend").click()
    expect(page.get_by_text(f"A new link for {email}")).to_be_visible()
    expect(row.get_by_role("button", name="Resend")).to_be_focused()
    assert link_to(running_up, email) != first

    page.goto(link_to(running_up, email))
    expect(page.get_by_text("You are logged in as")).to_be_visible()
    with browser.new_context() as context:
        join(context.new_page(), running_up, email, first)
    page.goto(f"{running_up.base_url}/o/{org_id}/members/")
    person = page.get_by_role("row").filter(has_text=email)
    person.get_by_label(f"Role of {email}").select_option("viewer")
    expect(page.get_by_text(f"{email} is Viewer now.")).to_be_visible()
    person.get_by_role("link", name=f"Remove {email}").click()
    check(page, "remove member", EACH_ONCE)
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(person).to_have_count(0)


def join(page: Page, up: RunningUp, email: str, old_link: str) -> None:
    """In a browser where nobody is logged in."""
    page.goto(old_link)
    expect(page.get_by_text("This invitation is not valid.")).to_be_visible()
    page.goto(link_to(up, email))
    check(page, "invitation")
    walk(page, "invitation")
    page.get_by_role("link", name="Create account").click()
    for field in page.locator("input[type=password]").all():
        field.fill(PASSWORD)
    page.locator("form").get_by_role("button", name=re.compile("Sign up|Create account")).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Join Atelier Nord")
    page.get_by_role("button", name="Accept").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Playground")
    expect(page.get_by_role("button", name="Organization: Atelier Nord Developer")).to_be_visible()


def test_two_tabs_hold_two_organizations(page: Page, running_up: RunningUp) -> None:
    org_id = sign_in(page, running_up, "administrator@studio")
    page.goto(f"{running_up.base_url}/o/{org_id}/members/")
    other = page.context.new_page()
    other.goto(f"{running_up.base_url}/o/{org_id}/members/")
    other.get_by_role("button", name="Organization: Studio Zero").click()
    other.get_by_role("link", name="Create organization").click()
    other.get_by_label("Name").fill(SECOND)
    other.get_by_role("button", name="Create organization").dblclick()  # one comes of it all the same
    expect(other.get_by_role("heading", level=1)).to_have_text("Settings")

    other.goto(re.sub("settings/$", "members/", other.url))
    invite(other, "second@people.example", "Creator")
    invite(page, "first@people.example", "Viewer")
    for tab, mine, others in ((page, "first", "second"), (other, "second", "first")):
        tab.reload()
        expect(tab.get_by_text(f"{mine}@people.example")).to_be_visible()
        expect(tab.get_by_text(f"{others}@people.example")).to_have_count(0)

    page.get_by_role("button", name="Organization: Studio Zero").click()
    page.get_by_role("link", name=SECOND).click()
    expect(page.get_by_role("button", name=f"Organization: {SECOND}")).to_be_visible()
    delete(other)


def delete(page: Page) -> None:
    """The second organization, from its settings."""
    page.get_by_role("link", name="Settings").click()
    page.get_by_role("link", name="Delete organization…").click()
    check(page, "delete organization", EACH_ONCE)
    page.get_by_label("Name or organization ID").fill("something else")
    page.get_by_role("button", name="Delete organization").click()
    expect(page.get_by_text("Type one of them exactly.").first).to_be_visible()
    page.get_by_label("Name or organization ID").fill(SECOND)
    page.get_by_role("button", name="Delete organization").click()
    expect(page.get_by_text(f"{SECOND} is deleted.")).to_be_visible()
    expect(page.get_by_role("button", name="Organization: Studio Zero")).to_be_visible()
