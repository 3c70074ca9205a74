from django.db import migrations

# A row of outcomes is changed two or three times, by delivery, open and click: with room on its page no index is touched.
FUNCTION = """
CREATE OR REPLACE FUNCTION events_ensure_outcome_partition(run bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE lo bigint := run / 1000 * 1000; name text := 'events_outcome_r' || run / 1000;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('events_outcome'));
    IF to_regclass(name) IS NULL THEN
        EXECUTE format('CREATE TABLE %I PARTITION OF events_outcome FOR VALUES FROM (%s) TO (%s) {room}',
                       name, lo, lo + 1000);
    END IF;
END $$;
"""
EXISTING = """
DO $$
DECLARE child regclass;
BEGIN
    FOR child IN SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'events_outcome'::regclass LOOP
        EXECUTE format('ALTER TABLE %s {change} (fillfactor{value})', child);
    END LOOP;
END $$;
"""
# Not by str.format: the functions have braces and per cent signs of their own.
WITH_ROOM = FUNCTION.replace("{room}", "WITH (fillfactor = 75)") + EXISTING.replace(
    "{change}", "SET"
).replace("{value}", " = 75")
WITHOUT = FUNCTION.replace(" {room}", "") + EXISTING.replace("{change}", "RESET").replace("{value}", "")


class Migration(migrations.Migration):
    dependencies = [("events", "0007_retention")]

    operations = [migrations.RunSQL(WITH_ROOM, WITHOUT)]
