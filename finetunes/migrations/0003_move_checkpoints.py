"""Gives each finetune a first version that refers to the file it had; equal files of an organization become one row.

The extra copies of equal files stay in the storage: a migration that fails later could not bring them back.
"""

from typing import Any

from django.db import migrations


def move(apps: Any, schema_editor: Any) -> None:
    Finetune = apps.get_model("finetunes", "Finetune")
    Checkpoint = apps.get_model("finetunes", "Checkpoint")
    Version = apps.get_model("finetunes", "Version")
    for finetune in Finetune.objects.order_by("pk").iterator():
        checkpoint, _ = Checkpoint.objects.get_or_create(
            organization_id=finetune.organization_id,
            sha256=finetune.checkpoint_sha256,
            defaults={"bytes": finetune.checkpoint_bytes, "file": finetune.checkpoint.name},
        )
        version = Version.objects.create(
            finetune=finetune, number=1, checkpoint=checkpoint, created_by_id=finetune.created_by_id
        )
        Version.objects.filter(pk=version.pk).update(created_at=finetune.created_at)
        Finetune.objects.filter(pk=finetune.pk).update(current_version=version)


class Migration(migrations.Migration):
    dependencies = [("finetunes", "0002_versions")]
    operations = [migrations.RunPython(move)]
