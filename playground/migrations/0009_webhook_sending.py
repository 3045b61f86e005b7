import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

STATES = [
    ("waiting", "Waiting for the image"),
    ("due", "To be sent"),
    ("sending", "Being sent"),
    ("delivered", "Delivered"),
    ("given_up", "Given up"),
]


class Migration(migrations.Migration):
    """No webhook was ever written before this."""

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("organizations", "0006_retention_action"),
        ("playground", "0008_webhooks_and_limits"),
    ]

    operations = [
        migrations.RemoveConstraint(model_name="webhook", name="webhook_state_known"),
        migrations.RemoveIndex(model_name="webhook", name="webhook_due"),
        migrations.AlterField(
            model_name="webhook",
            name="state",
            field=models.CharField(choices=STATES, default="waiting", max_length=20),
        ),
        migrations.AlterField(
            model_name="webhook",
            name="due_at",
            field=models.DateTimeField(
                blank=True, help_text="When the next try may begin, or is taken for dead.", null=True
            ),
        ),
        migrations.AlterField(
            model_name="webhookdelivery",
            name="error",
            field=models.CharField(
                blank=True, help_text="Why it failed, where the status does not say.", max_length=200
            ),
        ),
        migrations.AddField(
            model_name="webhook",
            name="organization",
            field=models.ForeignKey(
                default=0,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="webhooks",
                to="organizations.organization",
                verbose_name="caller",
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="webhook",
            name="resent_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="webhook",
            name="delivered_at",
            field=models.DateTimeField(blank=True, help_text="When it was taken first.", null=True),
        ),
        migrations.AddIndex(
            model_name="webhook",
            index=models.Index(
                condition=models.Q(("state__in", ["due", "sending"])), fields=["due_at"], name="webhook_due"
            ),
        ),
        migrations.AddIndex(
            model_name="webhook",
            index=models.Index(fields=["organization", "-id"], name="webhook_by_caller"),
        ),
        migrations.AddConstraint(
            model_name="webhook",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", [name for name, _ in STATES])), name="webhook_state_known"
            ),
        ),
    ]
