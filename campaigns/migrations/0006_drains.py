import uuid

import django.contrib.postgres.indexes
from django.db import migrations, models

import mailplatform.core.clock


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0005_ledger_guards")]

    operations = [
        migrations.CreateModel(
            name="Drain",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("run_id", models.BigIntegerField()),
                ("token", models.UUIDField(default=uuid.uuid4, unique=True)),
                ("process", models.CharField(blank=True, max_length=100)),
                ("lease_until", models.DateTimeField()),
                ("started_at", models.DateTimeField(default=mailplatform.core.clock.now)),
            ],
            options={"indexes": [models.Index(fields=["run_id", "lease_until"], name="drain_of_run")]},
        ),
        migrations.RemoveField(model_name="run", name="drain_lease_until"),
        migrations.AddIndex(
            model_name="call",
            index=django.contrib.postgres.indexes.BrinIndex(
                autosummarize=True, fields=["started_at"], name="call_by_time", pages_per_range=16
            ),
        ),
    ]
