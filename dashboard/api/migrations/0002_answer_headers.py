from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("api", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="idempotentrequest",
            name="headers",
            field=models.JSONField(default=dict, help_text="The headers of the answer, as its call set them."),
        ),
    ]
