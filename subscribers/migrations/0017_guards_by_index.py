"""The guards of new rows look each person up by index, whatever the statistics of a young table say.

A first import met tables that were empty when they were last looked at: the planner expected one person, and held each
of the new rows against all of them.
"""

from django.db import migrations

GUARDS = """
CREATE OR REPLACE FUNCTION subscribers_guard_new_subscriptions() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off AS $$
DECLARE culprit bigint;
BEGIN
    SELECT n.subscriber_id INTO culprit FROM added n
    CROSS JOIN LATERAL (
        SELECT p.email_key, p.public_id FROM subscribers_subscriber p WHERE p.id = n.subscriber_id OFFSET 0) s
    CROSS JOIN LATERAL (
        SELECT y.created_at FROM subscribers_suppression y
        WHERE y.email_key = s.email_key AND y.lifted_at IS NULL OFFSET 0) x
    WHERE n.state = 'confirmed' AND NOT EXISTS (
        SELECT FROM subscribers_consentrecord r WHERE r.id = n.confirmation_id AND r.subject = s.public_id
        AND r.recorded_at >= x.created_at AND subscribers_is_own_grant(r) OFFSET 0)
    LIMIT 1;
    IF culprit IS NOT NULL THEN
        RAISE EXCEPTION 'subscriber % is suppressed: only their own confirmation brings them back', culprit
            USING ERRCODE = 'check_violation', CONSTRAINT = 'person_must_come_back_alone';
    END IF;
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION subscribers_guard_new_bases() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off AS $$
DECLARE culprit bigint;
BEGIN
    SELECT n.subscriber_id INTO culprit FROM added n
    CROSS JOIN LATERAL (
        SELECT p.email_key, p.public_id FROM subscribers_subscriber p WHERE p.id = n.subscriber_id OFFSET 0) s
    CROSS JOIN LATERAL (
        SELECT y.created_at FROM subscribers_suppression y
        WHERE y.email_key = s.email_key AND y.lifted_at IS NULL OFFSET 0) x
    WHERE n.marketing_basis IN ('consent', 'soft_opt_in') AND NOT EXISTS (
        SELECT FROM subscribers_consentrecord r WHERE r.subject = s.public_id
        AND r.recorded_at >= x.created_at AND subscribers_is_own_grant(r) OFFSET 0)
    LIMIT 1;
    IF culprit IS NOT NULL THEN
        RAISE EXCEPTION 'subscriber % is suppressed: only their own act gives a basis', culprit
            USING ERRCODE = 'check_violation', CONSTRAINT = 'person_must_come_back_alone';
    END IF;
    RETURN NULL;
END $$
"""


class Migration(migrations.Migration):
    dependencies = [("subscribers", "0016_lighter_indexes")]

    operations = [migrations.RunSQL(GUARDS, migrations.RunSQL.noop)]
