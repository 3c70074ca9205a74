"""The consent ledger is append-only, and nobody who left is brought back: both in plain SQL, below the application."""

from django.db import migrations

APPEND_ONLY_TABLES = (
    "subscribers_consentrecord",
    "subscribers_consentblock",
    "subscribers_consentnotice",
    "subscribers_signingkey",
)

REFUSE = """
CREATE FUNCTION subscribers_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % is not allowed', TG_TABLE_NAME, TG_OP USING ERRCODE = 'insufficient_privilege';
END $$
"""
# ALWAYS: also in a session that replays a replica's changes, where ordinary triggers sleep.
TRIGGER = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION subscribers_refuse_change();
ALTER TABLE {table} ENABLE ALWAYS TRIGGER append_only
"""

# The person's own act: granted by them through a link that only their mailbox has.
OWN_GRANT = """
CREATE FUNCTION subscribers_is_own_grant(r subscribers_consentrecord) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT r.act = 'granted' AND r.purpose = 'marketing_email' AND r.actor = 'person'
       AND r.method IN ('double_opt_in', 'page', 'one_click')
$$
"""

# Everywhere below: people are looked up by index, whatever the statistics of a young table say, and a row that
# changes nothing that is guarded costs nothing (WHEN), because engagement updates these tables all day.

# Confirming a subscription of somebody who is suppressed, or who left this very list, needs `confirmation_id` to name
# their own act, recorded after they left. Inserts are checked per statement: a merge of 20,000 rows is one query.
GUARD_SUBSCRIPTIONS = """
CREATE FUNCTION subscribers_guard_new_subscriptions() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE culprit bigint;
BEGIN
    SELECT n.subscriber_id INTO culprit FROM added n JOIN subscribers_subscriber s ON s.id = n.subscriber_id
    JOIN subscribers_suppression x ON x.email_key = s.email_key AND x.lifted_at IS NULL
    WHERE n.state = 'confirmed' AND NOT EXISTS (
        SELECT FROM subscribers_consentrecord r WHERE r.id = n.confirmation_id AND r.subject = s.public_id
        AND r.recorded_at >= x.created_at AND subscribers_is_own_grant(r))
    LIMIT 1;
    IF culprit IS NOT NULL THEN
        RAISE EXCEPTION 'subscriber % is suppressed: only their own confirmation brings them back', culprit
            USING ERRCODE = 'check_violation', CONSTRAINT = 'person_must_come_back_alone';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER guard_confirmed_insert AFTER INSERT ON subscribers_subscription
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION subscribers_guard_new_subscriptions();

CREATE FUNCTION subscribers_guard_subscription() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE who uuid; since timestamptz;
BEGIN
    SELECT s.public_id, (SELECT max(x.created_at) FROM subscribers_suppression x
                         WHERE x.email_key = s.email_key AND x.lifted_at IS NULL)
    INTO who, since FROM subscribers_subscriber s WHERE s.id = NEW.subscriber_id;
    IF OLD.state = 'unsubscribed' THEN
        since := greatest(since, OLD.unsubscribed_at, '-infinity');
    END IF;
    IF since IS NOT NULL AND NOT EXISTS (
        SELECT FROM subscribers_consentrecord r WHERE r.id = NEW.confirmation_id AND r.subject = who
        AND r.recorded_at >= since AND subscribers_is_own_grant(r))
    THEN
        RAISE EXCEPTION 'subscriber % left or is suppressed: only their own confirmation brings them back',
            NEW.subscriber_id USING ERRCODE = 'check_violation', CONSTRAINT = 'person_must_come_back_alone';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER guard_confirmed_update AFTER UPDATE ON subscribers_subscription FOR EACH ROW
    WHEN (NEW.state = 'confirmed' AND OLD.state <> 'confirmed') EXECUTE FUNCTION subscribers_guard_subscription()
"""

# A marketing basis comes to somebody who withdrew, or who is suppressed, only where the ledger holds their own grant,
# recorded since.
GUARD_PROFILES = """
CREATE FUNCTION subscribers_guard_basis() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE who uuid; since timestamptz;
BEGIN
    SELECT s.public_id, (SELECT max(x.created_at) FROM subscribers_suppression x
                         WHERE x.email_key = s.email_key AND x.lifted_at IS NULL)
    INTO who, since FROM subscribers_subscriber s WHERE s.id = NEW.subscriber_id;
    IF TG_OP = 'UPDATE' THEN
        IF OLD.marketing_basis = 'withdrawn' THEN
            since := greatest(since, '-infinity', (
                SELECT max(r.recorded_at) FROM subscribers_consentrecord r
                WHERE r.subject = who AND r.purpose = 'marketing_email' AND r.act IN ('withdrawn', 'objected')
                AND r.lawful_basis NOT IN ('contract', 'legitimate_interest') AND r.form NOT LIKE 'list:%'));
        END IF;
    END IF;
    IF since IS NOT NULL AND NOT EXISTS (
        SELECT FROM subscribers_consentrecord r WHERE r.subject = who AND r.recorded_at >= since
        AND subscribers_is_own_grant(r))
    THEN
        RAISE EXCEPTION 'subscriber % withdrew or is suppressed: only their own act gives a basis back',
            NEW.subscriber_id USING ERRCODE = 'check_violation', CONSTRAINT = 'person_must_come_back_alone';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER guard_basis_insert AFTER INSERT ON subscribers_profile FOR EACH ROW
    WHEN (NEW.marketing_basis IN ('consent', 'soft_opt_in')) EXECUTE FUNCTION subscribers_guard_basis();
CREATE TRIGGER guard_basis_update AFTER UPDATE ON subscribers_profile FOR EACH ROW
    WHEN (NEW.marketing_basis IN ('consent', 'soft_opt_in')
          AND OLD.marketing_basis NOT IN ('consent', 'soft_opt_in')) EXECUTE FUNCTION subscribers_guard_basis()
"""

UNDO = """
DROP TRIGGER guard_basis_update ON subscribers_profile;
DROP TRIGGER guard_basis_insert ON subscribers_profile;
DROP FUNCTION subscribers_guard_basis();
DROP TRIGGER guard_confirmed_update ON subscribers_subscription;
DROP FUNCTION subscribers_guard_subscription();
DROP TRIGGER guard_confirmed_insert ON subscribers_subscription;
DROP FUNCTION subscribers_guard_new_subscriptions();
DROP FUNCTION subscribers_is_own_grant(subscribers_consentrecord)
"""


class Migration(migrations.Migration):
    dependencies = [("subscribers", "0001_initial")]

    operations = [
        migrations.RunSQL(REFUSE, "DROP FUNCTION subscribers_refuse_change()"),
        *(
            migrations.RunSQL(TRIGGER.format(table=table), f"DROP TRIGGER append_only ON {table}")
            for table in APPEND_ONLY_TABLES
        ),
        migrations.RunSQL([OWN_GRANT, GUARD_SUBSCRIPTIONS, GUARD_PROFILES], UNDO),
    ]
