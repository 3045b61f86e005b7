"""The history in a browser: filters, scrolling on and back to the same place, stars, deletion, the ZIP; plain too."""

import re
from collections.abc import Iterator
from zipfile import ZipFile

import pytest
import requests
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.accounts import sign_in
from tests.browser.keyboard import walk
from tests.browser.look import EACH_ONCE, check
from tests.running import RunningUp

pytestmark = pytest.mark.browser
PAGE_SIZE = 48
# Of these one page is not enough; they end without an image, so that they are there at once.
MANY = PAGE_SIZE + 4
BLOCKED = "a quay [request moderated]"
READY = "a kittiwake on a crane"
# As many as the Playground shows among its results.
RESULTS = 12
WAIT_MS = 20_000


@pytest.fixture(scope="module")
def seeded(running_up: RunningUp) -> RunningUp:
    """Images of a program's, and more blocked prompts than a page holds."""
    for prompt, count in ((BLOCKED, MANY), (READY, 2)):
        for number in range(count):
            ask(running_up, f"{prompt} nr {number}")
    return running_up


def ask(up: RunningUp, prompt: str) -> None:
    finetune = next(each for each in up.demo["finetunes"] if each["finetune_id"] == "nordic-light")
    body = {"finetune_id": "nordic-light", "prompt": prompt, "width": 64, "height": 64, "seed": 7}
    headers = {"x-key": up.demo["organizations"][0]["api_key"]}
    url = f"{up.base_url}/v1/{finetune['endpoint'].rpartition('/')[2]}"
    assert requests.post(url, json=body, headers=headers, timeout=10).status_code == 200


def history_of(up: RunningUp, org_id: str) -> str:
    return f"{up.base_url}/o/{org_id}/playground/history/?who=all"


@pytest.fixture
def history(page: Page, seeded: RunningUp) -> Page:
    """The page with everyone's."""
    page.goto(history_of(seeded, sign_in(page, seeded)))
    return page


@pytest.fixture
def plain(browser: Browser, seeded: RunningUp) -> Iterator[Page]:
    """The same in a browser without JavaScript."""
    with browser.new_context() as scripted:
        org_id = sign_in(scripted.new_page(), seeded)
        state = scripted.storage_state()
    with browser.new_context(java_script_enabled=False, storage_state=state) as context:
        page = context.new_page()
        page.goto(history_of(seeded, org_id))
        yield page


def cards(page: Page) -> Locator:
    return page.locator(".history-card")


def find(page: Page, words: str, count: int) -> None:
    page.get_by_label("Search prompts").fill(words)
    expect(cards(page)).to_have_count(count)


def show_ready(page: Page) -> None:
    """Both images; they may still be on their way, so the page is loaded until they are there."""
    find(page, READY, 2)
    for _ in range(40):
        if page.locator(".history-picture img").count() == 2:
            return
        page.wait_for_timeout(250)
        page.reload()
    pytest.fail("the images did not come")


def test_filters_stand_in_the_address_and_back_leads_back(history: Page, seeded: RunningUp) -> None:
    search = history.get_by_label("Search prompts")
    search.press_sequentially("kittiwake")
    expect(cards(history)).to_have_count(2)
    expect(search).to_be_focused()
    assert history.url.endswith("/history/?q=kittiwake&who=all")
    history.get_by_label("State", exact=True).select_option("failed")
    expect(history.get_by_role("heading", name="Nothing matches")).to_be_visible()
    check(history, "history, nothing matches", EACH_ONCE)
    history.go_back()
    expect(cards(history)).to_have_count(2)
    history.get_by_label("Finetune", exact=True).select_option("nordic-light")
    expect(history).to_have_url(re.compile(r"finetune=nordic-light"))
    expect(cards(history)).to_have_count(2)
    endpoint = next(each["endpoint"] for each in seeded.demo["finetunes"] if each["finetune_id"] == "nordic-light")
    history.get_by_label("Endpoint", exact=True).select_option(endpoint.rpartition("/")[2])
    history.get_by_label("From", exact=True).fill("2020-01-01")
    expect(history).to_have_url(re.compile("2020-01-01"))
    expect(cards(history)).to_have_count(2)
    history.get_by_label("To", exact=True).fill("2020-01-02")
    expect(history.get_by_role("heading", name="Nothing matches")).to_be_visible()
    history.get_by_role("link", name="Clear filters").click()
    expect(history.get_by_label("Made by")).to_have_value("me")


def test_scrolling_loads_more_and_back_from_a_generation_finds_the_place(history: Page) -> None:
    find(history, "a quay", PAGE_SIZE)
    history.locator("#page-older").scroll_into_view_if_needed()
    expect(cards(history)).to_have_count(MANY)
    expect(history.locator("[data-history-said]")).to_have_text(f"{MANY} generations shown")
    chosen = cards(history).filter(has_text="nr 1", has_not_text="nr 1\\d").last
    name = chosen.get_attribute("id")
    chosen.locator("[data-history-open]").click()
    expect(history.get_by_role("heading", level=1)).to_have_text("Generation")
    history.go_back()
    back = history.locator(f"#{name}")
    expect(back).to_be_in_viewport()
    expect(back.locator("[data-history-open]")).to_be_focused()
    history.get_by_role("link", name="Newest").click()
    expect(cards(history).first).to_contain_text(f"nr {MANY - 1}")


def test_star_stays_and_is_filtered_by(history: Page) -> None:
    find(history, READY, 2)
    star = history.get_by_role("button", name=f"Star: {READY} nr 0")
    star.press("Enter")
    expect(star).to_have_attribute("aria-pressed", "true")
    expect(star).to_be_focused()
    history.get_by_label("Starred").check(force=True)
    expect(cards(history)).to_have_count(1)
    expect(history.get_by_label("Starred")).to_be_focused()
    expect(history.locator(".htmx-request, .htmx-settling")).to_have_count(0)
    walk(history, "history")
    star.click()
    expect(star).to_have_attribute("aria-pressed", "false")


def test_chosen_images_come_as_a_zip(history: Page) -> None:
    show_ready(history)
    history.get_by_label("Select all").check()
    expect(history.get_by_text("2 selected")).to_be_visible()
    check(history, "history, selected", EACH_ONCE)
    with history.expect_download() as download:
        history.get_by_role("button", name="Download ZIP").click()
    with ZipFile(download.value.path()) as file:
        assert file.testzip() is None
        first, second = file.namelist()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d nordic-light 7\.(png|jpeg)", first)
    assert second.startswith(first.rpartition(".")[0] + " (2).")


def test_several_are_deleted_after_a_question_and_the_rest_stays_in_place(history: Page) -> None:
    find(history, "quay [request moderated] nr 4", 11)
    for number in (41, 42):
        history.get_by_label(f"Select: {BLOCKED} nr {number}").check()
    history.get_by_role("button", name="Delete…").click()
    dialog = history.get_by_role("dialog")
    expect(dialog).to_contain_text("Delete 2 generations?")
    check(history, "delete several generations", EACH_ONCE)
    dialog.get_by_role("button", name="Delete 2 generations").click()
    expect(dialog).to_be_hidden()
    expect(cards(history)).to_have_count(9)
    expect(history.get_by_text("Deleted 2 generations.")).to_be_visible()
    expect(history.locator("[data-history-count]")).to_have_text("")


def test_one_is_deleted_on_its_own_page(history: Page) -> None:
    find(history, "quay [request moderated] nr 39", 1)
    history.locator("[data-history-open]").click()
    history.get_by_role("link", name=re.compile("^Delete: a quay")).click()
    history.get_by_role("dialog").get_by_role("button", name="Delete generation").click()
    expect(history.get_by_role("heading", level=1)).to_have_text("History")
    expect(history.get_by_text("Deleted 1 generation.")).to_be_visible()


def test_days_that_all_is_kept_are_told_where_it_stands(history: Page) -> None:
    expect(history.locator(".page-head")).to_contain_text("All is kept until somebody deletes it.")
    for days, told in (
        ("3650", "All is kept 3650 days, and what is starred for good."),
        ("", "until somebody deletes"),
    ):
        history.get_by_role("link", name="Change how long").click()
        history.get_by_label("Days").fill(days)
        history.get_by_role("button", name="Save").click()
        history.goto(re.sub("playground/.*", "playground/history/", history.url))
        expect(history.locator(".page-head")).to_contain_text(told)


def test_filter_older_page_and_deletion_work_without_javascript(plain: Page) -> None:
    plain.get_by_label("State", exact=True).select_option("failed")
    plain.get_by_label("Search prompts").fill("a quay")
    plain.get_by_role("button", name="Search").click()
    expect(cards(plain)).to_have_count(PAGE_SIZE)
    plain.get_by_role("link", name="Older").click()
    oldest = cards(plain).last
    expect(oldest).to_contain_text("nr 0")
    oldest.get_by_role("button", name=re.compile("^Star: ")).click()
    expect(oldest.get_by_role("button", name=re.compile("^Star: "))).to_have_attribute("aria-pressed", "true")
    oldest.get_by_label("Select: ").check()
    plain.get_by_role("button", name="Delete…").click()
    plain.get_by_role("button", name="Delete generation").click()
    expect(plain.get_by_text("Deleted 1 generation.")).to_be_visible()
    assert "state=failed" in plain.url


def test_running_cards_become_pictures_by_themselves_and_stay_in_place(history: Page, seeded: RunningUp) -> None:
    for number in range(3):
        ask(seeded, f"a slow tide [slow {number + 2}] nr {number}")
    asked: list[str] = []
    history.on("request", lambda request: asked.append(request.url) if "/generations/status/" in request.url else None)
    history.reload()
    slow = cards(history).filter(has_text="a slow tide")
    expect(slow).to_have_count(3)
    last = slow.filter(has_text="nr 2")
    last.get_by_label("Select: ").check()
    last.locator("[data-history-open]").focus()
    history.locator("#page-older").scroll_into_view_if_needed()
    expect(cards(history).nth(PAGE_SIZE)).to_be_attached()
    place = history.evaluate("scrollY")
    expect(slow.locator("img")).to_have_count(3, timeout=WAIT_MS)
    assert history.evaluate("scrollY") == place
    assert last.get_by_label("Select: ").is_checked()
    expect(last.locator("[data-history-open]")).to_be_focused()
    expect(history.locator("#announcement")).to_contain_text("Ready: a slow tide [slow 4] nr 2.")
    assert any(url.count("ids=") == 3 for url in asked)
    expect(history.locator("#poller[hx-get]")).to_have_count(0)
    check(history, "history, pictures arrived", EACH_ONCE)


def test_earlier_images_stand_below_the_results_and_come_when_scrolled_to(page: Page, seeded: RunningUp) -> None:
    org_id = sign_in(page, seeded)
    playground = f"{seeded.base_url}/o/{org_id}/playground/"
    page.goto(playground)
    page.get_by_label("Prompt", exact=True).fill("an old well")
    page.get_by_role("button", name="Generate").click()
    expect(page.locator("#results .generation").filter(has_text="an old well").locator("img")).to_be_visible(
        timeout=WAIT_MS
    )
    for number in range(RESULTS):
        ask(seeded, f"{BLOCKED} over the well nr {number}")
    page.goto(playground)
    expect(page.locator("#results .generation")).to_have_count(RESULTS)
    earlier = page.get_by_role("region", name="Your earlier images")
    assert earlier.locator("img").count() == 0
    earlier.scroll_into_view_if_needed()
    picture = earlier.get_by_role("img", name="an old well", exact=True)
    expect(picture).to_be_visible()
    expect(earlier.locator(".history-older")).to_have_count(0)
    expect(page.locator("#poller[hx-get]")).to_have_count(0, timeout=WAIT_MS)
    expect(page.locator("#quote.htmx-request")).to_have_count(0)  # each that ends has the price asked for anew
    check(page, "playground, earlier images", EACH_ONCE)
    picture.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Generation")
    page.go_back()
    page.get_by_role("region", name="Your earlier images").get_by_role("link", name="All in History").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("History")
