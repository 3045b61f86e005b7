"""Counts the images that were made with finetunes before there were counters; ends without an image count for none."""

from collections import Counter
from datetime import UTC
from typing import Any

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

COUNTED = ["queued", "submitting", "running", "fetching", "ready"]
FIELDS = ("finetune_id", "organization_id", "created_at", "inputs__finetune_strength")
BATCH = 2000


def count_uses(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    generations: Any = apps.get_model("playground", "Generation")
    uses: Any = apps.get_model("finetunes", "Use")
    found: Counter[tuple[Any, ...]] = Counter()
    made = generations.objects.filter(finetune__isnull=False, state__in=COUNTED).order_by()
    for finetune_id, caller_id, created_at, strength in made.values_list(*FIELDS).iterator(BATCH):
        tenths = round((1.0 if strength is None else strength) * 10)
        found[finetune_id, caller_id, created_at.astimezone(UTC).date(), tenths] += 1
    rows = (
        uses(finetune_id=finetune_id, organization_id=caller_id, day=day, strength=tenths, images=images)
        for (finetune_id, caller_id, day, tenths), images in found.items()
    )
    uses.objects.bulk_create(rows, batch_size=BATCH, ignore_conflicts=True)


class Migration(migrations.Migration):
    dependencies = [
        ("playground", "0002_generation_version"),
        ("finetunes", "0005_catalog"),
    ]

    operations = [migrations.RunPython(count_uses, migrations.RunPython.noop)]
