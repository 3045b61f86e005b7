"""The pages of grids: the form with its price, cells that come by themselves, and what others may not see."""

import re
from io import BytesIO
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from PIL import Image

from dashboard.bfl.schemas import Status
from dashboard.billing.queries import balance_of
from dashboard.billing.services import hold
from dashboard.sandbox.server import Sandbox
from finetunes.models import Finetune, Grant
from playground import workflow
from playground.models import Generation, Grid, State
from tests.conftest import Cast, log_in, read_file
from tests.playground.conftest import run_steps, submit_one

HTMX = {"HX-Request": "true"}
PRICE = re.compile(r"<strong>([0-9.]+) credits</strong>")
FIELDS = {
    "model": "ink-portrait", "prompt": "TOK, a pier", "seed": "5", "width": "64", "height": "64",
    "output_format": "png", "finetune_strength": "1", "across": "strength", "across_values": "0.7, 0.8",
    "down": "seed", "down_values": "1, 2",
}  # fmt: skip


def url(cast: Cast, name: str, *args: object) -> str:
    return reverse(name, args=[cast.organization.org_id, *args])


def price_in(page: str) -> float:
    found = PRICE.search(page)
    assert found
    return float(found[1])


@pytest.fixture
def creator(cast: Cast) -> Client:
    return log_in(cast.creator.user)


@pytest.fixture
def grid(cast: Cast, creator: Client) -> Grid:
    """Two strengths by two seeds, queued."""
    assert creator.post(url(cast, "grid-new"), FIELDS).status_code == 302
    return Grid.objects.get()


def price(cast: Cast, client: Client, **changes: str) -> str:
    return client.post(url(cast, "grid-price"), {**FIELDS, **changes}, headers=HTMX).content.decode()


def fail(generation: Generation) -> None:
    workflow._end(generation, State.QUEUED, Status.ERROR, {"error": "It broke."})


# --- The form ----------------------------------------------------------------------------------------------------


def test_form_stands_on_the_playgrounds_inputs(cast: Cast, creator: Client) -> None:
    query = {"model": "ink-portrait", "prompt": "TOK in the rain", "seed": "77", "width": "512", "height": "768"}
    page = creator.get(url(cast, "grid-new"), query).content.decode()
    for shown in ("TOK in the rain", 'value="77"', 'value="512"', "0.7, 0.8, 0.9, 1.0", "4 images", "5.6 credits"):
        assert shown in page, shown
    assert 'btn-primary" disabled' not in page


def test_playground_leads_here_without_scripts(cast: Cast, creator: Client) -> None:
    page = creator.get(url(cast, "playground")).content.decode()
    assert f'formaction="{url(cast, "grid-new")}" formmethod="get"' in page
    response = creator.get(url(cast, "grid-new"), {"csrfmiddlewaretoken": "secret", "prompt": "a pier"})
    assert (response.status_code, response["location"]) == (302, f"{url(cast, 'grid-new')}?prompt=a+pier")


def test_price_follows_the_form_and_tells_what_is_left(cast: Cast, creator: Client) -> None:
    page = price(cast, creator)
    assert "<html" not in page
    for shown in ("4 images", "5.6 credits", "4 × 1.4", "94.4 left after"):
        assert shown in page, shown
    assert "9 images" in price(cast, creator, across_values="0..1 step 0.5", down_values="1..3")
    assert "2 images" in price(cast, creator, down="")
    assert (Grid.objects.count(), balance_of(cast.organization)) == (0, 100_000)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"prompt": ""}, "Write what the images should show."),
        ({"across_values": "0.7, x"}, "is no number"),
        ({"down": "strength"}, "both axes would change the same"),
        ({"across_values": "0..2 step 0.1"}, "21 × 2 = 42 images"),
        ({"width": "10"}, "Use 64 or more."),
        ({"model": "nothing"}, "Select a valid choice"),
        ({"down": "prompt", "down_values": " \n "}, "Write one prompt a line."),
    ],
)
def test_what_cannot_run_says_why_in_price_and_refusal(
    cast: Cast, creator: Client, changes: dict[str, str], says: str
) -> None:
    page = price(cast, creator, **changes)
    assert says in page
    assert " disabled" in page
    refused = creator.post(url(cast, "grid-new"), {**FIELDS, **changes}, headers=HTMX)
    page = refused.content.decode()
    assert (refused.status_code, "<html" in page) == (422, False)
    assert says in page
    assert 'aria-invalid="true"' in page
    assert "0.7" in page
    assert Grid.objects.count() == 0


def test_too_few_credits_are_told_before_and_after(cast: Cast, creator: Client) -> None:
    hold(cast.organization, 100_000 - 5_000, uuid4())
    page = price(cast, creator)
    assert "Not enough credits" in page
    assert " disabled" in page
    refused = creator.post(url(cast, "grid-new"), FIELDS)
    assert refused.status_code == 422
    assert "these 4 images cost 5.6, and Atelier has 5." in refused.content.decode()
    assert balance_of(cast.organization) == 5_000


def test_what_a_cap_still_allows_is_told_before_and_more_is_refused(cast: Cast) -> None:
    caller, client = cast.recipient.organization, log_in(cast.recipient.user)
    Grant.objects.create(finetune=cast.finetune, organization=caller, monthly_cap=6)
    fields = {**FIELDS, "model": str(cast.finetune)}
    new, priced = (reverse(name, args=[caller.org_id]) for name in ("grid-new", "grid-price"))
    page = client.post(priced, fields, headers=HTMX).content.decode()
    assert "Atelier allows 6 more of ink-portrait until" in page
    assert " disabled" not in page
    assert client.post(new, fields).status_code == 302
    page = client.post(priced, fields, headers=HTMX).content.decode()
    told = f"These are 4 images, and Atelier allows {caller.name} 2 more of ink-portrait this month."
    assert told in page
    assert " disabled" in page
    refused = client.post(new, fields, headers=HTMX)
    assert refused.status_code == 422
    assert told in refused.content.decode()
    assert "0.7, 0.8" in refused.content.decode()
    assert Generation.objects.count() == 4
    assert client.post(new, {**fields, "down": ""}).status_code == 302
    assert "allows Bureau no more of ink-portrait" in client.post(priced, fields, headers=HTMX).content.decode()


def test_no_cap_is_told_for_what_is_ones_own(cast: Cast, creator: Client) -> None:
    Grant.objects.create(finetune=cast.finetune, organization=cast.recipient.organization, monthly_cap=1)
    assert "more of ink-portrait" not in price(cast, creator)


def test_seed_is_drawn_once_where_none_is_given(cast: Cast, creator: Client) -> None:
    creator.post(url(cast, "grid-new"), {**FIELDS, "seed": "", "down": ""})
    seeds = {generation.inputs["seed"] for generation in Generation.objects.all()}
    assert len(seeds) == 1
    page = creator.get(url(cast, "grid", Grid.objects.get().pk)).content.decode()
    assert f"<code>{seeds.pop()}</code>" in page


def test_prompts_may_be_an_axis(cast: Cast, creator: Client) -> None:
    creator.post(url(cast, "grid-new"), {**FIELDS, "prompt": "", "across": "prompt", "across_values": "a pier\na boat"})
    prompts = Generation.objects.order_by("row", "column").values_list("inputs__prompt", flat=True)
    assert list(prompts) == ["a pier", "a boat"] * 2
    page = creator.get(url(cast, "grid-new"), follow=True).content.decode()
    assert "Prompt × seed" in page


# --- A grid ------------------------------------------------------------------------------------------------------


def test_grid_is_a_table_with_labelled_axes(cast: Cast, creator: Client, grid: Grid) -> None:
    page = creator.get(url(cast, "grid", grid.pk)).content.decode()
    assert page.count('<th scope="col">') == page.count('<th scope="row">') == 2
    assert "0 of 4 ready" in page
    assert '<noscript><meta http-equiv="refresh"' in page
    assert page.count("hx-trigger") == 1  # one request for all cells


def test_poll_brings_the_cells_that_changed_and_stops(
    cast: Cast, creator: Client, grid: Grid, sandbox: Sandbox
) -> None:
    first, second, *others = Generation.objects.order_by("row", "column")
    run_steps(first)
    fail(second)
    page = creator.get(url(cast, "grid", grid.pk), {"seen": "qqqq"}, headers=HTMX).content.decode()
    assert "<html" not in page
    assert [f'id="cell-{place}"' in page for place in ("0-0", "0-1", "1-0", "1-1")] == [True, True, False, False]
    for shown in ("1 of 4 ready", "1.4 credits so far", "It broke.", "Not charged.", "Try again", 'value="REqq"'):
        assert shown in page, shown
    assert "hx-trigger" in page
    for generation in others:
        run_steps(generation)
    page = creator.get(url(cast, "grid", grid.pk), {"seen": "REqq"}, headers=HTMX).content.decode()
    assert "3 of 4 ready" in page
    assert "1 failed, not charged" in page
    assert "hx-trigger" not in page
    assert "3 of 4 images are ready, 1 failed" in page
    whole = creator.get(url(cast, "grid", grid.pk)).content.decode()
    assert "http-equiv" not in whole
    assert url(cast, "generation", first.pk) in whole


def test_poll_costs_as_many_queries_for_four_cells_as_for_two(cast: Cast, creator: Client, grid: Grid) -> None:
    creator.post(url(cast, "grid-new"), {**FIELDS, "down": ""})
    small = Grid.objects.exclude(pk=grid.pk).get()
    creator.get(url(cast, "grid", small.pk))
    counts = []
    for each in (small, grid):
        with CaptureQueriesContext(connection) as statements:
            creator.get(url(cast, "grid", each.pk), {"seen": ""}, headers=HTMX)
        counts.append(len(statements))
    assert counts[0] == counts[1] <= 8


def test_latest_grids_cost_no_query_each(cast: Cast, creator: Client, grid: Grid) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as statements:
            page = creator.get(url(cast, "grid-new")).content.decode()
        assert url(cast, "grid", grid.pk) in page
        return len(statements)

    cost()
    one = cost()
    creator.post(url(cast, "grid-new"), FIELDS)
    assert cost() == one


def test_failed_cell_is_tried_again_in_its_place(cast: Cast, creator: Client, grid: Grid) -> None:
    fail(Generation.objects.get(grid=grid, row=1, column=0))
    again = url(cast, "grid-again", grid.pk, 1, 0)
    page = creator.post(again, {"seen": "qqEq"}, headers=HTMX).content.decode()
    assert 'id="cell-1-0"' in page
    assert 'id="cell-0-0"' not in page
    assert "hx-trigger" in page
    assert Generation.objects.filter(grid=grid, row=1, column=0).count() == 2
    refused = creator.post(again, headers=HTMX)
    assert (refused.status_code, refused["HX-Retarget"]) == (409, "#toasts")
    assert Generation.objects.count() == 5


def test_strength_of_a_cell_is_recommended_and_marked(
    cast: Cast, creator: Client, grid: Grid, sandbox: Sandbox
) -> None:
    run_steps(Generation.objects.get(grid=grid, row=0, column=1))
    developer = log_in(cast.developer.user)
    recommend = url(cast, "grid-recommend", grid.pk, 0, 1)
    page = url(cast, "grid", grid.pk)
    assert recommend in developer.get(page).content.decode()
    assert recommend not in creator.get(page).content.decode()
    answer = developer.post(recommend, headers=HTMX).content.decode()
    assert "0.8 is the recommended strength of ink-portrait now." in answer
    assert '<span class="grid-mark" id="mark-across-1" hx-swap-oob="true">Recommended</span>' in answer
    assert '<span class="grid-mark" id="mark-across-0" hx-swap-oob="true"></span>' in answer
    assert Finetune.objects.get(pk=cast.finetune.pk).recommended_strength is not None
    whole = creator.get(page).content.decode()
    assert whole.count(">Recommended</span>") == 1
    assert whole.count("cell-recommended") == 2
    assert developer.post(recommend).status_code == 302


def test_reference_image_goes_into_every_cell_and_into_the_price(cast: Cast, creator: Client, sandbox: Sandbox) -> None:
    first = run_steps(submit_one(cast.organization, "ink-portrait", width=128, height=64))
    references = [f"result-{first.pk}"]
    form = creator.get(url(cast, "grid-new"), {"model": "ink-portrait", "references": references}).content.decode()
    assert f'value="result-{first.pk}"' in form
    given = {**FIELDS, "width": "", "height": "", "safety_tolerance": "4", "references": references}
    outline = creator.post(url(cast, "grid-price"), given, headers=HTMX).content.decode()
    plain = creator.post(url(cast, "grid-price"), {**FIELDS}, headers=HTMX).content.decode()
    assert price_in(outline) > price_in(plain)
    assert creator.post(url(cast, "grid-new"), given).status_code == 302
    cells = Generation.objects.filter(grid=Grid.objects.get())
    files = {cell.references[0]["file"] for cell in cells}
    assert len(files) == cells.count() == 4
    assert {(cell.width, cell.height, cell.inputs["safety_tolerance"]) for cell in cells} == {(128, 64, 4)}
    page = creator.get(url(cast, "grid", Grid.objects.get().pk)).content.decode()
    assert "references=kept-" in page


def test_reference_image_that_is_gone_is_told(cast: Cast, creator: Client) -> None:
    page = creator.post(url(cast, "grid-new"), {**FIELDS, "references": [f"upload-{uuid4()}"]})
    assert page.status_code == 422
    assert "A reference image is no longer here" in page.content.decode()
    assert not Generation.objects.exists()


def test_recipient_is_offered_no_recommendation(cast: Cast) -> None:
    Grant.objects.create(finetune=cast.finetune, organization=cast.recipient.organization)
    client, org_id = log_in(cast.recipient.user), cast.recipient.organization.org_id
    given = {**FIELDS, "model": str(cast.finetune)}
    assert client.post(reverse("grid-new", args=[org_id]), given).status_code == 302
    grid = Grid.objects.get()
    name = default_storage.save("x.png", ContentFile(b"x"))
    Generation.objects.update(state=State.READY, image=name, finished_at=grid.created_at)
    page = client.get(reverse("grid", args=[org_id, grid.pk])).content.decode()
    assert "4 of 4 ready" in page
    assert "recommend/" not in page
    assert client.post(reverse("grid-recommend", args=[org_id, grid.pk, 0, 0])).status_code == 403


def test_grid_of_another_organization_is_not_there(cast: Cast, grid: Grid) -> None:
    outsider, org_id = log_in(cast.outsider.user), cast.outsider.organization.org_id
    assert outsider.get(reverse("grid", args=[org_id, grid.pk])).status_code == 404
    assert outsider.get(reverse("grid-sheet", args=[org_id, grid.pk])).status_code == 404
    assert outsider.post(reverse("grid-again", args=[org_id, grid.pk, 0, 0])).status_code == 404


def test_removed_cell_says_so(cast: Cast, creator: Client, grid: Grid) -> None:
    Generation.objects.filter(grid=grid, row=0, column=0).delete()
    assert "Removed." in creator.get(url(cast, "grid", grid.pk)).content.decode()


def test_contact_sheet_is_a_png_to_download(cast: Cast, creator: Client, grid: Grid, sandbox: Sandbox) -> None:
    run_steps(Generation.objects.get(grid=grid, row=0, column=0))
    response: Any = creator.get(url(cast, "grid-sheet", grid.pk))
    assert response["content-type"] == "image/png"
    assert response["content-disposition"] == 'attachment; filename="ink-portrait-grid.png"'
    with Image.open(BytesIO(read_file(response))) as sheet:
        sheet.load()
        assert sheet.format == "PNG"
