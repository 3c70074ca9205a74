"""An index for “contains” in the search of people, where Postgres has pg_trgm; without it, search is by prefix."""

from django.db import migrations

# Any failure (extension not installed, no right to create it) leaves the search by prefix, which needs nothing.
CREATE = """
DO $$
BEGIN
    CREATE EXTENSION IF NOT EXISTS pg_trgm;
    CREATE INDEX IF NOT EXISTS subscriber_search ON subscribers_subscriber
        USING gin ((email || ' ' || lower(name)) gin_trgm_ops);
EXCEPTION WHEN OTHERS THEN
    RAISE NOTICE 'pg_trgm is not available: people are searched by the beginning of address and name';
END $$
"""


class Migration(migrations.Migration):
    dependencies = [("subscribers", "0002_ledger_triggers")]

    operations = [migrations.RunSQL(CREATE, "DROP INDEX IF EXISTS subscriber_search")]
