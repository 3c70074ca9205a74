"""What an import must not pay for any more: entries per row in two indexes by time, and locks on its own people.

The indexes become summaries of ranges of pages. People are listed by their number, which is the order in which they
came; records are listed by theirs.
"""

import django.contrib.postgres.indexes
from django.db import migrations

# Nobody else sees, or can delete, a person whom this very transaction wrote; only other parents are locked.
PARENTS = """
CREATE OR REPLACE FUNCTION subscribers_lock_parents() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
    PERFORM FROM (
        SELECT DISTINCT a.subscriber_id AS id FROM added a LEFT JOIN LATERAL (
            SELECT s.xmin AS written_by FROM subscribers_subscriber s WHERE s.id = a.subscriber_id OFFSET 0) own ON TRUE
        WHERE own.written_by IS DISTINCT FROM pg_current_xact_id()::xid ORDER BY 1) wanted
    LEFT JOIN LATERAL (
        SELECT s.id FROM subscribers_subscriber s WHERE s.id = wanted.id OFFSET 0 FOR KEY SHARE) held ON TRUE
    WHERE held.id IS NULL;
    IF NOT FOUND THEN
        PERFORM FROM (SELECT DISTINCT a.mailing_list_id AS id FROM added a ORDER BY 1) wanted
        LEFT JOIN LATERAL (
            SELECT m.id FROM subscribers_mailinglist m WHERE m.id = wanted.id OFFSET 0 FOR KEY SHARE) held ON TRUE
        WHERE held.id IS NULL;
    END IF;
    IF FOUND THEN
        RAISE EXCEPTION 'a subscription names a person or a list that is not there'
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'subscription_has_parents';
    END IF;
    RETURN NULL;
END $$
"""


class Migration(migrations.Migration):
    dependencies = [("subscribers", "0015_inactive")]

    operations = [
        migrations.RunSQL(PARENTS, migrations.RunSQL.noop),
        migrations.RemoveIndex(model_name="subscriber", name="subscriber_newest"),
        migrations.RemoveIndex(model_name="consentrecord", name="consent_by_time"),
        migrations.AddIndex(
            model_name="subscriber",
            index=django.contrib.postgres.indexes.BrinIndex(
                autosummarize=True, fields=["created_at"], name="subscriber_by_time"
            ),
        ),
        migrations.AddIndex(
            model_name="consentrecord",
            index=django.contrib.postgres.indexes.BrinIndex(
                autosummarize=True, fields=["recorded_at"], name="consent_by_recording"
            ),
        ),
    ]
