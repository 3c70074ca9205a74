"""What an import of a million people must not pay for either: indexes that begin like others, and keys checked row by row.

A subscription's two foreign keys cost as much as the row itself with all its indexes, because Postgres looks at the
parents row by row as the transaction ends. Here a statement looks at all of its parents at once, under the same locks.
"""

import django.db.models.deletion
from django.db import migrations, models

# FOR KEY SHARE is what a foreign key takes: whoever deletes a parent waits, and then sees the new rows. Parents are
# looked up one by one, by index (OFFSET 0, LIMIT 1): a plan is kept for the session, and tables grow.
PARENTS = """
CREATE FUNCTION subscribers_lock_parents() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
    PERFORM FROM (SELECT DISTINCT a.subscriber_id AS id FROM added a ORDER BY 1) wanted
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
END $$;
CREATE TRIGGER parents_of_added AFTER INSERT ON subscribers_subscription
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION subscribers_lock_parents();

CREATE FUNCTION subscribers_refuse_other_parents() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a subscription keeps its person and its list'
        USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'subscription_has_parents';
END $$;
CREATE TRIGGER parents_stay BEFORE UPDATE ON subscribers_subscription FOR EACH ROW
    WHEN (NEW.subscriber_id <> OLD.subscriber_id OR NEW.mailing_list_id <> OLD.mailing_list_id)
    EXECUTE FUNCTION subscribers_refuse_other_parents()
"""
KEPT = """
CREATE FUNCTION subscribers_keep_{parent}() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
    IF EXISTS (SELECT FROM gone g CROSS JOIN LATERAL (
        SELECT FROM subscribers_subscription x WHERE x.{parent}_id = g.id LIMIT 1) still)
    THEN
        RAISE EXCEPTION 'a subscription still names what is deleted'
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'subscription_has_parents';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER keep_while_subscribed AFTER DELETE ON {table}
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION subscribers_keep_{parent}()
"""
OF_PEOPLE = KEPT.format(parent="subscriber", table="subscribers_subscriber")
OF_LISTS = KEPT.format(parent="mailing_list", table="subscribers_mailinglist")
UNDO = """
DROP TRIGGER keep_while_subscribed ON subscribers_mailinglist;
DROP FUNCTION subscribers_keep_mailing_list();
DROP TRIGGER keep_while_subscribed ON subscribers_subscriber;
DROP FUNCTION subscribers_keep_subscriber();
DROP TRIGGER parents_stay ON subscribers_subscription;
DROP FUNCTION subscribers_refuse_other_parents();
DROP TRIGGER parents_of_added ON subscribers_subscription;
DROP FUNCTION subscribers_lock_parents()
"""
# Compared by its bytes, the address needs no second index for its beginnings.
DROP_SECOND = "DROP INDEX IF EXISTS subscribers_subscriber_email_c29422d4_like"
# Rows that wait are read from their file again. The moment is staged in the form in which it is hashed.
STAGED_TIME = (
    "TRUNCATE subscribers_importstaging; ALTER TABLE subscribers_importstaging ALTER consent_at TYPE {type}"
)


class Migration(migrations.Migration):
    dependencies = [("subscribers", "0012_storage_copies")]

    operations = [
        migrations.AlterField(
            model_name="subscription",
            name="subscriber",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="subscriptions",
                to="subscribers.subscriber",
            ),
        ),
        migrations.AlterField(
            model_name="subscription",
            name="mailing_list",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="subscriptions",
                to="subscribers.mailinglist",
            ),
        ),
        migrations.RunSQL([PARENTS, OF_PEOPLE, OF_LISTS], UNDO),
        migrations.AlterField(
            model_name="subscriber",
            name="email",
            field=models.CharField(db_collation="C", max_length=254, unique=True),
        ),
        migrations.RunSQL(DROP_SECOND, migrations.RunSQL.noop),
        migrations.RunSQL(
            STAGED_TIME.format(type="text"),
            STAGED_TIME.format(type="timestamptz USING consent_at::timestamptz"),
        ),
    ]
