"""The history's cards elsewhere and later: below the Playground's results, and while their images are being made."""

import re
from datetime import timedelta
from html import unescape
from typing import Any

from django.test import Client
from django.urls import reverse
from django.utils import timezone

from playground.models import Generation, State
from playground.queries import RECENT
from playground.queries.history import PAGE_SIZE
from tests.conftest import Cast, log_in
from tests.playground.history_rows import make_generation

HTMX = {"HX-Request": "true"}


def history_of(cast: Cast) -> str:
    return reverse("history", args=[cast.organization.org_id])


# --- Below the Playground's results --------------------------------------------------------------------------------


def earlier_of(client: Client, cast: Cast) -> str | None:
    """The address that the Playground asks for when one scrolls below its results."""
    page = client.get(reverse("playground", args=[cast.organization.org_id])).content.decode()
    found = re.search(r'hx-get="([^"]*more=earlier)"', page)
    return unescape(found[1]) if found else None


def small_cards(response: Any) -> list[str]:
    return re.findall(r'id="earlier-([0-9a-f-]{36})"', response.content.decode())


def test_own_earlier_images_follow_on_the_results_and_nothing_stands_twice(cast: Cast) -> None:
    client, person = log_in(cast.creator.user), cast.creator.user
    made = [make_generation(cast.organization, user=person, age=timedelta(hours=n)) for n in range(RECENT + PAGE_SIZE)]
    url = earlier_of(client, cast)
    assert url
    oldest = timedelta(hours=RECENT + PAGE_SIZE)
    made.append(make_generation(cast.organization, user=person, age=oldest))
    for fields in (
        {"user": cast.owner.user},
        {"user": person, "state": State.ERROR},
        {"user": person, "state": "running"},
    ):
        make_generation(cast.organization, age=oldest, **fields)
    first = client.get(url, headers=HTMX)
    following = re.search(r'hx-get="([^"]*more=earlier)"', first.content.decode())
    assert following
    second = client.get(unescape(following[1]), headers=HTMX)
    shown = small_cards(first) + small_cards(second)
    assert shown == [str(generation.pk) for generation in made[RECENT:]]
    assert b"more=earlier" not in second.content
    assert b"checkbox" not in first.content
    assert b"history-star" not in first.content


def test_without_older_images_of_ones_own_there_is_no_such_section(cast: Cast) -> None:
    client = log_in(cast.creator.user)
    for number in range(RECENT + 1):
        make_generation(cast.organization, user=cast.owner.user, age=timedelta(hours=number))
    make_generation(cast.organization, user=cast.creator.user)
    assert earlier_of(client, cast) is None
    assert earlier_of(log_in(cast.owner.user), cast)


# --- What still runs -----------------------------------------------------------------------------------------------


def test_running_cards_of_a_page_are_asked_for_at_once_and_their_pictures_alone_come(cast: Cast) -> None:
    client, person = log_in(cast.creator.user), cast.creator.user
    running = [make_generation(cast.organization, user=person, state=State.RUNNING) for _ in range(2)]
    make_generation(cast.organization, user=person)
    page = client.get(history_of(cast)).content.decode()
    asked = re.findall(r'name="ids" value="([^"]+)" data-running', page)
    assert {text.partition(":")[0] for text in asked} == {str(generation.pk) for generation in running}
    assert page.count('id="poller" hx-get=') == 1
    status = reverse("generations-status", args=[cast.organization.org_id])
    still = client.get(status, {"ids": asked, "card": "history"}, headers=HTMX).content.decode()
    assert "history-picture" not in still
    assert 'name="card" value="history"' in still
    Generation.objects.filter(pk=running[0].pk).update(state=State.ERROR, finished_at=timezone.now())
    changed = client.get(status, {"ids": asked, "card": "history"}, headers=HTMX).content.decode()
    assert re.findall(r'id="picture-([^"]+)"[^>]* hx-swap-oob="true"', changed) == [str(running[0].pk)]
    assert "history-check" not in changed
    assert 'class="generation' not in changed
    assert "hx-get" in changed
    Generation.objects.filter(pk=running[1].pk).update(state=State.ERROR, finished_at=timezone.now())
    ended = client.get(status, {"ids": asked[1:], "card": "history"}, headers=HTMX).content.decode()
    assert "hx-get" not in ended
    assert 'id="poller" hx-get' not in client.get(history_of(cast)).content.decode()


def test_running_cards_that_are_scrolled_to_start_the_asking(cast: Cast) -> None:
    client, person = log_in(cast.creator.user), cast.creator.user
    make_generation(cast.organization, user=person, state=State.RUNNING, age=timedelta(days=1))
    for _ in range(PAGE_SIZE):
        make_generation(cast.organization, user=person)
    page = client.get(history_of(cast)).content.decode()
    assert 'id="poller" hx-get' not in page
    following = re.search(r'hx-get="([^"]*more=1)"', page)
    assert following
    more = client.get(unescape(following[1]), headers=HTMX).content.decode()
    assert "data-running" in more  # which the page's script asks for
    assert "poller" not in more
