"""People who were there before addresses were verified came from operators, who vouched for them."""

from typing import Any

from django.db import migrations


def vouch(apps: Any, schema_editor: Any) -> None:
    EmailAddress = apps.get_model("account", "EmailAddress")
    known = set(EmailAddress.objects.values_list("user_id", flat=True))
    people = apps.get_model("organizations", "User").objects.values_list("pk", "email")
    missing = [(pk, email) for pk, email in people if pk not in known]
    EmailAddress.objects.filter(primary=True).update(verified=True)
    EmailAddress.objects.bulk_create(
        EmailAddress(user_id=pk, email=email.lower(), verified=True, primary=True) for pk, email in missing
    )


class Migration(migrations.Migration):
    dependencies = [
        ("organizations", "0003_people_keys_and_activity"),
        ("account", "0009_emailaddress_unique_primary_email"),
    ]
    operations = [migrations.RunPython(vouch, migrations.RunPython.noop)]
