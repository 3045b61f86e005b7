"""The prompts of a person, for the form to bring back: their own, here, distinct, newest first, and not too many."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from dashboard.organizations.models import Membership
from playground import queries
from playground.models import Generation, State
from tests.conftest import Cast, log_in


def write(member: Membership, *prompts: str) -> None:
    """Generations with these, the first the oldest."""
    now = timezone.now()
    rows = [
        Generation(
            organization=member.organization,
            user=member.user,
            endpoint_name="flux-2-klein-4b",
            inputs={"prompt": prompt},
            width=64,
            height=64,
            cost=1,
            due_at=now,
            state=State.ERROR,
        )
        for prompt in prompts
    ]
    Generation.objects.bulk_create(rows)
    for number, row in enumerate(rows):
        row.created_at = now + timedelta(seconds=number)
    Generation.objects.bulk_update(rows, ["created_at"])


def ask(member: Membership) -> Any:
    return log_in(member.user).get(reverse("playground-prompts", args=[member.organization.org_id]))


def test_newest_come_first_and_each_once(cast: Cast) -> None:
    write(cast.creator, "a pier", "a mill", "a pier", "two\nlines", "a mill")
    answer = ask(cast.creator)
    assert answer.json() == {"prompts": ["a mill", "two\nlines", "a pier"]}
    assert "no-store" in answer["Cache-Control"]


def test_nobody_reads_anothers(cast: Cast) -> None:
    write(cast.developer, "not the creator's")
    write(cast.outsider, "not this organization's")
    Generation.objects.filter(user=cast.developer.user).update(api_key=None)
    assert ask(cast.creator).json() == {"prompts": []}
    assert queries.recent_prompts(cast.organization, cast.outsider.user) == []


def test_fifty_at_most(cast: Cast) -> None:
    write(cast.creator, *(f"prompt {number}" for number in range(70)))
    found = ask(cast.creator).json()["prompts"]
    assert (len(found), found[0], found[-1]) == (50, "prompt 69", "prompt 20")


def test_one_sweep_does_not_push_the_others_out(cast: Cast) -> None:
    write(cast.creator, "before", *["the sweep"] * 36)
    assert ask(cast.creator).json()["prompts"] == ["the sweep", "before"]


def test_as_many_characters_as_load_at_once(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "PROMPTS_CHARS", 25)
    write(cast.creator, "oldest", "y" * 10, "x" * 10, "x" * 10)
    assert ask(cast.creator).json()["prompts"] == ["x" * 10, "y" * 10]


def test_one_query_by_the_persons_index(cast: Cast) -> None:
    write(cast.creator, *(f"prompt {number}" for number in range(120)))
    write(cast.developer, *(f"prompt {number}" for number in range(400)))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    with CaptureQueriesContext(connection) as captured:
        queries.recent_prompts(cast.organization, cast.creator.user)
    assert len(captured) == 1
    sql = captured.captured_queries[0]["sql"]
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
            plan = "\n".join(str(row[-1]) for row in cursor.fetchall())
        assert "generation_by_person" in plan
        assert "TEMP B-TREE" not in plan
