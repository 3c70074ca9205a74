"""What an import of a million people must not pay for: indexes that others serve as well, and a guard row by row.

The trigram index cost more than everything else of a person's row together; the search falls back on beginnings
of address, name, surname and domain. The second index on the address is a copy of Django's own.
"""

from django.db import migrations

# Filled by COPY when a file is checked, merged in chunks when it is imported, deleted with the file.
STAGING = """
CREATE UNLOGGED TABLE subscribers_importstaging (
    job_id bigint NOT NULL, seq integer NOT NULL, line integer NOT NULL, email text COLLATE "C" NOT NULL,
    email_key bytea NOT NULL, name text NOT NULL, language text NOT NULL,
    time_zone text NOT NULL, fields jsonb NOT NULL, tags text[] NOT NULL,
    basis text NOT NULL, consent_at timestamptz, source text, wording text, reference text NOT NULL,
    opens boolean, clicks boolean, reason text, PRIMARY KEY (job_id, seq)
)
"""
# New profiles are checked per statement: a chunk of 20,000 is one query. People are looked up by index.
GUARD_NEW = """
DROP TRIGGER guard_basis_insert ON subscribers_profile;
CREATE FUNCTION subscribers_guard_new_bases() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE culprit bigint;
BEGIN
    SELECT n.subscriber_id INTO culprit FROM added n JOIN subscribers_subscriber s ON s.id = n.subscriber_id
    JOIN subscribers_suppression x ON x.email_key = s.email_key AND x.lifted_at IS NULL
    WHERE n.marketing_basis IN ('consent', 'soft_opt_in') AND NOT EXISTS (
        SELECT FROM subscribers_consentrecord r WHERE r.subject = s.public_id
        AND r.recorded_at >= x.created_at AND subscribers_is_own_grant(r))
    LIMIT 1;
    IF culprit IS NOT NULL THEN
        RAISE EXCEPTION 'subscriber % is suppressed: only their own act gives a basis', culprit
            USING ERRCODE = 'check_violation', CONSTRAINT = 'person_must_come_back_alone';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER guard_basis_insert AFTER INSERT ON subscribers_profile
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION subscribers_guard_new_bases()
"""
UNDO_GUARD = """
DROP TRIGGER guard_basis_insert ON subscribers_profile;
DROP FUNCTION subscribers_guard_new_bases();
CREATE TRIGGER guard_basis_insert AFTER INSERT ON subscribers_profile FOR EACH ROW
    WHEN (NEW.marketing_basis IN ('consent', 'soft_opt_in')) EXECUTE FUNCTION subscribers_guard_basis()
"""
SEARCH = "DROP INDEX IF EXISTS subscriber_search"


class Migration(migrations.Migration):
    dependencies = [("subscribers", "0004_people_merging")]

    operations = [
        migrations.RunSQL(STAGING, "DROP TABLE subscribers_importstaging"),
        migrations.RunSQL(GUARD_NEW, UNDO_GUARD),
        migrations.RunSQL(SEARCH, migrations.RunSQL.noop),
        migrations.RemoveIndex(model_name="subscriber", name="subscriber_email_prefix"),
    ]
