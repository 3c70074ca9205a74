"""Merging one chunk of staged rows into the people we know, in one transaction that ends with one ledger block."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import F

from mailplatform.core import clock

from ..models import Act, ConsentNotice, ImportJob, LawfulBasis, Method, Purpose
from ..services import consent, profiles
from . import sorting
from .statement import Statement

CHUNK = 20_000

_PEOPLE = """
INSERT INTO subscribers_subscriber
    (public_id, email, email_key, name, language, time_zone, fields, source, created_at, updated_at)
SELECT gen_random_uuid(), email, email_key, name, language, '', fields, %(source)s, %(now)s, %(now)s
FROM import_staging
WHERE seq > %(after)s AND seq <= %(upto)s AND reason IS NULL AND (kind = 'new' OR (kind = 'changed' AND %(update)s))
ORDER BY email
ON CONFLICT (email) DO UPDATE SET
    name = CASE WHEN excluded.name = '' THEN subscribers_subscriber.name ELSE excluded.name END,
    language = CASE WHEN excluded.language = '' THEN subscribers_subscriber.language ELSE excluded.language END,
    fields = subscribers_subscriber.fields || excluded.fields,
    updated_at = excluded.updated_at
WHERE %(update)s
"""
_IDS = """
UPDATE import_staging st SET subscriber_id = s.id FROM subscribers_subscriber s
WHERE s.email = st.email AND st.seq > %(after)s AND st.seq <= %(upto)s AND st.reason IS NULL
"""
_TAGS = """
INSERT INTO subscribers_subscriber_tags (subscriber_id, tag_id)
SELECT st.subscriber_id, t.id FROM import_staging st JOIN subscribers_tag t ON t.name = ANY(st.tags)
WHERE st.seq > %(after)s AND st.seq <= %(upto)s AND st.reason IS NULL AND (st.kind = 'new' OR %(update)s)
ORDER BY 1, 2
ON CONFLICT DO NOTHING
"""
_SUBSCRIPTIONS = """
INSERT INTO subscribers_subscription AS x
    (subscriber_id, mailing_list_id, state, source, confirmed_at, created_at, updated_at)
SELECT subscriber_id, %(list)s, 'confirmed', %(source)s, %(now)s, %(now)s, %(now)s FROM import_staging
WHERE seq > %(after)s AND seq <= %(upto)s AND reason IS NULL
ORDER BY subscriber_id
ON CONFLICT (subscriber_id, mailing_list_id) DO UPDATE
    SET state = 'confirmed', confirmed_at = excluded.confirmed_at, updated_at = excluded.updated_at
    WHERE x.state = 'pending'
"""
# What is not yet recorded. A purpose on which somebody already has any record is left to that record: a file
# neither repeats a grant nor asks again after a refusal; it may only take a permission away.
_EVIDENCE = """
WITH known AS MATERIALIZED (
    SELECT s.id,
        bool_or(c.purpose = 'marketing_email') AS marketing,
        bool_or(c.purpose = 'open_tracking') AS opens,
        bool_or(c.purpose = 'click_tracking') AS clicks
    FROM import_staging st JOIN subscribers_subscriber s ON s.id = st.subscriber_id
    JOIN subscribers_consentrecord c ON c.subject = s.public_id
    WHERE st.seq > %(after)s AND st.seq <= %(upto)s AND st.reason IS NULL AND st.kind <> 'new'
    GROUP BY s.id)
SELECT st.subscriber_id, st.line, st.basis, st.consent_at, st.source, st.wording, st.reference,
    st.opens, st.clicks,
    CASE st.basis WHEN 'contract' THEN NOT COALESCE(p.contract_basis, FALSE)
        WHEN 'legitimate_interest' THEN NOT COALESCE(p.service_basis, FALSE)
        WHEN 'consent' THEN p.marketing_basis = 'soft_opt_in' OR k.marketing IS NOT TRUE
        ELSE k.marketing IS NOT TRUE END,
    st.opens IS NOT NULL AND (k.opens IS NOT TRUE OR (p.opens_allowed AND NOT st.opens)),
    st.clicks IS NOT NULL AND (k.clicks IS NOT TRUE OR (p.clicks_allowed AND NOT st.clicks))
FROM import_staging st
LEFT JOIN subscribers_profile p ON p.subscriber_id = st.subscriber_id
LEFT JOIN known k ON k.id = st.subscriber_id
WHERE st.seq > %(after)s AND st.seq <= %(upto)s AND st.reason IS NULL AND st.basis <> ''
ORDER BY st.subscriber_id
"""
_TOUCHED = """
SELECT subscriber_id FROM import_staging WHERE seq > %(after)s AND seq <= %(upto)s AND reason IS NULL
"""
_EVIDENCE_KEY = {
    LawfulBasis.CONTRACT.value: "contract",
    LawfulBasis.LEGITIMATE_INTEREST.value: "assessment",
    LawfulBasis.SOFT_OPT_IN.value: "order",
}
# Plain texts, because an enum's member costs a call wherever it is looked at.
_MARKETING, _OPENS, _CLICKS = (str(kind.value) for kind in (Purpose.MARKETING, Purpose.OPENS, Purpose.CLICKS))
_GRANTED, _REFUSED, _IMPORT = str(Act.GRANTED.value), str(Act.REFUSED.value), str(Method.IMPORT.value)
_CONSENT = str(LawfulBasis.CONSENT.value)


class Merge:
    """Merges the staged rows of one job, chunk after chunk."""

    def __init__(self, job: ImportJob) -> None:
        """Remember what is the same for every chunk."""
        self._job = job
        self._statement = Statement.from_json(job.options["statement"])
        self._update = job.options.get("existing", "update") == "update"
        self._notices: dict[tuple[str, str], ConsentNotice] = {}
        self._actor = f"import:{job.pk}"
        self._file: dict[str, Any] = {"file": job.file_name, "sha256": bytes(job.file_sha256).hex()}

    def run_chunk(self, after: int, upto: int) -> None:
        """Merge the rows with ``after < seq <= upto`` and count them on the job, all or nothing."""
        params = {
            "after": after,
            "upto": upto,
            "update": self._update,
            "list": self._job.mailing_list_id or 0,
            "now": clock.now(),
            "source": f"import {self._job.pk}",
        }
        with transaction.atomic():
            counts = sorting.sort_rows(
                after=after, upto=upto, list_id=self._job.mailing_list_id or 0, update=self._update
            )
            with connection.cursor() as cursor:
                cursor.execute(_PEOPLE, params)
                cursor.execute(_IDS, params)
                cursor.execute(_EVIDENCE, params)
                evidence = cursor.fetchall()
                cursor.execute(_TAGS, params)
                if self._job.mailing_list_id:
                    cursor.execute(_SUBSCRIPTIONS, params)
                cursor.execute(_TOUCHED, params)
                touched = [row[0] for row in cursor.fetchall()]
            profiles.refresh(subscriber_ids=touched)
            ImportJob.objects.filter(pk=self._job.pk).update(
                rows_done=upto,
                rows_new=F("rows_new") + counts.new,
                rows_changed=F("rows_changed") + counts.changed,
                rows_unchanged=F("rows_unchanged") + counts.same,
            )
            # Last, because it takes the ledger's lock until the commit.
            if entries := [entry for row in evidence for entry in self._entries(row)]:
                consent.record_many(entries=entries)

    def _entries(self, row: tuple[Any, ...]) -> Iterator[consent.ConsentEntry]:
        subscriber_id, line, basis, moment, source, wording, reference, opens, clicks, *needs = row
        evidence = {**self._file, "line": line}
        if reference:
            evidence["reference"] = reference
        who = (subscriber_id, source, moment, wording)
        if needs[0]:
            proof = evidence if basis == _CONSENT else self._proof(basis, line, reference, moment)
            yield self._entry(who, _MARKETING, _GRANTED, basis, proof)
        for purpose, answer, needed in ((_OPENS, opens, needs[1]), (_CLICKS, clicks, needs[2])):
            if needed:
                yield self._entry(who, purpose, _GRANTED if answer else _REFUSED, _CONSENT, evidence)

    def _proof(self, basis: str, line: int, reference: str, moment: datetime) -> dict[str, Any]:
        """Return the evidence for a basis other than consent."""
        proof = {**self._file, "line": line}
        if reference:
            proof[_EVIDENCE_KEY[basis]] = reference
        if basis == LawfulBasis.SOFT_OPT_IN:
            proof["order_date"] = moment.date().isoformat()
        return proof

    def _entry(
        self,
        who: tuple[int, str, datetime, str],
        purpose: str,
        act: str,
        basis: str,
        evidence: dict[str, Any],
    ) -> consent.ConsentEntry:
        subscriber_id, source, moment, wording = who
        return consent.ConsentEntry(
            subscriber_id, purpose, act, basis, _IMPORT, source, moment, self._actor,
            self._notice(purpose, wording), evidence, language=self._statement.language,
        )  # fmt: skip

    def _notice(self, purpose: str, wording: str) -> ConsentNotice | None:
        text = wording
        if purpose != _MARKETING:
            text = self._statement.tracking_wording or wording
        if not text:
            return None
        key = (purpose, text)
        if key not in self._notices:
            self._notices[key] = consent.ensure_notice(
                purpose=purpose, text=text, language=self._statement.language
            )
        return self._notices[key]
