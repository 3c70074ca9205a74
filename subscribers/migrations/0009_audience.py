"""Acts over many people; domains that get no mail."""

import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import mailplatform.core.clock


class Migration(migrations.Migration):
    dependencies = [
        ("subscribers", "0008_rights"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="BlockedDomain",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("domain", models.CharField(max_length=253)),
                ("reason", models.CharField(max_length=200)),
                ("created_at", models.DateTimeField(default=mailplatform.core.clock.now)),
                ("lifted_at", models.DateTimeField(blank=True, null=True)),
                ("lifted_because", models.CharField(blank=True, max_length=200)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("lifted_at", None)),
                        fields=("domain",),
                        name="one_live_block_per_domain",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="BulkJob",
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
                (
                    "action",
                    models.CharField(
                        choices=[
                            ("tag", "Add a tag"),
                            ("untag", "Remove a tag"),
                            ("list_add", "Put on a list"),
                            ("list_remove", "Take off a list"),
                            ("block", "Block"),
                            ("forget_field", "Delete a field"),
                            ("delete_tag", "Delete a tag"),
                        ],
                        max_length=12,
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[("running", "Running"), ("done", "Done"), ("failed", "Failed")],
                        default="running",
                        max_length=8,
                    ),
                ),
                ("selection", models.JSONField(default=dict)),
                ("target", models.JSONField(default=dict)),
                ("below", models.BigIntegerField(blank=True, null=True)),
                ("found", models.IntegerField(default=0)),
                ("changed", models.IntegerField(default=0)),
                ("left_out", models.JSONField(default=dict)),
                ("error", models.CharField(blank=True, max_length=300)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-created_at"],
            },
        ),
    ]
