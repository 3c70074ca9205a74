from django.db import migrations, models

# What was reached when, as far as the other times tell; the counters of earlier events stand at other hours and can
# be written anew with `recompute_counters --repair`.
FILL = """
UPDATE events_outcome SET state_at = coalesce(
    CASE WHEN state = 80 THEN complained_at WHEN state IN (40, 70) THEN bounced_at ELSE delivered_at END,
    delivered_at, bounced_at, opened_at, machine_opened_at, clicked_at, machine_clicked_at, now())
WHERE message_id <> '' OR state > 10
"""


class Migration(migrations.Migration):
    dependencies = [("events", "0003_effects")]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AddField(
                    model_name="outcome", name="state_at", field=models.DateTimeField(null=True)
                )
            ],
            database_operations=[
                migrations.RunSQL(
                    "ALTER TABLE events_outcome ADD COLUMN state_at timestamptz",
                    "ALTER TABLE events_outcome DROP COLUMN state_at",
                ),
                migrations.RunSQL(FILL, migrations.RunSQL.noop),
            ],
        ),
    ]
