"""The soft opt-in that an import of orders claims (ePrivacy Art. 13(2)), as consent records made inside Postgres.

It is a basis only for somebody who bought, was told then that mail about similar products would come, could refuse
it at that moment, and never did. So it goes to nobody who has any basis already, or ever said no to anything: left a
list, withdrew, refused, objected, complained, is suppressed for any reason, or asked to sign up and never confirmed.
"""

from dataclasses import asdict, dataclass
from typing import Any, Final

from django.db.backends.utils import CursorWrapper

from ..ledger import encoding, sql
from ..models import ConsentNotice, ImportJob, Purpose
from ..services import consent
from ..services.sealing import ACTS

# The newest order of each person of the chunk is the reference.
_ELIGIBLE: Final = """
SELECT DISTINCT ON (s.id) s.id, s.public_id, s.email, s.email_key, h.number, h.ordered_at
FROM order_chunk c JOIN subscribers_orderstaging h ON h.job_id = %(job)s AND h.seq = c.seq
JOIN subscribers_subscriber s ON s.id = c.subscriber_id
LEFT JOIN subscribers_profile p ON p.subscriber_id = s.id
WHERE c.reason = '' AND c.kind IN ('new', 'known') AND COALESCE(p.marketing_basis, 'none') = 'none'
    AND NOT EXISTS (SELECT FROM subscribers_suppression x WHERE x.email_key = s.email_key AND x.lifted_at IS NULL)
    AND NOT EXISTS (SELECT FROM subscribers_consentrecord r WHERE r.subject = s.public_id
        AND r.purpose = 'marketing_email' AND r.act IN ('requested', 'refused', 'withdrawn', 'objected', 'erased'))
    AND NOT EXISTS (SELECT FROM subscribers_subscription l WHERE l.subscriber_id = s.id AND l.state <> 'confirmed')
ORDER BY s.id, h.ordered_at DESC, h.number
"""
# Canonical JSON, hence in the order of the keys.
_EVIDENCE: Final = f"""
    '{{"file":' || %(file)s || ',"opt_out_offered":true,"order":' || {sql.json_text("e.number")}
    || ',"order_date":"' || (e.ordered_at AT TIME ZONE %(zone)s)::date || '","sha256":"' || %(sha256)s
    || '","shop":' || %(shop_json)s || ',"similar_products":true}}'
"""
_ACTS: Final = f"""
INSERT INTO {ACTS} (position, subscriber_id, subject, purpose, act, lawful_basis, source, occurred_at,
    notice_hash, notice_version, email, email_key, evidence)
SELECT row_number() OVER (ORDER BY e.id) - 1, e.id, e.public_id, 'marketing_email', 'granted', 'soft_opt_in', %(where)s,
    {sql.time_text("e.ordered_at")}, %(notice)s, %(version)s, e.email, e.email_key, {_EVIDENCE}
FROM ({_ELIGIBLE}) e
"""  # noqa: S608 - made of our own fragments; every value is a parameter


@dataclass(frozen=True)
class SoftOptIn:
    """What the importer declares of everybody in a file of orders.

    `similar` and `opt_out`: that the mail is about similar products and was announced, and that refusing it was
    offered when the address was collected. `where` it was, `wording` what stood there, in `language`.
    """

    similar: bool = False
    opt_out: bool = False
    wording: str = ""
    where: str = ""
    language: str = "en"

    def to_json(self) -> dict[str, Any]:
        """Return the declaration as it is stored with the import."""
        return asdict(self)


class OrderActs:
    """Collects the soft opt-ins of a job's chunks."""

    def __init__(self, job: ImportJob) -> None:
        """Remember what is the same for every chunk."""
        found = job.options.get("soft_opt_in")
        self.declared = SoftOptIn(**found) if found else None
        self._params = {
            "job": job.pk,
            "file": encoding.canonical_text(job.file_name),
            "sha256": bytes(job.file_sha256).hex(),
            "shop_json": encoding.canonical_text(job.options["shop"]),
            "zone": job.options["zone"],
            "where": self.declared.where if self.declared else "",
        }
        self._notice: ConsentNotice | None = None

    def count(self, cursor: CursorWrapper) -> int:
        """How many people of `order_chunk` would get the basis."""
        if self.declared is None:
            return 0
        cursor.execute(f"SELECT count(*) FROM ({_ELIGIBLE}) e", self._params)  # noqa: S608 - our own fragment
        return int(cursor.fetchone()[0])

    def collect(self, cursor: CursorWrapper) -> int:
        """Fill the ledger's waiting table for `order_chunk`, under the lock of its profiles; return how many."""
        if self.declared is None:
            return 0
        if self._notice is None:
            self._notice = consent.ensure_notice(
                purpose=Purpose.MARKETING.value, text=self.declared.wording, language=self.declared.language
            )
        cursor.execute(_ACTS, {**self._params, "notice": self._notice.hash, "version": self._notice.version})
        return int(cursor.rowcount)
