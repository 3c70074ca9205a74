"""A run by local time asks when an hour passed while nothing could be sent: its batches keep their people's own hour."""

from django.db import migrations, models

# A time that the freeze chose is a whole second; the clock's, after which somebody is tried again, is not.
FILL = """
UPDATE campaigns_batch b SET local_at = b.not_before FROM campaigns_run r
WHERE r.id = b.run_id AND b.local_at IS NULL AND b.state <> 'done' AND b.attempt = 1 AND NOT b.resend
    AND jsonb_exists(r.frozen, 'local_at') AND date_trunc('second', b.not_before) = b.not_before;
UPDATE campaigns_run SET attended_at = clock_timestamp() WHERE state = 'sending' AND attended_at IS NULL;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0018_call_taken"),
    ]

    operations = [
        migrations.AddField(
            model_name="batch",
            name="local_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="run",
            name="attended_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AlterField(
            model_name="run",
            name="paused_by",
            field=models.CharField(
                blank=True,
                choices=[
                    ("person", "Paused by a person"),
                    ("safety_stop", "Paused by the safety stop"),
                    ("account", "Paused because Amazon SES refuses to send"),
                    ("quota", "Waiting for the daily quota"),
                    ("warm_up", "Waiting for tomorrow's step of the warm-up"),
                    ("restored", "Paused because the database was restored"),
                    ("late", "Paused because the chosen hour is past"),
                ],
                max_length=12,
            ),
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
    ]
