"""The consent records of one chunk, made inside Postgres: what each person said, on what basis, with what proof.

What a record must hold is decided in `services.consent`; rows without it were refused when they were read.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.db.backends.utils import CursorWrapper

from ..ledger import encoding, sql
from ..models import ConsentNotice, ImportJob, Purpose
from ..services import consent
from ..services.sealing import ACTS
from .statement import Statement

_MARKETING, _OPENS, _CLICKS = (str(kind.value) for kind in (Purpose.MARKETING, Purpose.OPENS, Purpose.CLICKS))
# So few notices are compared one by one; more are looked up in a table.
_FEW: Final = 3
_NOTICES: Final = """
CREATE TEMP TABLE IF NOT EXISTS import_notice (
    purpose text, wording text, hash text, version integer, PRIMARY KEY (purpose, wording)) ON COMMIT DELETE ROWS
"""
_WORDINGS: Final = """
SELECT coalesce(wording, %(wording)s), bool_or(opens IS NOT NULL), bool_or(clicks IS NOT NULL)
FROM import_chunk WHERE reason IS NULL AND basis <> '' GROUP BY 1
"""
_PROOF_KEYS: Final = """CASE st.basis WHEN 'contract' THEN 'contract' WHEN 'legitimate_interest' THEN 'assessment'
    WHEN 'soft_opt_in' THEN 'order' END"""
_REFERENCE: Final = sql.json_text("st.reference")
# Canonical JSON, hence in the order of the keys: assessment | contract, file, line, opt_out_offered, order, order_date,
# reference, requested_at, requested_ip, sha256, similar_products. Most rows have nothing of their own but the line.
_EVIDENCE: Final = f"""
    CASE WHEN st.reference = '' AND st.requested_at IS NULL AND st.requested_ip = ''
        AND a.proof IS DISTINCT FROM 'order'
    THEN %(file_and_line)s || st.line || %(sha256)s || '}}'
    ELSE '{{' || CASE WHEN a.proof IN ('contract', 'assessment') AND st.reference <> ''
        THEN '"' || a.proof || '":' || {_REFERENCE} || ',' ELSE '' END
    || substr(%(file_and_line)s, 2) || st.line
    || CASE WHEN a.proof = 'order' THEN ',"opt_out_offered":true' ELSE '' END
    || CASE WHEN a.proof = 'order' AND st.reference <> '' THEN ',"order":' || {_REFERENCE} ELSE '' END
    || CASE WHEN a.proof = 'order' THEN ',"order_date":"' || left(st.consent_at, 10) || '"' ELSE '' END
    || CASE WHEN a.proof IS NULL AND st.reference <> '' THEN ',"reference":' || {_REFERENCE} ELSE '' END
    || CASE WHEN st.requested_at IS NULL THEN ''
        ELSE ',"requested_at":"' || {sql.time_text("st.requested_at")} || '"' END
    || CASE WHEN st.requested_ip = '' THEN '' ELSE ',"requested_ip":"' || st.requested_ip || '"' END
    || %(sha256)s || CASE WHEN a.proof = 'order' THEN ',"similar_products":true' ELSE '' END || '}}' END
"""
_ACTS: Final = f"""
INSERT INTO {ACTS} (position, subscriber_id, subject, purpose, act, lawful_basis, source, occurred_at,
    notice_hash, notice_version, email, email_key, evidence, ip)
SELECT %(first)s + row_number() OVER () - 1, st.subscriber_id, st.public_id,
    a.purpose, a.act, a.basis, coalesce(st.source, %(source)s), st.consent_at,
    coalesce(n.hash, ''), coalesce(n.version, 0), st.email, st.email_key, {_EVIDENCE}, st.ip
FROM import_chunk st
"""  # noqa: S608 - made of our own fragments; every value is a parameter
_NOTICED: Final = """
LEFT JOIN {notices} n(purpose, wording, hash, version)
    ON n.purpose = a.purpose AND n.wording = coalesce(st.wording, %(wording)s)
WHERE st.reason IS NULL AND st.basis <> '' AND a.needed AND st.kind """
# What one row says, by purpose; `needed` is what tells people we know from new ones.
_SAID: Final = {
    _MARKETING: f"(1, 'marketing_email', 'granted', st.basis, {_PROOF_KEYS}, %s)",
    _OPENS: "(2, 'open_tracking', CASE WHEN st.opens THEN 'granted' ELSE 'refused' END, 'consent', NULL, %s)",
    _CLICKS: "(3, 'click_tracking', CASE WHEN st.clicks THEN 'granted' ELSE 'refused' END, 'consent', NULL, %s)",
}
_OF_NEW: Final = {_MARKETING: "TRUE", _OPENS: "st.opens IS NOT NULL", _CLICKS: "st.clicks IS NOT NULL"}
# What is not yet recorded. A purpose on which somebody already has any record is left to that record: a file
# neither repeats a grant nor asks again after a refusal; it may only take a permission away. What an undo annulled
# was never said.
_OF_KNOWN: Final = {
    _MARKETING: """CASE st.basis WHEN 'contract' THEN NOT COALESCE(p.contract_basis, FALSE)
        WHEN 'legitimate_interest' THEN NOT COALESCE(p.service_basis, FALSE)
        WHEN 'consent' THEN COALESCE(p.marketing_basis = 'soft_opt_in', FALSE) OR k.marketing IS NOT TRUE
        ELSE k.marketing IS NOT TRUE END""",
    _OPENS: """st.opens IS NOT NULL
        AND (k.opens IS NOT TRUE OR (COALESCE(p.opens_allowed, FALSE) AND NOT st.opens))""",
    _CLICKS: """st.clicks IS NOT NULL
        AND (k.clicks IS NOT TRUE OR (COALESCE(p.clicks_allowed, FALSE) AND NOT st.clicks))""",
}
_RECORDED: Final = """
LEFT JOIN LATERAL (
    SELECT y.* FROM subscribers_profile y WHERE y.subscriber_id = st.subscriber_id OFFSET 0) p ON TRUE
LEFT JOIN LATERAL (
    SELECT bool_or(y.purpose = 'marketing_email') AS marketing, bool_or(y.purpose = 'open_tracking') AS opens,
        bool_or(y.purpose = 'click_tracking') AS clicks
    FROM subscribers_consentrecord y WHERE y.subject = st.public_id AND y.act <> 'annulled'
        AND NOT EXISTS (SELECT FROM subscribers_consentrecord z WHERE z.subject = st.public_id
            AND z.act = 'annulled' AND z.confirms = y.id)) k ON TRUE
"""


def _said(purposes: Sequence[str], needed: Mapping[str, str]) -> str:
    rows = ", ".join(_SAID[purpose] % needed[purpose] for purpose in purposes)
    return f"CROSS JOIN LATERAL (VALUES {rows}) a(place, purpose, act, basis, proof, needed)"


def _joined(
    cursor: CursorWrapper, notices: Sequence[tuple[str, str, str, int]]
) -> tuple[str, dict[str, Any]]:
    """The notices as something to join, with its parameters."""
    if 0 < len(notices) <= _FEW:
        params = {
            f"n{row}_{place}": value
            for row, notice in enumerate(notices)
            for place, value in enumerate(notice)
        }
        rows = [f"(%(n{row}_0)s, %(n{row}_1)s, %(n{row}_2)s, %(n{row}_3)s)" for row in range(len(notices))]
        return f"(VALUES {', '.join(rows)})", params
    cursor.execute(_NOTICES)
    cursor.execute("DELETE FROM import_notice")
    cursor.executemany("INSERT INTO import_notice VALUES (%s, %s, %s, %s)", notices)
    return "import_notice", {}


class Acts:
    """Collects the records of a job's chunks."""

    def __init__(self, job: ImportJob, statement: Statement) -> None:
        """Remember what is the same for every chunk."""
        self._statement = statement
        self._params: dict[str, Any] = {
            "job": job.pk,
            "wording": statement.wording,
            "source": statement.source,
            "file_and_line": f'{{"file":{encoding.canonical_text(job.file_name)},"line":',
            "sha256": f',"sha256":"{bytes(job.file_sha256).hex()}"',
        }

    def collect(self, cursor: CursorWrapper, *, with_known: bool) -> int:
        """Fill the ledger's waiting table with the acts of `import_chunk`; return how many there are.

        `with_known` says that there are people we knew, of whom records may stand already.
        """
        cursor.execute(_WORDINGS, self._params)
        rows, purposes = [], set[str]()
        for wording, opens, clicks in cursor.fetchall():
            for purpose, is_asked in ((_MARKETING, True), (_OPENS, opens), (_CLICKS, clicks)):
                if is_asked:
                    purposes.add(purpose)
                    notice = self._notice(purpose, wording)
                    rows += [(purpose, wording, notice.hash, notice.version)] if notice else []
        if not purposes:
            return 0
        ordered = [purpose for purpose in _SAID if purpose in purposes]
        notices, params = _joined(cursor, rows)
        noticed = _NOTICED.format(notices=notices)
        found = self._insert(cursor, f"{_said(ordered, _OF_NEW)} {noticed} = 'new'", params, first=0)
        if with_known:
            known = f"{_RECORDED} {_said(ordered, _OF_KNOWN)} {noticed} <> 'new'"
            found += self._insert(cursor, known, params, first=found)
        return found

    def _insert(self, cursor: CursorWrapper, joined: str, params: dict[str, Any], *, first: int) -> int:
        cursor.execute(_ACTS + joined, {**self._params, **params, "first": first})
        return int(cursor.rowcount)

    def _notice(self, purpose: str, wording: str) -> ConsentNotice | None:
        text = (self._statement.tracking_wording or wording) if purpose != _MARKETING else wording
        if not text:
            return None
        return consent.ensure_notice(purpose=purpose, text=text, language=self._statement.language)
