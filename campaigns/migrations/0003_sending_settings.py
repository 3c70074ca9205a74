import django.contrib.postgres.fields
import django.core.validators
from django.db import migrations, models

import mailplatform.core.clock


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0002_ledger_columns")]

    operations = [
        migrations.CreateModel(
            name="SendingSettings",
            fields=[
                ("created_at", models.DateTimeField(default=mailplatform.core.clock.now, editable=False)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "id",
                    models.PositiveSmallIntegerField(
                        default=1, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("warm_up_started_on", models.DateField(blank=True, null=True)),
                (
                    "warm_up_plan",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.PositiveIntegerField(), blank=True, default=list, size=None
                    ),
                ),
                ("resend_by_itself", models.BooleanField(default=False)),
                (
                    "late_start_minutes",
                    models.PositiveIntegerField(
                        default=60,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(10080),
                        ],
                    ),
                ),
                (
                    "grace_seconds",
                    models.PositiveIntegerField(
                        default=10, validators=[django.core.validators.MaxValueValidator(600)]
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "sending settings",
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("id", 1)), name="sending_settings_is_one_row"),
                    models.CheckConstraint(
                        condition=models.Q(("grace_seconds__lte", 600)), name="sending_grace_in_range"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("late_start_minutes__gte", 1), ("late_start_minutes__lte", 10080)
                        ),
                        name="sending_lateness_in_range",
                    ),
                ],
            },
        ),
    ]
