"""Results in a browser: as they come, used again, taken away, seen large, cancelled, compared, and linked to."""

import re
import sqlite3

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.browser.accounts import enter, sign_in
from tests.browser.look import EACH_ONCE, check
from tests.browser.playground import pick_model, picked_model
from tests.running import RunningUp

WAIT_MS = 20_000

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("console_errors")]


def generate(page: Page, prompt: str, seed: str = "") -> Locator:
    """The new card, as it comes."""
    page.get_by_label("Prompt", exact=True).fill(prompt)
    page.get_by_label("Seed", exact=True).fill(seed)
    page.get_by_role("button", name="Generate").click()
    card = page.locator("#results .generation").filter(has_text=prompt).first
    expect(card).to_be_visible()
    return card


def more(card: Locator, item: str) -> Locator:
    card.locator("summary").click()
    return card.locator(".more-menu").get_by_text(re.compile(f"^{item}"))


def test_each_of_the_four_fills_what_it_says_and_leaves_the_rest(page: Page, running_up: RunningUp) -> None:
    enter(page, running_up, "creator@atelier")
    pick_model(page, "nordic-light")
    card = generate(page, "a kite over dunes", "77")
    expect(card.locator(".picture img")).to_be_visible(timeout=WAIT_MS)
    prompt, seed, strength = (page.get_by_label(name, exact=True) for name in ("Prompt", "Seed", "Strength"))

    def typed() -> None:
        prompt.fill("mine")
        seed.fill("1")
        strength.fill("0.5")

    def stands(*values: str) -> None:
        for field, value in zip((prompt, seed, strength), values, strict=True):
            expect(field).to_have_value(value)

    typed()
    more(card, "Use prompt").click()
    stands("a kite over dunes", "1", "0.5")
    expect(prompt).to_be_focused()
    expect(page.locator("#announcement")).to_have_text("Filled in: prompt.")
    typed()
    more(card, "Use seed").click()
    stands("mine", "77", "0.5")
    expect(seed).to_be_focused()
    typed()
    more(card, "Remix").click()
    stands("a kite over dunes", "1", "0.9")
    typed()
    card.get_by_role("link", name="Use all").click()
    stands("a kite over dunes", "77", "0.9")
    assert page.url.endswith("/playground/")


def test_viewer_by_keyboard(page: Page, running_up: RunningUp) -> None:
    enter(page, running_up, "creator@atelier")
    for prompt in ("a first mill", "a second mill"):
        expect(generate(page, prompt).locator(".picture img")).to_be_visible(timeout=WAIT_MS)
    first = page.locator("#results .generation").filter(has_text="a second mill").first
    first.locator("a.picture").press("Enter")
    viewer = page.get_by_role("dialog", name="Result, large")
    expect(viewer).to_contain_text("a second mill")
    expect(viewer).to_contain_text("Duration")
    expect(viewer.get_by_role("status")).to_contain_text(re.compile(r"^1 of \d+$"))
    image = viewer.locator("img")
    page.wait_for_function("image => image.complete && image.naturalWidth > 0", arg=image.element_handle())
    page.keyboard.press("1")
    expect(viewer).to_contain_text("100 %")
    assert page.evaluate("image => image.clientWidth === image.naturalWidth", image.element_handle())
    page.keyboard.press("+")
    expect(viewer).to_contain_text("150 %")
    page.keyboard.press("-")
    image.click()
    expect(viewer).to_contain_text("Fit")
    page.keyboard.press("ArrowRight")
    expect(viewer).to_contain_text("a first mill")
    check(page, "viewer", EACH_ONCE)
    page.keyboard.press("Escape")
    expect(viewer).to_be_hidden()
    expect(
        page.locator("#results .generation").filter(has_text="a first mill").first.locator("a.picture")
    ).to_be_focused()


def hold_back(up: RunningUp, card: Locator) -> None:
    """Puts the running one back into the queue, where no worker takes it."""
    pk = (card.get_attribute("id") or "").removeprefix("generation-").replace("-", "")
    with sqlite3.connect(up.data_dir / "dashboard.sqlite3", timeout=10) as database:
        database.execute("UPDATE playground_generation SET state = 'queued', due_at = '2100-01-01' WHERE id = ?", [pk])


def test_queued_one_is_cancelled_and_not_charged(page: Page, running_up: RunningUp) -> None:
    if not (running_up.data_dir / "dashboard.sqlite3").exists():
        pytest.skip("the queue is held back in the file of SQLite")
    enter(page, running_up, "administrator@bureau")
    left = page.locator("#quote .price-note").inner_text()
    card = generate(page, "never to be made [slow 60]")
    expect(card).to_contain_text("Running")
    expect(card.get_by_role("button", name="Cancel")).to_have_count(0)
    hold_back(running_up, card)
    expect(card).to_contain_text("next in the queue")
    page.reload()
    card = page.locator("#results .generation").filter(has_text="never to be made").first
    check(page, "queued", EACH_ONCE)
    card.get_by_role("button", name="Cancel").press("Enter")
    expect(card).to_contain_text("Cancelled.")
    expect(card).to_be_focused()
    expect(card).to_contain_text("Not charged.")
    expect(page.locator("#announcement")).to_contain_text("Not charged.")
    expect(page.locator("#poller[hx-get]")).to_have_count(0)
    expect(page.locator("#quote .price-note")).to_have_text(left)


def test_batch_runs_at_once_outlives_leaving_and_one_request_serves_it(page: Page, running_up: RunningUp) -> None:
    enter(page, running_up, "creator@atelier")
    page.get_by_label("Images", exact=True).fill("3")
    generate(page, "three at once [slow 5]", "41")
    cards = page.locator("#results .generation").filter(has_text="three at once")
    expect(cards).to_have_count(3)
    expect(page.locator("#announcement")).to_have_text("Generating 3 images.")
    expect(cards.locator(".pending-note")).to_have_text([re.compile(r"Running….*[1-9]\d* s")] * 3)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/generations/" in request.url else None)
    page.get_by_role("link", name="Usage", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Usage")
    page.go_back()
    expect(cards.locator(".picture img")).to_have_count(3, timeout=WAIT_MS)
    expect(page.locator("#results .generation-arrived").filter(has_text="three at once")).to_have_count(3)
    assert cards.first.evaluate("card => getComputedStyle(card.querySelector('img')).animationName") != "none"
    expect(cards.locator(".facts .copy-chip")).to_have_text(["seed 43", "seed 42", "seed 41"])
    polls = [url for url in asked if "ids=" in url]
    assert polls
    assert all("/generations/status/" in url for url in polls)
    assert polls[0].count("ids=") == 3
    expect(page.locator("#poller[hx-get]")).to_have_count(0)


def test_what_ends_without_an_image_says_what_happened_and_what_to_change(page: Page, running_up: RunningUp) -> None:
    enter(page, running_up, "creator@atelier")
    for marker, happened, change in (
        ("request moderated", "The prompt or a reference image was blocked before generation.", "Change it"),
        ("content moderated", "blocked by moderation.", "Change the prompt or try another seed."),
        ("error", "The sandbox was asked to fail.", "Try again, or change the prompt or the size."),
    ):
        card = generate(page, f"refused [{marker}]")
        for words in (happened, change, "Not charged."):
            expect(card.locator(".ended-note")).to_contain_text(words, timeout=WAIT_MS)
        expect(card.get_by_role("link", name="Use all")).to_be_visible()
    expect(page.locator("#poller[hx-get]")).to_have_count(0)


@pytest.mark.parametrize("image_format", ["PNG", "WebP"])
def test_image_is_taken_away_with_and_without_its_parameters(
    page: Page, running_up: RunningUp, image_format: str
) -> None:
    enter(page, running_up, "creator@atelier")
    pick_model(page, "nordic-light")
    page.get_by_label("Format").select_option(image_format)
    card = generate(page, f"a buoy for {image_format}", "58")
    expect(card.locator(".picture img")).to_be_visible(timeout=WAIT_MS)
    inside = []
    for item in ("Download", "Download with parameters inside"):
        with page.expect_download() as started:
            more(card, f"{item}$").click()
        assert started.value.suggested_filename == f"nordic-light-v1-seed-58-{name_of(card)}.{image_format.lower()}"
        inside.append(started.value.path().read_bytes().count(b'"seed": "58"'))
        with Image.open(started.value.path()) as picture:
            assert picture.format == image_format.upper()
    assert inside == [0, 1]


def name_of(card: Locator) -> str:
    """As file names have it."""
    return (card.get_attribute("id") or "").removeprefix("generation-")[:8]


def test_copied_link_opens_with_all_inputs_and_says_what_is_lacking(page: Page, running_up: RunningUp) -> None:
    org_id = sign_in(page, running_up, "creator@atelier")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=running_up.base_url)
    page.goto(f"{running_up.base_url}/o/{org_id}/playground/?model=paper-cut&width=512&safety_tolerance=4")
    card = generate(page, "a kiosk & its owner", "3")
    expect(card.locator(".picture img")).to_be_visible(timeout=WAIT_MS)

    def copied(item: str) -> str:
        more(card, item).click()
        expect(page.locator("#toasts")).to_contain_text("Copied")
        text: str = page.evaluate("navigator.clipboard.readText()")
        return text

    assert copied("Copy prompt") == "a kiosk & its owner"
    assert copied("Copy seed") == "3"
    link = copied("Copy link")
    page.context.clear_cookies()
    sign_in(page, running_up, "developer@atelier")
    page.goto(link)
    for label, value in (("Prompt", "a kiosk & its owner"), ("Seed", "3"), ("Width", "512"), ("Safety tolerance", "4")):
        expect(page.get_by_label(label, exact=True)).to_have_value(value)
    expect(picked_model(page)).to_have_value("paper-cut")
    page.goto(link.replace("paper-cut", "somebody/secret-style"))
    expect(page.get_by_role("alert")).to_contain_text("somebody/secret-style")
    expect(picked_model(page)).to_have_value("")
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("a kiosk & its owner")
    check(page, "lacking finetune", EACH_ONCE)
    pick_model(page, "nordic-light")
    expect(page.locator("#quote")).to_contain_text("credits")


def test_two_results_are_compared_by_slider_and_keyboard(page: Page, running_up: RunningUp) -> None:
    enter(page, running_up, "creator@atelier")
    cards = [generate(page, prompt) for prompt in ("a red door", "a blue door")]
    for card in cards:
        expect(card.locator(".picture img")).to_be_visible(timeout=WAIT_MS)
    cards[0].get_by_role("link", name="Compare").click()
    expect(cards[0].locator("[data-compare]")).to_have_text("Chosen")
    cards[1].get_by_role("link", name="Compare with it").click()
    slider = page.get_by_role("slider", name="How much of A is shown, in percent")
    slider.press("ArrowRight")
    expect(slider).to_have_value("51")
    assert page.locator("[data-compare-pair]").evaluate("pair => pair.style.getPropertyValue('--split')") == "51%"
    expect(page.get_by_role("row").nth(1)).to_contain_text("a red door")
    check(page, "compare", EACH_ONCE)
    page.get_by_role("button", name="Side by side").press("Enter")
    expect(slider).to_be_hidden()


def test_result_against_its_base(page: Page, running_up: RunningUp) -> None:
    enter(page, running_up, "creator@atelier")
    pick_model(page, "nordic-light")
    card = generate(page, "a barn at noon")
    expect(card.locator(".picture img")).to_be_visible(timeout=WAIT_MS)
    item = more(card, "Against base")
    expect(item).to_contain_text("1.4 credits")
    item.click()
    page.wait_for_url(re.compile(r"/compare/\?a=.+&b="))
    expect(page.get_by_role("slider")).to_be_visible(timeout=WAIT_MS)
    expect(page.locator(".compare-a figcaption")).to_contain_text("at strength 0")
