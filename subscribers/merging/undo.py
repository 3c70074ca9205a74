"""Taking an import back, chunk by chunk, each one transaction, so that a killed undo goes on where it stopped.

- People whom the import made are removed with the personal data beside their consent records; a record in the
  ledger says so. Who has acted since, was mailed, changed or is named by another import stays, with the reason.
- People we knew get their former values back, each value only where nobody changed it since; what the import added
  of tags and lists is taken away, unless they confirmed it themselves.
- The grants of the import are annulled by records that name them (`Act.ANNULLED`): they give no basis any more, and
  are no "no" of the person either. A refusal that the file brought stays: nobody is asked again by mistake.
"""

from collections import Counter
from typing import Any, Final

import structlog
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from mailplatform.accounts.services import audit
from mailplatform.core import clock

from ..ledger import encoding
from ..models import ConsentPersonal, ImportJob, ImportState, ImportTrace, Method, Subscriber
from ..selectors import mailed
from ..services import basis, profiles, sealing
from . import sorting

log = structlog.get_logger(__name__)
SOURCE: Final = "import undone"
_PEOPLE: Final = """
CREATE TEMP TABLE IF NOT EXISTS import_undo (
    subscriber_id bigint PRIMARY KEY, public_id uuid, email_key bytea, is_new boolean, reason text
) ON COMMIT DELETE ROWS
"""
# Locked in the order of their ids, as a merge does.
_LOCK: Final = """
SELECT count(*) FROM (SELECT id FROM subscribers_subscriber WHERE id = ANY(%s) ORDER BY id FOR UPDATE) locked
"""
_IDS: Final = """
SELECT id FROM subscribers_subscriber WHERE id BETWEEN %(first)s AND %(last)s AND source = %(source)s
UNION SELECT subscriber_id FROM subscribers_importtrace WHERE job_id = %(job)s AND chunk = %(chunk)s
UNION SELECT s.id FROM subscribers_consentrecord r JOIN subscribers_subscriber s ON s.public_id = r.subject
    WHERE r.id BETWEEN %(first_record)s AND %(last_record)s AND r.actor = %(actor)s
"""
# Why somebody whom the import made stays all the same; the first reason counts.
_COLLECT: Final = """
INSERT INTO import_undo (subscriber_id, public_id, email_key, is_new, reason)
SELECT s.id, s.public_id, s.email_key, made.it, CASE
    WHEN NOT made.it THEN NULL
    WHEN EXISTS (SELECT FROM subscribers_consentrecord r WHERE r.subject = s.public_id AND r.actor = 'person')
        THEN 'has acted since: confirmed, changed or left something'
    WHEN EXISTS (SELECT FROM subscribers_consentrecord r WHERE r.subject = s.public_id AND r.actor <> %(actor)s)
        THEN 'has consent records of another origin'
    WHEN p.last_opened_at IS NOT NULL OR p.last_clicked_at IS NOT NULL THEN 'has opened or clicked since'
    WHEN p.last_sent_at IS NOT NULL OR s.id = ANY(%(mailed)s) THEN 'was mailed since'
    WHEN p.paused_until IS NOT NULL THEN 'asked for a pause'
    WHEN EXISTS (SELECT FROM subscribers_order o WHERE o.subscriber_id = s.id) THEN 'has orders'
    WHEN EXISTS (SELECT FROM subscribers_personmerge m WHERE m.survivor_id = s.id) THEN 'was merged with somebody'
    WHEN EXISTS (SELECT FROM subscribers_importtrace t WHERE t.subscriber_id = s.id AND t.job_id <> %(job)s)
        THEN 'is in another import, too'
    WHEN EXISTS (SELECT FROM subscribers_subscription x WHERE x.subscriber_id = s.id
        AND (x.source <> %(source)s OR x.state <> 'confirmed' OR x.confirmation_id IS NOT NULL))
        THEN 'joined or left a list since'
    WHEN s.updated_at > s.created_at THEN 'was edited since'
    END
FROM subscribers_subscriber s
LEFT JOIN subscribers_profile p ON p.subscriber_id = s.id
CROSS JOIN LATERAL (SELECT s.id BETWEEN %(first)s AND %(last)s AND s.source = %(source)s AS it) made
WHERE s.id = ANY(%(ids)s)
"""
_RESTORE: Final = """
WITH back AS (
    SELECT s.id, t.former, t.given, f.keys, f.values FROM subscribers_importtrace t
    JOIN subscribers_subscriber s ON s.id = t.subscriber_id
    CROSS JOIN LATERAL (
        SELECT COALESCE(array_agg(e.key), '{}') AS keys, COALESCE(jsonb_object_agg(e.key, t.former->'fields'->e.key)
            FILTER (WHERE jsonb_typeof(t.former->'fields'->e.key) <> 'null'), '{}') AS values
        FROM jsonb_each(t.given->'fields') e WHERE s.fields->e.key = e.value) f
    WHERE t.job_id = %(job)s AND t.chunk = %(chunk)s AND t.given <> '{"fields": {}}')
UPDATE subscribers_subscriber s SET
    name = CASE WHEN s.name = b.given->>'name' THEN b.former->>'name' ELSE s.name END,
    language = CASE WHEN s.language = b.given->>'language' THEN b.former->>'language' ELSE s.language END,
    time_zone = CASE WHEN s.time_zone = b.given->>'time_zone' THEN b.former->>'time_zone' ELSE s.time_zone END,
    fields = (s.fields - b.keys) || b.values, updated_at = %(now)s
FROM back b WHERE b.id = s.id
"""
_CHANGED_SINCE: Final = """
UPDATE subscribers_importtrace t SET outcome = 'was changed since; those values stay'
FROM subscribers_subscriber s WHERE t.job_id = %(job)s AND t.chunk = %(chunk)s AND s.id = t.subscriber_id AND (
    s.name <> t.given->>'name' OR s.language <> t.given->>'language' OR s.time_zone <> t.given->>'time_zone'
    OR EXISTS (SELECT FROM jsonb_each(t.given->'fields') e WHERE s.fields->e.key IS DISTINCT FROM e.value))
"""
# Rows are looked up person by person (OFFSET 0 keeps the planner from any other way): a list or a tag has many.
_TAGS_OF_KNOWN: Final = """
DELETE FROM subscribers_subscriber_tags WHERE id = ANY(ARRAY(
    SELECT h.id FROM subscribers_importtrace t CROSS JOIN LATERAL (
        SELECT y.id, y.tag_id FROM subscribers_subscriber_tags y WHERE y.subscriber_id = t.subscriber_id OFFSET 0) h
    WHERE t.job_id = %(job)s AND t.chunk = %(chunk)s AND h.tag_id = ANY(t.tag_ids)))
"""
_TAGS_OF_KEPT: Final = """
DELETE FROM subscribers_subscriber_tags h USING import_undo u
WHERE u.is_new AND u.reason IS NOT NULL AND h.subscriber_id = u.subscriber_id AND h.tag_id = ANY(%(tags)s)
"""
# What they confirmed themselves, or left since, is theirs.
_LEAVE: Final = """
DELETE FROM subscribers_subscription WHERE id = ANY(ARRAY(
    SELECT x.id FROM (
        SELECT u.subscriber_id FROM import_undo u WHERE u.is_new AND u.reason IS NOT NULL
        UNION ALL SELECT t.subscriber_id FROM subscribers_importtrace t
        WHERE t.job_id = %(job)s AND t.chunk = %(chunk)s AND t.joined = 'added') who
    CROSS JOIN LATERAL (SELECT * FROM subscribers_subscription y
        WHERE y.subscriber_id = who.subscriber_id AND y.mailing_list_id = %(list)s OFFSET 0) x
    WHERE x.source = %(source)s AND x.state = 'confirmed' AND x.confirmation_id IS NULL))
"""
_PENDING_AGAIN: Final = """
UPDATE subscribers_subscription SET state = 'pending', confirmed_at = NULL, updated_at = %(now)s
WHERE id = ANY(ARRAY(
    SELECT x.id FROM subscribers_importtrace t CROSS JOIN LATERAL (SELECT * FROM subscribers_subscription y
        WHERE y.subscriber_id = t.subscriber_id AND y.mailing_list_id = %(list)s OFFSET 0) x
    WHERE t.job_id = %(job)s AND t.chunk = %(chunk)s AND t.joined = 'confirmed' AND x.state = 'confirmed'
        AND x.confirmation_id IS NULL))
"""
_NAME_KEPT: Final = """
INSERT INTO subscribers_importtrace (job_id, chunk, subscriber_id, former, given, tag_ids, joined, outcome)
SELECT %(job)s, %(chunk)s, subscriber_id, '{}', '{}', '{}', '', reason FROM import_undo WHERE reason IS NOT NULL
ON CONFLICT (job_id, chunk, subscriber_id) DO UPDATE SET outcome = excluded.outcome
"""
_ANNUL: Final = f"""
INSERT INTO {sealing.ACTS} (position, subscriber_id, subject, purpose, act, lawful_basis, source, occurred_at,
    notice_hash, notice_version, email, email_key, evidence, confirms)
SELECT row_number() OVER (ORDER BY confirms, subscriber_id) - 1, subscriber_id, subject, purpose, act, lawful_basis,
    '{SOURCE}', %(moment)s, '', 0, email, email_key, %(evidence)s, confirms
FROM (
    SELECT s.id AS subscriber_id, r.subject, r.purpose, 'annulled' AS act, r.lawful_basis, s.email, s.email_key,
        r.id AS confirms
    FROM subscribers_consentrecord r JOIN subscribers_subscriber s ON s.public_id = r.subject
    WHERE r.id BETWEEN %(first_record)s AND %(last_record)s AND r.actor = %(actor)s AND r.act = 'granted'
    UNION ALL
    SELECT u.subscriber_id, u.public_id, 'marketing_email', 'erased', 'none', '', u.email_key, 0 FROM import_undo u
    WHERE u.is_new AND u.reason IS NULL AND EXISTS (
        SELECT FROM subscribers_consentrecord r WHERE r.subject = u.public_id)) said
"""  # noqa: S608 - made of our own fragments; every value is a parameter


def undo_chunks(job: ImportJob) -> None:
    """Take back every chunk that is not taken back yet; the caller holds the job's lock. Ends in state undone."""
    for place in range(int(job.undo.get("chunks", 0)), len(job.made)):
        with transaction.atomic():
            _undo_chunk(job, place)
    end(job)


def end(job: ImportJob) -> None:
    """Say that an import is taken back, unless another worker said so."""
    with transaction.atomic():
        ended = ImportJob.objects.filter(pk=job.pk, state=ImportState.UNDOING).update(
            state=ImportState.UNDONE, made=[]
        )
        if ended:
            job.refresh_from_db()
            audit.record(actor=None, action="import.undone", obj=job, detail=job.undo)
    log.info("import_undone", job=job.pk, **job.undo)


def _undo_chunk(job: ImportJob, place: int) -> None:
    params = _params(job, place)
    with connection.cursor() as cursor:
        cursor.execute(sorting.BY_INDEX)
        ids, removed = _collect(cursor, job, params)
        kept = _kept(cursor)
        for statement in (
            _CHANGED_SINCE,
            _RESTORE,
            _TAGS_OF_KNOWN,
            _TAGS_OF_KEPT,
            _LEAVE,
            _PENDING_AGAIN,
            _NAME_KEPT,
        ):
            cursor.execute(statement, params)
        left = sorted(set(ids) - set(removed))
        Subscriber.objects.filter(pk__in=removed).delete()
        profiles.forget(subscriber_ids=removed)
        profiles.refresh(subscriber_ids=left)
        done = Counter(job.undo) + Counter(
            removed=len(removed), kept=kept, restored=len(left) - kept, chunks=1
        )
        ImportJob.objects.filter(pk=job.pk).update(undo=dict(done))
        ImportTrace.objects.filter(job=job, chunk=place, outcome="").delete()
        ImportTrace.objects.filter(job=job, chunk=place).update(former={}, given={}, tag_ids=[])
        annulled = annul(cursor, params)
        ConsentPersonal.objects.filter(subscriber_id__in=removed).delete()
        basis.derive(cursor, left)
    job.undo = {**done, "annulled": job.undo.get("annulled", 0) + annulled}
    ImportJob.objects.filter(pk=job.pk).update(undo=job.undo)


def _params(job: ImportJob, place: int) -> dict[str, Any]:
    made = job.made[place]
    return {
        **annulling(job, made["records"]),
        "job": job.pk,
        "chunk": place,
        "first": made["people"][0],
        "last": made["people"][1],
        "tags": made["tags"],
        "list": job.mailing_list_id or 0,
        "source": f"import {job.pk}",
        "now": clock.now(),
    }


def annulling(job: ImportJob, records: list[int]) -> dict[str, Any]:
    """The parameters of `annul`; `records` are the first and the last consent record of the chunk."""
    return {
        "first_record": records[0],
        "last_record": records[1],
        "actor": f"import:{job.pk}",
        "moment": encoding.format_time(clock.now()),
        "evidence": encoding.canonical_json({"import": str(job.public_id)}),
    }


def begin(cursor: CursorWrapper) -> None:
    """Make the table of the people whom an undo looks at; it lives as long as the transaction."""
    cursor.execute(_PEOPLE)
    cursor.execute("DELETE FROM import_undo")


def _collect(cursor: CursorWrapper, job: ImportJob, params: dict[str, Any]) -> tuple[list[int], list[int]]:
    """Lock and sort the chunk's people; return all of them, and those to be removed."""
    begin(cursor)
    cursor.execute(_IDS, params)
    ids = sorted(row[0] for row in cursor.fetchall())
    cursor.execute(_LOCK, [ids])
    basis.lock_profiles(cursor, ids)
    cursor.execute(_COLLECT, {**params, "ids": ids, "mailed": list(mailed.mailed_since(ids, job.created_at))})
    cursor.execute("SELECT subscriber_id FROM import_undo")
    found = [row[0] for row in cursor.fetchall()]
    cursor.execute("SELECT subscriber_id FROM import_undo WHERE is_new AND reason IS NULL")
    return found, [row[0] for row in cursor.fetchall()]


def _kept(cursor: CursorWrapper) -> int:
    cursor.execute("SELECT count(*) FROM import_undo WHERE reason IS NOT NULL")
    return int(cursor.fetchone()[0])


def annul(cursor: CursorWrapper, params: dict[str, Any]) -> int:
    """Annul a chunk's grants and note who was removed (`begin` made their table).

    Last of the writes, because it takes the ledger's lock until the commit; return how many records.
    """
    cursor.execute(sealing.WAITING_TABLE)
    cursor.execute(sealing.EMPTY_WAITING_TABLE)
    cursor.execute(_ANNUL, params)
    if not cursor.rowcount:
        return 0
    records = sealing.append_waiting(
        method=str(Method.SYSTEM.value), language="", actor="system", recorded_at=clock.now()
    )
    return len(records)
