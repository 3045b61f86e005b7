"""Reference images in a browser: laid in by every way, ordered, removed, used from results, and without scripts."""

import re
from pathlib import Path
from time import sleep

import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, Route, expect

from tests.browser.accounts import enter, sign_in
from tests.browser.look import EACH_ONCE, check
from tests.browser.playground import pick_model
from tests.running import RunningUp

WAIT_MS = 20_000
GONE = "upload-00000000-0000-4000-8000-000000000000"
# Makes an event with a file of its own, as no test can paste or drop one by hand.
EVENT = """([kind, target, text]) => {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 96;
    canvas.getContext("2d").fillRect(0, 0, 96, 96);
    return new Promise(resolve => canvas.toBlob(blob => {
        const data = new DataTransfer();
        data.items.add(new File([blob], `${kind}.png`, { type: "image/png" }));
        if (text) data.setData("text/plain", text);
        const options = { bubbles: true, cancelable: true };
        const event = kind === "paste"
            ? new ClipboardEvent(kind, { ...options, clipboardData: data })
            : new DragEvent(kind, { ...options, dataTransfer: data });
        resolve(!document.querySelector(target).dispatchEvent(event));
    }, "image/png"));
}"""

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("console_errors")]
EXPECTED_ERRORS = ("500", "abort")


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    sizes = {"harbour.png": (640, 480), "face.jpg": (300, 400), "grain.webp": (128, 128), "sky.png": (200, 100)}
    for name, size in sizes.items():
        Image.new("RGB", size, "teal").save(tmp_path / name)
    return [tmp_path / name for name in sizes]


def lay_in(page: Page, *paths: Path) -> None:
    before = chips(page).count()
    page.locator("#id_reference_files").set_input_files(list(paths))
    expect(page.locator("#references [name=references]")).to_have_count(before + len(paths))


def chips(page: Page) -> Locator:
    return page.locator("#references li[data-reference]")


def names(page: Page) -> list[str]:
    return page.locator("#references .reference-name").all_inner_texts()


def generate(page: Page, prompt: str) -> Locator:
    page.get_by_label("Prompt", exact=True).fill(prompt)
    page.get_by_role("button", name="Generate").click()
    card = page.locator("#results .generation").filter(has_text=prompt).first
    expect(card.locator(".picture img")).to_be_visible(timeout=WAIT_MS)
    return card


def test_chosen_ones_are_ordered_and_removed_by_keyboard_and_priced(
    page: Page, running_up: RunningUp, pictures: list[Path]
) -> None:
    enter(page, running_up, "creator@atelier")
    pick_model(page, "nordic-light")
    lay_in(page, *pictures[:1])
    lay_in(page, *pictures[1:3])
    assert names(page)[0] == "harbour.png"
    expect(page.locator("#references legend")).to_contain_text("3 of 4")
    expect(page.locator("#quote")).to_contain_text("1.7 credits")
    expect(page.locator("#generate[data-has-references]")).to_have_count(1)
    said = page.locator("#announcement")
    first = names(page)
    move = page.get_by_role("button", name=f"Move {first[2]} left")
    move.press("Enter")
    expect(move).to_be_focused()
    expect(said).to_have_text(f"{first[2]} is now reference image 2 of 3.")
    move.press("Enter")
    expect(move).to_have_attribute("aria-disabled", "true")
    move.press("Enter")  # the first goes no further
    assert names(page) == [first[2], first[0], first[1]]
    check(page, "reference images", EACH_ONCE)
    page.get_by_role("button", name=f"Remove {first[0]}").press("Enter")
    expect(page.get_by_role("button", name=f"Remove {first[1]}")).to_be_focused()
    expect(said).to_have_text(f"Removed {first[0]}.")
    expect(page.locator("#quote")).to_contain_text("1.6 credits")
    for name in (first[1], first[2]):
        page.get_by_role("button", name=f"Remove {name}").press("Enter")
    expect(page.locator("#id_reference_files")).to_be_focused()
    expect(page.locator("#quote")).to_contain_text("1.4 credits")
    expect(page.locator("#generate[data-has-references]")).to_have_count(0)


def test_dragged_one_takes_its_new_place(page: Page, running_up: RunningUp, pictures: list[Path]) -> None:
    enter(page, running_up, "creator@atelier")
    for picture in pictures[:3]:
        lay_in(page, picture)
    chips(page).nth(2).drag_to(chips(page).nth(0))
    assert names(page) == ["grain.webp", "harbour.png", "face.jpg"]
    expect(page.locator("#announcement")).to_have_text("grain.webp is now reference image 1 of 3.")


def test_image_is_pasted_and_text_stays_text(page: Page, running_up: RunningUp) -> None:
    enter(page, running_up, "creator@atelier")
    assert page.evaluate(EVENT, ["paste", "#id_prompt", ""])
    expect(chips(page)).to_have_count(1)
    expect(chips(page)).to_contain_text("96 × 96")
    assert not page.evaluate(EVENT, ["paste", "#id_prompt", "words"])
    assert not page.evaluate(EVENT, ["paste", ".sidebar", ""])
    expect(chips(page)).to_have_count(1)


def test_file_is_dropped_anywhere_on_the_form_and_beside_it_nothing_happens(page: Page, running_up: RunningUp) -> None:
    enter(page, running_up, "creator@atelier")
    assert page.evaluate(EVENT, ["dragover", "#id_prompt", ""])
    expect(page.locator("#generate.is-over")).to_have_count(1)
    assert page.evaluate(EVENT, ["drop", "#id_prompt", ""])
    expect(chips(page)).to_have_count(1)
    expect(page.locator("#generate.is-over")).to_have_count(0)
    assert page.evaluate(EVENT, ["dragover", ".page-head", ""])
    expect(page.locator("#generate.is-over")).to_have_count(0)
    page.evaluate(EVENT, ["drop", ".page-head", ""])
    expect(chips(page)).to_have_count(1)


def test_what_is_refused_is_told_by_name_and_what_does_not_fit(
    page: Page, running_up: RunningUp, pictures: list[Path], tmp_path: Path
) -> None:
    enter(page, running_up, "creator@atelier")
    (tmp_path / "notes.png").write_text("no image")
    (tmp_path / "large.png").write_bytes(b"\0" * (20 * 10**6 + 1))
    page.locator("#id_reference_files").set_input_files([tmp_path / "notes.png", tmp_path / "large.png", pictures[0]])
    told = page.locator("[data-reference-refusals]")
    expect(told).to_contain_text("notes.png: The image does not decode; send a whole JPEG, PNG or WebP.")
    expect(told).to_contain_text("large.png: The image should be at most 20 MB.")
    expect(chips(page)).to_have_count(1)
    lay_in(page, *pictures[1:])
    expect(page.locator(".reference-zone")).to_be_hidden()
    page.evaluate(EVENT, ["dragover", "#id_prompt", ""])
    page.evaluate(EVENT, ["drop", "#id_prompt", ""])
    expect(told).to_contain_text(re.compile(r"drop.png: there is no room, .+ takes 4 reference images at most."))
    expect(chips(page)).to_have_count(4)


def test_refused_form_keeps_them(page: Page, running_up: RunningUp, pictures: list[Path]) -> None:
    enter(page, running_up, "creator@atelier")
    lay_in(page, *pictures[:2])
    before = names(page)
    page.get_by_label("Prompt", exact=True).fill("a pier")
    one = page.locator("#references [name=references]").first
    one.evaluate("(input, gone) => input.after(Object.assign(input.cloneNode(), { value: gone }))", GONE)
    page.get_by_role("button", name="Generate").click()
    expect(page.locator("#references .field-errors")).to_contain_text("A reference image is no longer here.")
    assert names(page) == before
    page.get_by_role("button", name=f"Remove {before[0]}").click()
    expect(chips(page)).to_have_count(1)


def test_generate_waits_for_what_is_on_its_way(page: Page, running_up: RunningUp, pictures: list[Path]) -> None:
    enter(page, running_up, "creator@atelier")

    def hold(route: Route) -> None:
        sleep(1)
        route.continue_()

    page.route("**/playground/references/", hold)
    page.locator("#id_reference_files").set_input_files(pictures[0])
    expect(page.locator(".reference.is-pending")).to_have_count(1)
    card = generate(page, "a pier that waited")
    page.unroute("**/playground/references/")
    expect(card.locator("template")).to_have_count(1)
    inside = card.locator("template").evaluate("template => template.content.textContent.replace(/\\s+/g, ' ')")
    assert "Reference images1" in inside


def test_upload_that_fails_is_told_and_nothing_runs_without_it(
    page: Page, running_up: RunningUp, pictures: list[Path]
) -> None:
    enter(page, running_up, "creator@atelier")
    before = page.locator("#results .generation").count()

    under_way: list[Route] = []
    page.route("**/playground/references/", lambda route: under_way.append(route))
    page.locator("#id_reference_files").set_input_files(pictures[0])
    page.get_by_label("Prompt", exact=True).fill("never made")
    page.get_by_role("button", name="Generate").click()
    expect(chips(page)).to_have_count(1)
    under_way[0].fulfill(status=500, body="")
    expect(page.locator("[data-reference-refusals]")).to_contain_text("harbour.png: could not be laid in.")
    expect(chips(page)).to_have_count(0)
    expect(page.locator("#results .generation")).to_have_count(before)


def test_result_is_used_as_input_from_menu_viewer_and_by_dragging(page: Page, running_up: RunningUp) -> None:
    enter(page, running_up, "creator@atelier")
    card = generate(page, "a lighthouse to go on from")
    page.get_by_label("Prompt", exact=True).fill("mine")
    card.locator("summary").click()
    card.get_by_role("link", name="Use as input").click()
    expect(chips(page)).to_have_count(1)
    expect(chips(page)).to_contain_text("Result: a lighthouse")
    expect(page.get_by_label("Prompt", exact=True)).to_be_focused()
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("mine")
    card.locator("a.picture").click()
    page.get_by_role("dialog").get_by_role("link", name="Use as input").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.locator("#announcement")).to_have_text("It is reference image 1 already.")
    page.get_by_role("button", name=re.compile("^Remove Result")).click()
    card.locator("a.picture img").drag_to(page.locator("#id_prompt"))
    expect(chips(page)).to_have_count(1)
    second = generate(page, "the same by night")
    page.get_by_role("button", name=re.compile("^Remove Result")).click()
    second.get_by_role("link", name="Use all").click()
    expect(chips(page)).to_have_count(1)
    expect(page.locator("#announcement")).to_contain_text("Filled in:")
    expect(page.get_by_label("Prompt", exact=True)).to_be_focused()


def test_without_scripts_they_come_with_the_form_and_a_tick_removes(
    page: Page, browser: Browser, running_up: RunningUp, pictures: list[Path]
) -> None:
    org_id = sign_in(page, running_up, "creator@atelier")
    context = browser.new_context(java_script_enabled=False)
    context.add_cookies(page.context.cookies())  # type: ignore[arg-type]
    plain = context.new_page()
    plain.goto(f"{running_up.base_url}/o/{org_id}/playground/")
    plain.get_by_label("Prompt", exact=True).fill("")
    plain.get_by_label("Add images").set_input_files(pictures[:2])
    plain.get_by_role("button", name="Generate").click()
    expect(plain.get_by_role("checkbox", name=re.compile("^Remove"))).to_have_count(2)
    plain.get_by_role("checkbox", name="Remove face.jpg").check()
    plain.get_by_label("Prompt", exact=True).fill("a plain harbour")
    plain.get_by_role("button", name="Generate").click()
    plain.wait_for_url(re.compile("/generations/"))
    expect(plain.locator("#details")).to_contain_text("Reference images")
    expect(plain.locator(".picture img")).to_be_visible(timeout=WAIT_MS)
    plain.locator(".more summary").click()
    plain.get_by_role("link", name="Use as input").click()
    expect(plain.get_by_role("checkbox", name="Remove Result: a plain harbour")).to_have_count(1)
    context.close()
