"""Looks at sending domains, and the policy on people who stopped reading."""

import django.core.validators
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("events", "0010_triggers"),
        ("subscribers", "0015_inactive"),
    ]

    operations = [
        migrations.CreateModel(
            name="DomainLook",
            fields=[
                ("domain", models.CharField(max_length=254, primary_key=True, serialize=False)),
                ("at", models.DateTimeField()),
                ("is_verified", models.BooleanField(default=False)),
                ("checks", models.JSONField(default=list)),
                ("dmarc", models.JSONField(default=dict)),
                ("error", models.CharField(blank=True, max_length=500)),
            ],
        ),
        migrations.CreateModel(
            name="Sunset",
            fields=[
                ("subscriber_id", models.BigIntegerField(primary_key=True, serialize=False)),
                (
                    "stage",
                    models.SmallIntegerField(
                        choices=[
                            (1, "to be asked"),
                            (2, "asked, no answer yet"),
                            (3, "kept back, because they did not answer"),
                        ],
                        default=1,
                    ),
                ),
                ("mails", models.IntegerField()),
                ("judged_at", models.DateTimeField()),
                ("asked_at", models.DateTimeField(null=True)),
                ("stopped_at", models.DateTimeField(null=True)),
            ],
            options={"indexes": [models.Index(fields=["stage", "subscriber_id"], name="sunset_by_stage")]},
        ),
        migrations.AddField("policy", "sunset_is_on", models.BooleanField(default=False)),
        migrations.AddField(
            "policy",
            "sunset_months",
            models.PositiveSmallIntegerField(
                default=12,
                validators=[
                    django.core.validators.MinValueValidator(3),
                    django.core.validators.MaxValueValidator(60),
                ],
            ),
        ),
        migrations.AddField(
            "policy",
            "sunset_mails",
            models.PositiveSmallIntegerField(
                default=10,
                validators=[
                    django.core.validators.MinValueValidator(3),
                    django.core.validators.MaxValueValidator(1_000),
                ],
            ),
        ),
        migrations.AddField("policy", "sunset_stops", models.BooleanField(default=False)),
        migrations.AddField(
            "policy",
            "sunset_answer_days",
            models.PositiveSmallIntegerField(
                default=30,
                validators=[
                    django.core.validators.MinValueValidator(7),
                    django.core.validators.MaxValueValidator(365),
                ],
            ),
        ),
        migrations.AddField(
            "policy",
            "sunset_segment",
            models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="subscribers.segment",
            ),
        ),
    ]
