"""Merging one chunk of staged rows into the people we know, in one transaction that ends with one ledger block."""

from collections.abc import Callable
from typing import Any, Final

import structlog
from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import F

from mailplatform.core import clock

from ..models import ImportJob, Method
from ..services import basis, profiles, sealing
from . import lanes, policy, sorting, tracing
from .acts import Acts
from .statement import Statement

log = structlog.get_logger(__name__)
CHUNK: Final = 20_000
# A complaint, an erasure or another import of the same people may come in between: the chunk is sorted again.
TRIES: Final = 3

# In the order of their ids, so that two imports of the same people wait for each other instead of dying.
_LOCK: Final = """
SELECT count(*) FROM (
    SELECT s.id FROM subscribers_subscriber s JOIN import_chunk c ON c.subscriber_id = s.id
    WHERE c.kind <> 'new' AND c.reason IS NULL ORDER BY s.id FOR NO KEY UPDATE OF s) locked
"""
_CHANGED: Final = f"""
UPDATE subscribers_subscriber s SET name = {policy.text_after("name")}, language = {policy.text_after("language")},
    time_zone = {policy.text_after("time_zone")}, fields = {policy.FIELDS_AFTER}, updated_at = %(now)s
FROM import_chunk st
WHERE s.id = st.subscriber_id AND st.kind = 'changed' AND st.reason IS NULL AND ({policy.CHANGES})
"""  # noqa: S608 - made of our own fragments; every value is a parameter
# Whom another import or form added meanwhile is a violation of the unique address, and the chunk is sorted again.
_NEW: Final = """
INSERT INTO subscribers_subscriber
    (id, public_id, email, email_key, name, language, time_zone, fields, source, created_at, updated_at)
SELECT subscriber_id, public_id, email, email_key, name, language, time_zone, fields, %(source)s, %(now)s, %(now)s
FROM import_chunk WHERE kind = 'new' AND reason IS NULL ORDER BY email
"""
_TAGS: Final = """
INSERT INTO subscribers_subscriber_tags (subscriber_id, tag_id)
SELECT c.subscriber_id, t.id FROM import_chunk c JOIN subscribers_tag t ON t.name = ANY(c.tags)
WHERE c.reason IS NULL AND (c.kind = 'new' OR %(policy)s <> 'skip') AND cardinality(c.tags) > 0
ORDER BY 1, 2 ON CONFLICT DO NOTHING
"""
# New people were numbered in the order of the chunk, so what names them by their numbers needs no sort.
_JOIN_NEW: Final = """
INSERT INTO subscribers_subscription AS x
    (subscriber_id, mailing_list_id, state, source, confirmed_at, created_at, updated_at)
SELECT subscriber_id, %(list)s, 'confirmed', %(source)s, %(now)s, %(now)s, %(now)s FROM import_chunk
WHERE reason IS NULL AND kind = 'new'
"""
_JOIN_KNOWN: Final = (
    _JOIN_NEW.replace("kind = 'new'", "kind <> 'new' ORDER BY subscriber_id")
    + """
ON CONFLICT (subscriber_id, mailing_list_id) DO UPDATE
    SET state = 'confirmed', confirmed_at = excluded.confirmed_at, updated_at = excluded.updated_at
    WHERE x.state = 'pending'
"""
)
_KNOWN: Final = "SELECT subscriber_id FROM import_chunk WHERE kind <> 'new' AND reason IS NULL ORDER BY 1"
# What `basis.DERIVE` says of somebody whose first records are those of this chunk, and whom nothing suppresses.
_PROFILES: Final = """
INSERT INTO subscribers_profile (subscriber_id, joined_at, marketing_basis, contract_basis, service_basis,
    opens_allowed, clicks_allowed, opens, clicks, list_ids, tag_ids, {slots})
SELECT s.subscriber_id, %(now)s, CASE WHEN s.basis IN ('consent', 'soft_opt_in') THEN s.basis ELSE 'none' END,
    s.basis = 'contract', s.basis = 'legitimate_interest', s.basis <> '' AND s.opens IS TRUE,
    s.basis <> '' AND s.clicks IS TRUE, 0, 0,
    CASE WHEN %(list)s > 0 THEN ARRAY[%(list)s::bigint] ELSE '{{}}' END,
    CASE WHEN cardinality(s.tags) > 0 THEN ARRAY(
        SELECT t.id FROM subscribers_tag t WHERE t.name = ANY(s.tags) ORDER BY t.id) ELSE '{{}}' END, {values}
FROM import_chunk s WHERE s.kind = 'new' AND s.reason IS NULL
"""


class _OvertakenError(Exception):
    """Somebody of the chunk was erased since it was sorted."""


class Merge:
    """Merges the staged rows of one job, chunk after chunk."""

    def __init__(self, job: ImportJob, size: int = CHUNK) -> None:
        """Remember what is the same for every chunk of `size` rows."""
        self._job = job
        self._size = size
        self._statement = Statement.from_json(job.options["statement"])
        self._acts = Acts(job, self._statement)
        slots, self._slot_params = profiles.slot_values()
        self._profiles = _PROFILES.format(slots=", ".join(slots), values=", ".join(slots.values()))

    def run_chunk(self, after: int, upto: int, *, begun: Callable[[], None] | None = None) -> None:
        """Merge the rows with ``after < seq <= upto`` and count them on the job, all or nothing.

        `begun` is called once the chunk after this one may begin. What came in between (a complaint, an erasure, the
        same person by another way) is met by sorting again. Raises OutOfTurnError where the chunk before is not done.
        """
        for attempt in range(1, TRIES + 1):
            try:
                with transaction.atomic():
                    self._run(after, upto, begun)
            except (_OvertakenError, IntegrityError, OperationalError) as error:
                if attempt == TRIES or connection.in_atomic_block or not connection.is_usable():
                    raise
                log.warning("import_chunk_repeated", job=self._job.pk, after=after, error=str(error)[:200])
            else:
                return

    def _run(self, after: int, upto: int, begun: Callable[[], None] | None = None) -> None:
        params: dict[str, Any] = {
            "job": self._job.pk,
            "after": after,
            "upto": upto,
            "policy": self._job.options.get("existing", policy.OVERWRITE),
            "list": self._job.mailing_list_id or 0,
            "now": clock.now(),
            "source": f"import {self._job.pk}",
            "chunk": len(self._job.made) + (after - self._job.rows_done) // self._size,
        }
        with connection.cursor() as cursor:
            lanes.hold(cursor, self._job.pk, upto)
            counts = sorting.sort_rows(cursor, params)
            # Not earlier: the ids of a chunk's new people are a range of their own, by which an undo finds them.
            if begun:
                begun()
            known = self._people(cursor, params, counts)
            cursor.execute(self._profiles, {**params, **self._slot_params})
            profiles.refresh(subscriber_ids=known)
            cursor.execute(sealing.WAITING_TABLE)
            cursor.execute(sealing.EMPTY_WAITING_TABLE)
            acts = self._acts.collect(cursor, with_known=bool(known))
            lanes.await_turn(cursor, self._job.pk, after)
            self._count(after, upto, counts)
            records = self._record(cursor, known) if acts else range(0)
            tracing.note_chunk(cursor, params, records)

    def _count(self, after: int, upto: int, counts: sorting.Counts) -> None:
        counted = ImportJob.objects.filter(pk=self._job.pk, rows_done=after).update(
            rows_done=upto,
            rows_new=F("rows_new") + counts.new,
            rows_changed=F("rows_changed") + counts.changed,
            rows_unchanged=F("rows_unchanged") + counts.same,
        )
        if not counted:
            raise lanes.OutOfTurnError

    def _people(self, cursor: CursorWrapper, params: dict[str, Any], counts: sorting.Counts) -> list[int]:
        """Write people, tags and subscriptions; return the ids of those who were known before."""
        cursor.execute(_KNOWN)
        known = [row[0] for row in cursor.fetchall()]
        if known:
            cursor.execute(_LOCK)
            if cursor.fetchone()[0] < len(known):
                raise _OvertakenError("somebody was erased meanwhile")
            tracing.remember(cursor, params)
        if params["policy"] != policy.SKIP and counts.changed:
            cursor.execute(_CHANGED, params)
        cursor.execute(_NEW, params)
        cursor.execute(_TAGS, params)
        if params["list"]:
            cursor.execute(_JOIN_NEW, params)
            if known:
                cursor.execute(_JOIN_KNOWN, params)
        return known

    def _record(self, cursor: CursorWrapper, known: list[int]) -> range:
        """Last, because it takes the ledger's lock until the commit. Returns the ids of the records."""
        if known:
            basis.lock_profiles(cursor, known)
        records = sealing.append_waiting(
            method=str(Method.IMPORT.value),
            language=self._statement.language,
            actor=f"import:{self._job.pk}",
            recorded_at=clock.now(),
        )
        if known:
            basis.derive(cursor, known)
        return records
