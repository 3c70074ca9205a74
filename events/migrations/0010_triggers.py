"""What schedules at Amazon told us to do: one row for each rule and time."""

import django.db.models.deletion
from django.db import migrations, models

import mailplatform.core.clock


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0013_media_and_brand"),
        ("events", "0009_reports"),
    ]

    operations = [
        migrations.CreateModel(
            name="Trigger",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("rule", models.CharField(max_length=20)),
                ("scheduled_at", models.DateTimeField()),
                ("received_at", models.DateTimeField(default=mailplatform.core.clock.now)),
                ("refused", models.CharField(blank=True, max_length=300)),
                (
                    "campaign",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="campaigns.campaign",
                    ),
                ),
                (
                    "copy",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="campaigns.campaign",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("rule", "scheduled_at"), name="one_trigger_per_time")
                ],
            },
        ),
    ]
