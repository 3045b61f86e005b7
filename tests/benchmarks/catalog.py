"""Prints what the catalog's pages cost at 10,000 finetunes: `uv run python -m tests.benchmarks.catalog [ROUNDS]`.

On SQLite, and on PostgreSQL where DATABASE_URL names a server or one answers on 127.0.0.1:5432; beside a bare Django
view that shows 50 rows, in the same run and behind the same middleware.
"""

import html
import os
import re
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from itertools import product
from statistics import median, quantiles

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")
import django  # noqa: E402  Django must find its settings first

django.setup()

import psycopg  # noqa: E402
from django.conf import settings  # noqa: E402
from django.db import connection  # noqa: E402
from django.http import HttpRequest, HttpResponse  # noqa: E402
from django.template import Context, Template  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402
from django.urls import include, path  # noqa: E402
from django.utils import timezone  # noqa: E402

from dashboard.organizations.models import Organization  # noqa: E402
from dashboard.organizations.roles import Role  # noqa: E402
from finetunes.models import Checkpoint, Favourite, Finetune, Grant, Tag, Use, Version  # noqa: E402
from tests.conftest import log_in  # noqa: E402
from tests.factories import make_member  # noqa: E402

ROUNDS = 40
ORGANIZATIONS, FINETUNES, OWN, SHARED, OFFICIAL = 200, 10_000, 2_000, 500, 20
TAGS, STARRED, DAYS, BATCH, PAGE = 100, 50, 10, 1_000, 50
CHILD = "CATALOG_BENCHMARK_CHILD"
LOCAL = "postgres://postgres@127.0.0.1:5432/postgres"
KINDS = (("flux-2-klein-4b", "fp8"), ("flux-2-klein-9b", "fp8"), ("flux-2-klein-9b-kv", "bf16"))
WORDS = [f"{first}-{last}" for first, last in product(("amber", "fjord", "ink", "velvet"), ("light", "noir", "paper"))]
FACTS = {"rank": 16, "family": "flux2-klein-4b", "evidence": ["a line of what was found " * 4] * 40}
NEXT = re.compile(r'id="page-next" href="([^"]*)"')
BARE = Template("<table>{% for row in rows %}<tr><td>{{ row.name }}</td><td>{{ row.base_model }}</td></tr>{% endfor %}")


def main(rounds: int) -> None:
    """One process for each database, so that neither warms the other."""
    url = os.environ.get("DATABASE_URL") or LOCAL
    urls = {"SQLite": "", **({"PostgreSQL": url} if answers(url) else {})}
    for name, database in urls.items():
        with tempfile.TemporaryDirectory() as folder:
            environment = {**os.environ, "DATA_DIR": folder, "DATABASE_URL": database, CHILD: name}
            command = [sys.executable, "-m", "tests.benchmarks.catalog", str(rounds)]
            subprocess.run(command, env=environment, check=True)


def answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.Error:
        return False
    return True


def measure(rounds: int) -> None:
    """In a database of its own, which is removed afterwards."""
    # Not Django's test environment: it notes every template and its context, which costs more than the page.
    settings.ALLOWED_HOSTS = ["testserver"]
    settings.ROOT_URLCONF = (path("bare/", bare), path("", include("dashboard.urls")))
    settings.DATA_DIR.mkdir(parents=True, exist_ok=True)
    name = settings.DATABASES["default"]["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        began = time.perf_counter()
        client, viewer = fill()
        print(f"{os.environ[CHILD]}: {FINETUNES:,} finetunes in {ORGANIZATIONS} organizations, one with {OWN:,} own "
              f"and {SHARED} shared ones; filled in {time.perf_counter() - began:.0f} s; {rounds} rounds")  # fmt: skip
        pages = addresses(client, viewer)
        seconds: dict[str, list[float]] = {page: [] for page in pages}
        queries = {page: count(client, url) for page, url in pages.items()}
        for _ in range(rounds):
            for page, url in pages.items():
                seconds[page].append(timed(client, url))
        for page, times in seconds.items():
            p95 = quantiles(times, n=20)[-1]
            print(f"  {page:28} {queries[page]:3} queries  p50 {median(times) * 1e3:6.1f} ms  p95 {p95 * 1e3:6.1f} ms")
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)


def bare(request: HttpRequest) -> HttpResponse:
    return HttpResponse(BARE.render(Context({"rows": Finetune.objects.order_by("pk")[:PAGE]})))


def addresses(client: Client, viewer: Organization) -> dict[str, str]:
    catalog = f"/o/{viewer.org_id}/finetunes/"
    lists = {
        "by name": "?", "newest": "?sort=newest", "most used": "?sort=used", "search": "?q=velvet+noir",
        "tag and base model": "?tag=tag-7&base_model=flux-2-klein-4b", "shared tab": "?tab=shared",
    }  # fmt: skip
    pages = {f"list, {name}": catalog + query for name, query in lists.items()}
    for name in ("by name", "most used"):
        found = NEXT.search(client.get(pages[f"list, {name}"]).content.decode())
        assert found
        pages[f"list, {name}, second page"] = html.unescape(found[1])
    name = Finetune.objects.filter(organization=viewer)[0].name
    return pages | {"detail": f"/o/{viewer.org_id}/finetune/{name}/", "bare view of 50 rows": "/bare/"}


def count(client: Client, url: str) -> int:
    client.get(url)
    with CaptureQueriesContext(connection) as queries:
        assert client.get(url).status_code == 200
    return len(queries)


def timed(client: Client, url: str) -> float:
    began = time.perf_counter()
    client.get(url)
    return time.perf_counter() - began


# --- What the database is filled with ----------------------------------------------------------------------------


def fill() -> tuple[Client, Organization]:
    organizations = [Organization.objects.create(name=f"Organization {number}") for number in range(ORGANIZATIONS)]
    viewer = organizations[0]
    finetunes = make_finetunes(organizations)
    own, others = finetunes[:OWN], finetunes[OWN:]
    granted = others[:: len(others) // (SHARED - OFFICIAL)][: SHARED - OFFICIAL]
    Grant.objects.bulk_create(Grant(finetune=finetune, organization=viewer) for finetune in granted)
    free = [finetune.pk for finetune in others if finetune not in set(granted)][:OFFICIAL]
    Finetune.objects.filter(pk__in=free).update(is_official=True)
    add_uses(viewer, own, others)
    tags = Tag.objects.bulk_create(Tag(organization=viewer, name=f"tag-{number}") for number in range(TAGS))
    through = Tag.finetunes.through
    through.objects.bulk_create(through(tag=tags[n % TAGS], finetune=each) for n, each in enumerate([*own, *granted]))
    member = make_member(viewer, Role.ADMINISTRATOR)
    Favourite.objects.bulk_create(Favourite(user=member.user, finetune=finetune) for finetune in own[:STARRED])
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return log_in(member.user), viewer


def make_finetunes(organizations: list[Organization]) -> list[Finetune]:
    """The first ones are the first organization's."""
    finetunes, checkpoints = [], []
    for number in range(FINETUNES):
        owner = organizations[0 if number < OWN else 1 + number % (ORGANIZATIONS - 1)]
        base_model, precision = KINDS[number % len(KINDS)]
        name, digest = f"{WORDS[number % len(WORDS)]}-{number}", f"{number:064x}"
        finetunes.append(
            Finetune(organization=owner, name=name, base_model=base_model, precision=precision, trigger_phrase=name[:9])
        )
        checkpoints.append(
            Checkpoint(organization=owner, sha256=digest, weights_sha256=digest, bytes=10**8, file="x", facts=FACTS)
        )
    Finetune.objects.bulk_create(finetunes, BATCH)
    Checkpoint.objects.bulk_create(checkpoints, BATCH)
    pairs = zip(finetunes, checkpoints, strict=True)
    versions = Version.objects.bulk_create(
        (Version(finetune=finetune, checkpoint=checkpoint, number=1) for finetune, checkpoint in pairs), BATCH
    )
    for finetune, version in zip(finetunes, versions, strict=True):
        finetune.current_version = version
    Finetune.objects.bulk_update(finetunes, ["current_version"], batch_size=BATCH)
    return finetunes


def add_uses(viewer: Organization, own: list[Finetune], others: list[Finetune]) -> None:
    """Own ones by two callers, others by their owner, some days each."""
    today = timezone.now().date()
    callers = [(finetune, viewer.pk) for finetune in own] + [(each, each.organization_id) for each in others]
    callers += [(finetune, others[0].organization_id) for finetune in own]
    uses = (
        Use(finetune=finetune, organization_id=caller, day=today - timedelta(days=3 * day), strength=10, images=n % 97)
        for n, (finetune, caller) in enumerate(callers)
        for day in range(DAYS)
    )
    Use.objects.bulk_create(uses, BATCH)


if __name__ == "__main__":
    run = measure if os.environ.get(CHILD) else main
    run(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)
