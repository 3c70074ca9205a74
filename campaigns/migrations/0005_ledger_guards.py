"""What may never happen to the ledger of sends is refused by the database, below the application.

The triggers are on UPDATE and DELETE only, and their conditions are plain comparisons of columns, so that the
insert-only path by COPY pays nothing and a lawful update next to nothing. `campaigns/sending/states.py` holds the
table of states that they guard.
"""

from django.db import migrations

GUARDS = """
CREATE FUNCTION campaigns_refuse_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'ledger of sends: % of % is not allowed (%)', TG_OP, TG_TABLE_NAME, TG_ARGV[0]
        USING ERRCODE = 'check_violation';
END $$;

CREATE TRIGGER delivery_moves BEFORE UPDATE ON campaigns_delivery FOR EACH ROW WHEN (
    OLD.run_id <> NEW.run_id OR OLD.subscriber_id <> NEW.subscriber_id
    OR (OLD.state <> 'unresolved'
        AND NOT (OLD.state = 'failed' AND OLD.reason = 'not_confirmed' AND NEW.state = 'accepted'))
    OR NEW.state = 'skipped'
) EXECUTE FUNCTION campaigns_refuse_move('only unresolved becomes accepted or failed');
CREATE TRIGGER delivery_stays BEFORE DELETE ON campaigns_delivery FOR EACH ROW
    EXECUTE FUNCTION campaigns_refuse_move('deliveries are never deleted');

CREATE TRIGGER call_moves BEFORE UPDATE ON campaigns_call FOR EACH ROW
    WHEN (OLD.state <> 'in_flight' OR NEW.run_id IS DISTINCT FROM OLD.run_id)
    EXECUTE FUNCTION campaigns_refuse_move('recorded and lost are final');
CREATE TRIGGER call_people BEFORE UPDATE OF subscriber_ids ON campaigns_call FOR EACH ROW
    WHEN (NEW.subscriber_ids IS DISTINCT FROM OLD.subscriber_ids)
    EXECUTE FUNCTION campaigns_refuse_move('the people of a call stay');
CREATE TRIGGER call_stays BEFORE DELETE ON campaigns_call FOR EACH ROW WHEN (OLD.state = 'in_flight')
    EXECUTE FUNCTION campaigns_refuse_move('a call in flight is not deleted');

CREATE TRIGGER batch_moves BEFORE UPDATE ON campaigns_batch FOR EACH ROW WHEN (
    NEW.cursor < OLD.cursor OR NEW.count <> OLD.count OR NEW.run_id <> OLD.run_id
    OR (OLD.state = 'done' AND NEW.state <> 'done') OR NEW.resend <> OLD.resend
) EXECUTE FUNCTION campaigns_refuse_move('a batch only goes forward');
CREATE TRIGGER batch_people BEFORE UPDATE OF subscriber_ids ON campaigns_batch FOR EACH ROW
    WHEN (NEW.subscriber_ids IS DISTINCT FROM OLD.subscriber_ids)
    EXECUTE FUNCTION campaigns_refuse_move('the people of a batch stay');

CREATE TRIGGER run_moves BEFORE UPDATE OF state ON campaigns_run FOR EACH ROW WHEN (
    NEW.state <> OLD.state AND NOT (
        (OLD.state = 'preparing' AND NEW.state IN ('sending', 'failed', 'cancelled'))
        OR (OLD.state = 'sending' AND NEW.state IN ('paused', 'sent', 'failed', 'cancelled'))
        OR (OLD.state = 'paused' AND NEW.state IN ('sending', 'cancelled'))
        OR (OLD.state = 'sent' AND NEW.state = 'sending'))
) EXECUTE FUNCTION campaigns_refuse_move('no such move of a run');
CREATE TRIGGER run_content BEFORE UPDATE OF frozen, template_version_id ON campaigns_run FOR EACH ROW WHEN (
    OLD.audience IS NOT NULL
    AND (NEW.frozen IS DISTINCT FROM OLD.frozen OR NEW.template_version_id <> OLD.template_version_id)
) EXECUTE FUNCTION campaigns_refuse_move('what a run sends is frozen');
CREATE TRIGGER run_stays BEFORE DELETE ON campaigns_run FOR EACH ROW
    EXECUTE FUNCTION campaigns_refuse_move('runs are never deleted');

CREATE TRIGGER decision_stays BEFORE UPDATE OR DELETE ON campaigns_decision FOR EACH ROW
    EXECUTE FUNCTION campaigns_refuse_move('decisions are kept as they were made');

-- Few rows, so that settling and the operator's page never read a whole run.
CREATE INDEX campaigns_delivery_open ON campaigns_delivery (run_id, subscriber_id)
    WHERE state = 'unresolved' OR reason = 'not_confirmed';
"""
TRIGGERS = {
    "campaigns_delivery": ("delivery_moves", "delivery_stays"),
    "campaigns_call": ("call_moves", "call_people", "call_stays"),
    "campaigns_batch": ("batch_moves", "batch_people"),
    "campaigns_run": ("run_moves", "run_content", "run_stays"),
    "campaigns_decision": ("decision_stays",),
}
DROPS = "".join(f"DROP TRIGGER {name} ON {table}; " for table, names in TRIGGERS.items() for name in names)
UNGUARD = f"DROP INDEX campaigns_delivery_open; {DROPS} DROP FUNCTION campaigns_refuse_move();"


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0004_control")]

    operations = [migrations.RunSQL(GUARDS, UNGUARD)]
