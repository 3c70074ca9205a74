"""The consent records of one chunk, made inside Postgres: what each person said, on what basis, with what proof.

What a record must hold is decided in `services.consent`; rows without it were refused when they were read.
"""

from typing import Any, Final

from django.db.backends.utils import CursorWrapper

from ..ledger import encoding, sql
from ..models import ConsentNotice, ImportJob, Purpose
from ..services import consent
from ..services.sealing import ACTS
from .statement import Statement

_MARKETING, _OPENS, _CLICKS = (str(kind.value) for kind in (Purpose.MARKETING, Purpose.OPENS, Purpose.CLICKS))
_NOTICES: Final = """
CREATE TEMP TABLE IF NOT EXISTS import_notice (
    purpose text, wording text, hash text, version integer, PRIMARY KEY (purpose, wording)) ON COMMIT DELETE ROWS
"""
_WORDINGS: Final = """
SELECT coalesce(st.wording, %(wording)s), bool_or(st.opens IS NOT NULL), bool_or(st.clicks IS NOT NULL)
FROM import_chunk c JOIN subscribers_importstaging st ON st.job_id = %(job)s AND st.seq = c.seq
WHERE c.reason IS NULL AND st.basis <> '' GROUP BY 1
"""
_PROOF_KEYS: Final = """CASE st.basis WHEN 'contract' THEN 'contract' WHEN 'legitimate_interest' THEN 'assessment'
    WHEN 'soft_opt_in' THEN 'order' END"""
_REFERENCE: Final = sql.json_text("st.reference")
# Canonical JSON, hence in the order of the keys: assessment | contract, file, line, order, order_date, reference,
# requested_at, requested_ip, sha256.
_EVIDENCE: Final = f"""
    '{{' || CASE WHEN a.proof IN ('contract', 'assessment') AND st.reference <> ''
        THEN '"' || a.proof || '":' || {_REFERENCE} || ',' ELSE '' END
    || '"file":' || %(file)s || ',"line":' || st.line
    || CASE WHEN a.proof = 'order' AND st.reference <> '' THEN ',"order":' || {_REFERENCE} ELSE '' END
    || CASE WHEN a.proof = 'order' THEN ',"order_date":"' || (st.consent_at AT TIME ZONE 'UTC')::date || '"'
        ELSE '' END
    || CASE WHEN a.proof IS NULL AND st.reference <> '' THEN ',"reference":' || {_REFERENCE} ELSE '' END
    || CASE WHEN st.requested_at IS NULL THEN ''
        ELSE ',"requested_at":"' || {sql.time_text("st.requested_at")} || '"' END
    || CASE WHEN st.requested_ip = '' THEN '' ELSE ',"requested_ip":"' || st.requested_ip || '"' END
    || ',"sha256":"' || %(sha256)s || '"}}'
"""
# What is not yet recorded. A purpose on which somebody already has any record is left to that record: a file
# neither repeats a grant nor asks again after a refusal; it may only take a permission away. What an undo annulled
# was never said.
_ACTS: Final = f"""
INSERT INTO {ACTS} (position, subscriber_id, subject, purpose, act, lawful_basis, source, occurred_at,
    notice_hash, notice_version, email, email_key, evidence, ip)
SELECT row_number() OVER (ORDER BY c.subscriber_id, a.place) - 1, c.subscriber_id, c.public_id,
    a.purpose, a.act, a.basis, coalesce(st.source, %(source)s), {sql.time_text("st.consent_at")},
    coalesce(n.hash, ''), coalesce(n.version, 0),
    st.email, st.email_key, {_EVIDENCE}, st.ip
FROM import_chunk c
JOIN subscribers_importstaging st ON st.job_id = %(job)s AND st.seq = c.seq
LEFT JOIN LATERAL (
    SELECT y.* FROM subscribers_profile y
    WHERE y.subscriber_id = c.subscriber_id AND c.kind <> 'new' OFFSET 0) p ON TRUE
LEFT JOIN LATERAL (
    SELECT bool_or(y.purpose = 'marketing_email') AS marketing, bool_or(y.purpose = 'open_tracking') AS opens,
        bool_or(y.purpose = 'click_tracking') AS clicks
    FROM subscribers_consentrecord y WHERE y.subject = c.public_id AND c.kind <> 'new' AND y.act <> 'annulled'
        AND NOT EXISTS (SELECT FROM subscribers_consentrecord z WHERE z.subject = c.public_id
            AND z.act = 'annulled' AND z.confirms = y.id)) k ON TRUE
CROSS JOIN LATERAL (VALUES
    (1, 'marketing_email', 'granted', st.basis, {_PROOF_KEYS},
        CASE st.basis WHEN 'contract' THEN NOT COALESCE(p.contract_basis, FALSE)
            WHEN 'legitimate_interest' THEN NOT COALESCE(p.service_basis, FALSE)
            WHEN 'consent' THEN COALESCE(p.marketing_basis = 'soft_opt_in', FALSE) OR k.marketing IS NOT TRUE
            ELSE k.marketing IS NOT TRUE END),
    (2, 'open_tracking', CASE WHEN st.opens THEN 'granted' ELSE 'refused' END, 'consent', NULL,
        st.opens IS NOT NULL AND (k.opens IS NOT TRUE OR (COALESCE(p.opens_allowed, FALSE) AND NOT st.opens))),
    (3, 'click_tracking', CASE WHEN st.clicks THEN 'granted' ELSE 'refused' END, 'consent', NULL,
        st.clicks IS NOT NULL AND (k.clicks IS NOT TRUE OR (COALESCE(p.clicks_allowed, FALSE) AND NOT st.clicks)))
) a(place, purpose, act, basis, proof, needed)
LEFT JOIN import_notice n ON n.purpose = a.purpose AND n.wording = coalesce(st.wording, %(wording)s)
WHERE c.reason IS NULL AND st.basis <> '' AND a.needed
"""  # noqa: S608 - made of our own fragments; every value is a parameter


class Acts:
    """Collects the records of a job's chunks; notices are looked up once per wording."""

    def __init__(self, job: ImportJob, statement: Statement) -> None:
        """Remember what is the same for every chunk."""
        self._statement = statement
        self._notices: dict[tuple[str, str], ConsentNotice] = {}
        self._params: dict[str, Any] = {
            "job": job.pk,
            "wording": statement.wording,
            "source": statement.source,
            "file": encoding.canonical_text(job.file_name),
            "sha256": bytes(job.file_sha256).hex(),
        }

    def collect(self, cursor: CursorWrapper) -> int:
        """Fill the ledger's waiting table with the acts of `import_chunk`; return how many there are."""
        cursor.execute(_NOTICES)
        cursor.execute("DELETE FROM import_notice")
        cursor.execute(_WORDINGS, self._params)
        rows = []
        for wording, opens, clicks in cursor.fetchall():
            for purpose, is_asked in ((_MARKETING, True), (_OPENS, opens), (_CLICKS, clicks)):
                notice = self._notice(purpose, wording) if is_asked else None
                if notice is not None:
                    rows.append((purpose, wording, notice.hash, notice.version))
        if rows:
            cursor.executemany("INSERT INTO import_notice VALUES (%s, %s, %s, %s)", rows)
        cursor.execute(_ACTS, self._params)
        return int(cursor.rowcount)

    def _notice(self, purpose: str, wording: str) -> ConsentNotice | None:
        text = (self._statement.tracking_wording or wording) if purpose != _MARKETING else wording
        if not text:
            return None
        key = (purpose, text)
        if key not in self._notices:
            self._notices[key] = consent.ensure_notice(
                purpose=purpose, text=text, language=self._statement.language
            )
        return self._notices[key]
