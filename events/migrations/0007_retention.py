import django.core.validators
from django.db import migrations, models

# Dropping a month is dropping a table. The function runs as the owner and has limits of its own, so that no setting
# can drop what is still needed: the dedupe rows outlive the age at which a message is still accepted.
FUNCTION = """
CREATE FUNCTION events_drop_month_partitions(events_before date, inbox_before date) RETURNS SETOF text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE child text; parent text; bound date;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('events_month'));
    FOR parent, child IN SELECT p.relname, c.relname FROM pg_inherits i
            JOIN pg_class p ON p.oid = i.inhparent JOIN pg_class c ON c.oid = i.inhrelid
            WHERE p.relname IN ('events_event', 'events_inboundmessage') AND c.relname ~ '_[0-9]{6}$' ORDER BY 2 LOOP
        bound := to_date(right(child, 6), 'YYYYMM');
        IF parent = 'events_event'
            AND bound < least(events_before, (date_trunc('month', now()) - interval '3 months')::date)
            OR parent = 'events_inboundmessage'
            AND bound < least(inbox_before, (date_trunc('month', now()) - interval '1 month')::date) THEN
            EXECUTE format('DROP TABLE %I', child);
            RETURN NEXT child;
        END IF;
    END LOOP;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("events", "0006_digests_and_due_webhooks")]

    operations = [
        migrations.CreateModel(
            name="Retention",
            fields=[
                (
                    "id",
                    models.PositiveSmallIntegerField(
                        default=1, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "months",
                    models.PositiveSmallIntegerField(
                        default=24,
                        validators=[
                            django.core.validators.MinValueValidator(3),
                            django.core.validators.MaxValueValidator(120),
                        ],
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("id", 1)), name="retention_is_one_row")
                ],
            },
        ),
        migrations.RunSQL(FUNCTION, "DROP FUNCTION events_drop_month_partitions(date, date)"),
    ]
