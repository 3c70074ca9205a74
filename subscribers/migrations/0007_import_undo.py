"""What an import did, kept for a day so that it can be taken back; the evidence of known exports; suppression files."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

STAGING = """
ALTER TABLE subscribers_importstaging ADD COLUMN ip text NOT NULL DEFAULT '',
    ADD COLUMN requested_at timestamptz, ADD COLUMN requested_ip text NOT NULL DEFAULT ''
"""
UNDO_STAGING = """
ALTER TABLE subscribers_importstaging DROP COLUMN ip, DROP COLUMN requested_at, DROP COLUMN requested_ip
"""


class Migration(migrations.Migration):
    dependencies = [("subscribers", "0006_signup")]

    operations = [
        migrations.AddField(
            "importjob",
            "kind",
            models.CharField(
                choices=[
                    ("people", "People to write to"),
                    ("suppression", "People who must get no mail"),
                ],
                default="people",
                max_length=12,
            ),
        ),
        migrations.AddField("importjob", "made", models.JSONField(blank=True, default=list)),
        migrations.AddField("importjob", "undo", models.JSONField(blank=True, default=dict)),
        migrations.AlterField(
            "importjob",
            "state",
            models.CharField(
                choices=[
                    ("uploaded", "Uploaded"),
                    ("checking", "Checking"),
                    ("ready", "Ready to import"),
                    ("running", "Importing"),
                    ("done", "Done"),
                    ("failed", "Failed"),
                    ("cancelled", "Cancelled"),
                    ("undoing", "Taking back"),
                    ("undone", "Taken back"),
                ],
                default="uploaded",
                max_length=10,
            ),
        ),
        migrations.AlterField(
            "consentrecord",
            "act",
            models.CharField(
                choices=[
                    ("requested", "Requested"),
                    ("granted", "Granted"),
                    ("refused", "Refused"),
                    ("withdrawn", "Withdrawn"),
                    ("objected", "Objected"),
                    ("erased", "Erased"),
                    ("merged", "Merged"),
                    ("annulled", "Annulled"),
                    ("paused", "Paused"),
                    ("resumed", "Resumed"),
                ],
                max_length=10,
            ),
        ),
        migrations.CreateModel(
            name="ImportTrace",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("chunk", models.IntegerField()),
                ("subscriber_id", models.BigIntegerField(db_index=True)),
                ("former", models.JSONField(default=dict)),
                ("given", models.JSONField(default=dict)),
                (
                    "tag_ids",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(), default=list, size=None
                    ),
                ),
                ("joined", models.CharField(blank=True, max_length=10)),
                ("outcome", models.CharField(blank=True, max_length=200)),
                (
                    "job",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="traces",
                        to="subscribers.importjob",
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            "importtrace",
            models.UniqueConstraint(fields=("job", "chunk", "subscriber_id"), name="one_trace_per_chunk"),
        ),
        migrations.RunSQL(STAGING, UNDO_STAGING),
    ]
