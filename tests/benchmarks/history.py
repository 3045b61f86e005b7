"""Prints what the history's pages cost at 20,000 generations: `uv run python -m tests.benchmarks.history [ROUNDS]`.

On SQLite, and on PostgreSQL where DATABASE_URL names a server or one answers on 127.0.0.1:5432. With EXPLAIN set in the
environment it prints the plan of each page's slowest statement too.
"""

import html
import os
import re
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from statistics import median, quantiles

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")
import django  # noqa: E402  Django must find its settings first

django.setup()

from django.conf import settings  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402
from django.utils import timezone  # noqa: E402

from dashboard.organizations.models import ApiKey, Organization  # noqa: E402
from dashboard.organizations.roles import Role  # noqa: E402
from dashboard.organizations.services.keys import mint_api_key  # noqa: E402
from playground.models import Generation, State  # noqa: E402
from tests.benchmarks.catalog import LOCAL, answers, timed  # noqa: E402
from tests.conftest import log_in  # noqa: E402
from tests.factories import make_member, make_organization  # noqa: E402

ROUNDS = 40
GENERATIONS, OTHERS, PEOPLE, FINETUNES, BATCH, DEEP = 20_000, 20_000, 10, 60, 1_000, 40
CHILD = "HISTORY_BENCHMARK_CHILD"
OLDER = re.compile(r'id="page-older" href="([^"]*)"')
WORDS = ("amber light over a fjord", "a velvet chair in a lobby", "paper cut of a fox", "portrait of a glass blower")
MORE = {"HX-Request": "true"}


def main(rounds: int) -> None:
    """One process for each database, so that neither warms the other."""
    url = os.environ.get("DATABASE_URL") or LOCAL
    urls = {"SQLite": "", **({"PostgreSQL": url} if answers(url) else {})}
    for name, database in urls.items():
        with tempfile.TemporaryDirectory() as folder:
            environment = {**os.environ, "DATA_DIR": folder, "DATABASE_URL": database, CHILD: name}
            command = [sys.executable, "-m", "tests.benchmarks.history", str(rounds)]
            subprocess.run(command, env=environment, check=True)


def measure(rounds: int) -> None:
    """In a database of its own, which is removed afterwards."""
    settings.ALLOWED_HOSTS = ["testserver"]
    settings.DATA_DIR.mkdir(parents=True, exist_ok=True)
    name = settings.DATABASES["default"]["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        client, organization = fill()
        print(f"{os.environ[CHILD]}: {GENERATIONS:,} generations of one organization; {rounds} rounds")
        for page, (url, headers) in addresses(client, organization).items():
            client.get(url, headers=headers)
            with CaptureQueriesContext(connection) as captured:
                assert client.get(url, headers=headers).status_code == 200
            queries = list(captured.captured_queries)  # the next request forgets them
            times = [timed(client, url) if not headers else timed_more(client, url) for _ in range(rounds)]
            middle, most = median(times) * 1e3, quantiles(times, n=20)[-1] * 1e3
            sql = sum(float(query["time"]) for query in queries) * 1e3
            print(f"  {page:24} {len(queries):3} queries in {sql:5.1f} ms  p50 {middle:6.1f}  p95 {most:6.1f} ms")
            if "EXPLAIN" in os.environ:
                explain(queries)
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)


def timed_more(client: Client, url: str) -> float:
    began = time.perf_counter()
    client.get(url, headers=MORE)
    return time.perf_counter() - began


def explain(queries: list[dict[str, str]]) -> None:
    slowest = max(queries, key=lambda query: float(query["time"]))
    prefix = "EXPLAIN ANALYZE" if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN"
    print(f"    {slowest['time']} s: {slowest['sql'][-300:]}")
    with connection.cursor() as cursor:
        cursor.execute(f"{prefix} {slowest['sql']}")
        print("\n".join(f"      {row[-1]}" for row in cursor.fetchall()))


def addresses(client: Client, organization: Organization) -> dict[str, tuple[str, dict[str, str]]]:
    history = f"/o/{organization.org_id}/playground/history/"
    key = ApiKey.objects.get(organization=organization)
    since = (timezone.now() - timedelta(days=50)).date()
    lists = {
        "own": "?", "everyone": "?who=all", "one key": f"?who=key-{key.pk}", "one finetune": "?who=all&finetune=tune-7",
        "failed": "?who=all&state=failed", "running (none)": "?who=all&state=running", "starred": "?starred=1&who=all",
        "from a day to another": f"?who=all&until={since}", "prompt, many match": "?who=all&q=velvet",
        "prompt, few match": "?who=all&q=nr+19999", "prompt, none matches": "?who=all&q=nothing+like+it",
    }  # fmt: skip
    pages: dict[str, tuple[str, dict[str, str]]] = {name: (history + query, {}) for name, query in lists.items()}
    older = deeper(client, history + "?who=all", 1)
    deep = deeper(client, older, DEEP)
    return pages | {"next cards": (f"{older}&more=1", MORE), f"cards {DEEP} pages down": (f"{deep}&more=1", MORE)}


def deeper(client: Client, url: str, pages: int) -> str:
    for _ in range(pages):
        found = OLDER.search(client.get(url).content.decode())
        assert found
        url = html.unescape(found[1])
    return url


# --- What the database is filled with ----------------------------------------------------------------------------


def fill() -> tuple[Client, Organization]:
    organization, other = make_organization("Atelier"), make_organization("Bureau")
    people = [make_member(organization, Role.CREATOR) for _ in range(PEOPLE)]
    make_member(organization, Role.ADMINISTRATOR)
    key = mint_api_key(organization, "nightly")[0]
    now = timezone.now()
    rows = []
    for number in range(GENERATIONS + OTHERS):
        failed, mine = number % 40 == 0, number < GENERATIONS
        rows.append(
            Generation(
                organization=organization if mine else other, user=people[number % PEOPLE].user if number % 3 else None,
                api_key=None if number % 3 or not mine else key, finetune_id_sent=f"tune-{number % FINETUNES}",
                endpoint_name="flux-2-klein-4b-finetuned", cost=1400, width=1024, height=1024, due_at=now,
                inputs={"prompt": f"{WORDS[number % 4]}, nr {number}, " + "and more of it " * 20, "seed": number},
                state=State.ERROR if failed else State.READY, image="" if failed else "x.png",
                thumbnail="" if failed else "x.webp", finished_at=now, is_starred=number % 200 == 1, seed=str(number),
            )
        )  # fmt: skip
    Generation.objects.bulk_create(rows, BATCH)
    for number, row in enumerate(rows):
        row.created_at = now - timedelta(minutes=7 * (number % GENERATIONS))
    Generation.objects.bulk_update(rows, ["created_at"], batch_size=BATCH)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return log_in(people[1].user), organization


if __name__ == "__main__":
    run = measure if os.environ.get(CHILD) else main
    run(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)
