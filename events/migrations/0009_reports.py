import uuid

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import mailplatform.core.clock


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0012_runs_by_end"),
        ("events", "0008_room_for_updates"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ListWeek",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "mailing_list_id",
                        "week",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("mailing_list_id", models.BigIntegerField()),
                ("week", models.DateField()),
                ("joined", models.IntegerField(default=0)),
                ("left", models.IntegerField(default=0)),
                ("bounced", models.IntegerField(default=0)),
                ("counted_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="ReportGroup",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("created_at", models.DateTimeField(default=mailplatform.core.clock.now, editable=False)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("public_id", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("run_number", models.PositiveIntegerField(default=0)),
                ("name", models.CharField(max_length=300)),
                ("who", models.CharField(max_length=20)),
                ("reason", models.CharField(max_length=200, null=True)),
                ("link", models.TextField(blank=True)),
                ("provider", models.CharField(max_length=60, null=True)),
                ("mailing_list_id", models.BigIntegerField(default=0)),
                ("device", models.CharField(max_length=20, null=True)),
                ("machine", models.CharField(blank=True, max_length=40)),
                (
                    "campaign",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="campaigns.campaign"
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="ReportMail",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("hours", models.PositiveSmallIntegerField()),
                ("people", models.PositiveIntegerField(default=0)),
                ("at", models.DateTimeField(default=mailplatform.core.clock.now)),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="campaigns.run"
                    ),
                ),
            ],
            options={
                "ordering": ["-at"],
                "constraints": [
                    models.UniqueConstraint(fields=("run", "hours"), name="one_report_per_moment")
                ],
            },
        ),
        migrations.CreateModel(
            name="ReportPlan",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("created_at", models.DateTimeField(default=mailplatform.core.clock.now, editable=False)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "hours",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.PositiveSmallIntegerField(), default=list, size=None
                    ),
                ),
                (
                    "campaign",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="campaigns.campaign",
                    ),
                ),
                ("people", models.ManyToManyField(related_name="+", to=settings.AUTH_USER_MODEL)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("campaign",), name="one_report_plan", nulls_distinct=False
                    )
                ],
            },
        ),
    ]
