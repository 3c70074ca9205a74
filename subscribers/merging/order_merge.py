"""Bringing in the orders of a checked file, chunk by chunk, each one transaction; and its dry run.

A run that was killed goes on after its last whole chunk; an order is named by shop and number, so nothing is brought
in twice.
"""

import json
from typing import Any, Final

import structlog
from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import F

from mailplatform.core import clock

from ..models import ImportJob, ImportState, Method, RefusedRow
from ..services import basis, orders, sealing
from . import order_sorting, order_table
from .order_acts import OrderActs
from .order_staging import OrderStaging
from .refusals import reasons_of

log = structlog.get_logger(__name__)
CHUNK: Final = 10_000  # rows of the file
TRIES: Final = 3
SAMPLE: Final = 10

# In the order of their ids, as every import does.
_LOCK: Final = """
SELECT count(*), (SELECT count(DISTINCT subscriber_id) FROM order_chunk WHERE reason = '') FROM (
    SELECT s.id FROM subscribers_subscriber s
    WHERE s.id IN (SELECT subscriber_id FROM order_chunk WHERE reason = '') ORDER BY s.id FOR NO KEY UPDATE) locked
"""
_PEOPLE: Final = "SELECT DISTINCT subscriber_id FROM order_chunk WHERE reason = '' ORDER BY 1"
_CURRENCIES: Final = """
INSERT INTO subscribers_ordercurrency (code)
SELECT DISTINCT h.currency FROM order_chunk c
JOIN subscribers_orderstaging h ON h.job_id = %(job)s AND h.seq = c.seq
WHERE c.kind = 'new' AND c.reason = '' ORDER BY 1 ON CONFLICT DO NOTHING
"""
_PRODUCTS: Final = """
INSERT INTO subscribers_product (name)
SELECT DISTINCT r.product FROM order_chunk c
JOIN subscribers_orderrowstaging r ON r.job_id = %(job)s AND r.number = c.number
WHERE c.kind = 'new' AND c.reason = '' AND r.product <> '' ORDER BY 1 ON CONFLICT DO NOTHING
"""
_ORDERS: Final = """
INSERT INTO subscribers_order (source, number, subscriber_id, job_id, ordered_at, currency, total, created_at)
SELECT %(shop)s, c.number, c.subscriber_id, %(job)s, h.ordered_at, h.currency, h.total, %(now)s
FROM order_chunk c JOIN subscribers_orderstaging h ON h.job_id = %(job)s AND h.seq = c.seq
WHERE c.kind = 'new' AND c.reason = '' ORDER BY c.number ON CONFLICT DO NOTHING
"""
_LINES: Final = """
INSERT INTO subscribers_orderline (order_id, place, product_id, quantity, amount)
SELECT o.id, row_number() OVER (PARTITION BY o.id ORDER BY r.seq), t.id, r.quantity, r.amount
FROM order_chunk c
JOIN subscribers_order o ON o.source = %(shop)s AND o.number = c.number COLLATE "default"
JOIN subscribers_orderrowstaging r ON r.job_id = %(job)s AND r.number = c.number
JOIN subscribers_product t ON t.name = r.product COLLATE "default"
WHERE c.kind = 'new' AND c.reason = ''
"""
_MADE: Final = """
SELECT COALESCE(min(o.id), 0), COALESCE(max(o.id), 0) FROM order_chunk c
JOIN subscribers_order o ON o.source = %(shop)s AND o.number = c.number COLLATE "default"
WHERE c.kind = 'new' AND c.reason = ''
"""
_NOTE: Final = "UPDATE subscribers_importjob SET made = made || jsonb_build_array(%s::jsonb) WHERE id = %s"


class _OvertakenError(Exception):
    """Somebody else changed these people or orders since the chunk was sorted."""


def check(job: ImportJob) -> None:
    """Dry run: read the whole file, compare its orders with those we have. Ends in state ready."""
    staging = OrderStaging(job)
    staging.fill()
    acts = OrderActs(job)
    with transaction.atomic(), connection.cursor() as cursor:
        counts = order_sorting.sort_orders(cursor, _params(job, 0, staging.total))
        sample = order_sorting.sample(cursor, job.pk, SAMPLE)
        soft = acts.count(cursor)
    staging.store_refused()
    refused = RefusedRow.objects.filter(job=job).count()
    preview = {
        "new": counts.new,
        "same": counts.known,
        "differ": counts.differ,
        "soft_opt_in": soft,
        "refused": refused,
        "reasons": reasons_of(job),
        "sample": sample,
        "changes": [],
        "warnings": staging.warnings,
        "staged": order_table.count(job.pk),
    }
    ImportJob.objects.filter(pk=job.pk, state=ImportState.CHECKING).update(
        state=ImportState.READY, preview=preview, rows_total=staging.total, rows_refused=refused
    )


def run(job: ImportJob) -> None:
    """Bring the orders in, from the first chunk that is not done. Ends in state done."""
    staging = OrderStaging(job)
    if order_table.count(job.pk) == job.preview.get("staged"):
        staging.total = job.rows_total
    else:
        log.warning("import_staged_again", job=job.pk)
        staging.fill()
    acts = OrderActs(job)
    for after in range(job.rows_done, staging.total, CHUNK):
        _run_chunk(job, acts, after, min(after + CHUNK, staging.total))
    staging.store_refused()
    ImportJob.objects.filter(pk=job.pk, state=ImportState.RUNNING).update(
        state=ImportState.DONE,
        finished_at=clock.now(),
        rows_done=staging.total,
        rows_total=staging.total,
        rows_refused=RefusedRow.objects.filter(job=job).count(),
    )
    log.info("import_orders_done", job=job.pk, rows=staging.total)


def _params(job: ImportJob, after: int, upto: int) -> dict[str, Any]:
    return {"job": job.pk, "shop": job.options["shop"], "after": after, "upto": upto, "now": clock.now()}


def _run_chunk(job: ImportJob, acts: OrderActs, after: int, upto: int) -> None:
    """Bring in the orders whose first row has ``after < seq <= upto``, all or nothing; sort again when overtaken."""
    for attempt in range(1, TRIES + 1):
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                _merge(cursor, job, acts, _params(job, after, upto))
        except (_OvertakenError, IntegrityError, OperationalError) as error:
            if attempt == TRIES or connection.in_atomic_block or not connection.is_usable():
                raise
            log.warning("import_chunk_repeated", job=job.pk, after=after, error=str(error)[:200])
        else:
            return


def _merge(cursor: CursorWrapper, job: ImportJob, acts: OrderActs, params: dict[str, Any]) -> None:
    counts = order_sorting.sort_orders(cursor, params)
    cursor.execute(_LOCK)
    locked, wanted = cursor.fetchone()
    if locked < wanted:
        raise _OvertakenError("somebody was erased meanwhile")
    cursor.execute(_CURRENCIES, params)
    cursor.execute(_PRODUCTS, params)
    cursor.execute(_ORDERS, params)
    if cursor.rowcount < counts.new:
        raise _OvertakenError("the same orders came in meanwhile")
    cursor.execute(_LINES, params)
    cursor.execute(_MADE, params)
    made = {"orders": list(cursor.fetchone())}
    cursor.execute(_PEOPLE)
    people = [row[0] for row in cursor.fetchall()]
    orders.refresh(cursor, people)
    ImportJob.objects.filter(pk=job.pk).update(
        rows_done=params["upto"],
        rows_new=F("rows_new") + counts.new,
        rows_unchanged=F("rows_unchanged") + counts.known,
    )
    records = _record(cursor, job, acts, people)
    if counts.new or records:
        made["records"] = [records.start, records.stop - 1] if records else [0, 0]
        cursor.execute(_NOTE, [json.dumps(made), job.pk])


def _record(cursor: CursorWrapper, job: ImportJob, acts: OrderActs, people: list[int]) -> range:
    """Last of the writes, because it takes the ledger's lock until the commit. Returns the ids of the records."""
    cursor.execute(sealing.WAITING_TABLE)
    cursor.execute(sealing.EMPTY_WAITING_TABLE)
    count = acts.collect(cursor)
    if not count or acts.declared is None:
        return range(0)
    ImportJob.objects.filter(pk=job.pk).update(rows_changed=F("rows_changed") + count)
    records = sealing.append_waiting(
        method=str(Method.IMPORT.value),
        language=acts.declared.language,
        actor=f"import:{job.pk}",
        recorded_at=clock.now(),
    )
    basis.derive(cursor, people)
    return records
