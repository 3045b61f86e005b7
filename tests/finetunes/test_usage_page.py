"""The owner's tab of usage: who called it, when and how strong; and nothing of what others made with it."""

import csv
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from dashboard.organizations.models import Organization
from dashboard.organizations.services.keys import mint_api_key
from finetunes.models import Finetune, Use
from finetunes.queries import usage
from playground.models import Generation
from tests.conftest import Cast, log_in, read_file
from tests.factories import make_organization

WEDNESDAY = date(2026, 3, 18)
CANARY = "zebra-canary-prompt"


@pytest.fixture
def owner(cast: Cast) -> Client:
    return log_in(cast.owner.user)


def use(finetune: Finetune, caller: Organization, images: int, day: date = WEDNESDAY, tenths: int = 10) -> None:
    Use.objects.create(finetune=finetune, organization=caller, day=day, strength=tenths, images=images)


def url_of(finetune: Finetune, route: str = "finetune-usage", viewer: Organization | None = None) -> str:
    viewer = viewer or finetune.organization
    return reverse(route, args=[viewer.org_id, finetune.id_for(viewer)])


def page_of(client: Client, finetune: Finetune, **query: Any) -> str:
    return client.get(url_of(finetune), query).content.decode()


def test_images_are_summed_by_caller_week_and_strength(cast: Cast) -> None:
    owner, recipient, gone = cast.organization, cast.recipient.organization, cast.outsider.organization
    finetune = cast.granted
    use(finetune, owner, 10)
    use(finetune, recipient, 25, WEDNESDAY - timedelta(days=2))
    use(finetune, recipient, 5, WEDNESDAY - timedelta(days=3), tenths=20)
    use(finetune, gone, 0)
    use(finetune, gone, 99, WEDNESDAY - timedelta(days=23 + 7))
    use(cast.finetune, owner, 77)
    found = usage.read_usage(finetune, 4, WEDNESDAY)
    assert found.since == date(2026, 2, 23)
    assert (found.images, found.caller_count, found.others, found.rest) == (40, 2, 0, 0)
    callers = [(part.label.name, part.label.is_own, part.images, part.percent) for part in found.callers]
    assert callers == [(owner.name, True, 10, 25), (recipient.name, False, 30, 75)]
    assert [week.images for week in found.weeks] == [0, 0, 5, 35]
    assert [week.label for week in found.weeks][-1] == date(2026, 3, 16)
    assert {part.label: part.images for part in found.strengths if part.images} == {1.0: 35, 2.0: 5}
    assert len(found.strengths) == 21


def test_first_day_of_the_period_counts_and_the_day_before_does_not(cast: Cast) -> None:
    start = usage.since(12, WEDNESDAY)
    use(cast.finetune, cast.organization, 1, start)
    use(cast.finetune, cast.organization, 2, start - timedelta(days=1))
    assert usage.read_usage(cast.finetune, 12, WEDNESDAY).images == 1
    assert usage.read_usage(cast.finetune, 26, WEDNESDAY).images == 3


def test_page_tells_the_period_that_is_asked_for(cast: Cast, owner: Client) -> None:
    today = timezone.now().date()
    use(cast.finetune, cast.organization, 1234, today)
    use(cast.finetune, cast.organization, 4000, today - timedelta(weeks=8))
    assert "5,234" in page_of(owner, cast.finetune)
    assert "5,234" not in page_of(owner, cast.finetune, weeks=4)
    assert 'weeks=4" hx-get' in page_of(owner, cast.finetune)
    for wrong in ("5", "x", "", "4\x00"):
        assert "5,234" in page_of(owner, cast.finetune, weeks=wrong)


def test_many_callers_cost_as_much_as_few_and_the_rest_is_summed_up(cast: Cast, owner: Client) -> None:
    today = timezone.now().date()
    use(cast.granted, cast.organization, 1, today)
    page_of(owner, cast.granted)
    with CaptureQueriesContext(connection) as few:
        page_of(owner, cast.granted)
    callers = [make_organization(f"Caller {number:02}", credits=0) for number in range(usage.TOP + 2)]
    for number, caller in enumerate(callers):
        use(cast.finetune, caller, number + 10, today)
    use(cast.finetune, cast.organization, 1, today)
    with CaptureQueriesContext(connection) as many:
        page = page_of(owner, cast.finetune)
    assert len(many) == len(few)
    assert page.index("(you)") < page.index("Caller 51")
    assert ("Caller 02" in page, "and 3 others" in page) == (False, True)
    assert usage.read_usage(cast.finetune, 4, today).rest == 10 + 11 + 12


def test_file_holds_each_counter_of_the_period(cast: Cast, owner: Client) -> None:
    today, recipient = timezone.now().date(), cast.recipient.organization
    use(cast.granted, recipient, 3, today, tenths=15)
    use(cast.granted, recipient, 9, today - timedelta(weeks=20))
    Organization.objects.filter(pk=recipient.pk).update(name="=cmd()")
    response = owner.get(url_of(cast.granted, "finetune-usage-csv"), {"weeks": 4})
    rows = list(csv.reader(read_file(response).decode().splitlines()))
    assert rows == [list(usage.COLUMNS), [today.isoformat(), recipient.org_id, "'=cmd()", "1.5", "3"]]


def test_it_is_the_owners_alone(cast: Cast) -> None:
    recipient = log_in(cast.recipient.user)
    for route in ("finetune-usage", "finetune-usage-csv"):
        assert recipient.get(url_of(cast.granted, route, cast.recipient.organization)).status_code == 404
        assert recipient.get(url_of(cast.granted, route)).status_code == 404
    overview = recipient.get(url_of(cast.granted, "finetune", cast.recipient.organization)).content.decode()
    assert "/usage/?" not in overview
    assert log_in(cast.viewer.user).get(url_of(cast.granted)).status_code == 200


def test_owner_reads_nothing_of_what_a_recipient_made(cast: Cast, owner: Client) -> None:
    caller = cast.recipient.organization
    key, secret = mint_api_key(caller, "canary-key")
    body = {"finetune_id": str(cast.granted), "prompt": CANARY, "finetune_strength": 0.7, "seed": 918273645}
    path = reverse(f"v1:{cast.granted.endpoint.name}")
    answer = Client().post(path, body, content_type="application/json", headers={"x-key": secret})
    assert answer.status_code == 200
    generation = Generation.objects.get(organization=caller)
    secrets = (CANARY, "918273645", str(generation.pk), "canary-key", key.prefix, cast.recipient.user.email)
    routes = ("finetune", "finetune-sharing", "finetune-usage", "finetune-checkpoint")
    pages = [owner.get(url_of(cast.granted, route)).content.decode() for route in routes]
    pages.append(read_file(owner.get(url_of(cast.granted, "finetune-usage-csv"))).decode())
    pages += [
        owner.get(reverse(route, args=[cast.organization.org_id])).content.decode()
        for route in ("finetunes", "activity", "usage", "playground")
    ]
    assert caller.name in pages[1]
    assert caller.name in pages[2]
    assert [secret for secret in secrets for page in pages if secret in page] == []
