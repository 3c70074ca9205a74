"""Deciding, for the orders of a file, which are new, which we have, and which must be left alone.

The same query serves the dry run (all orders) and the import (each chunk again, in its transaction).
"""

from dataclasses import dataclass
from typing import Any, Final

from django.db import transaction
from django.db.backends.utils import CursorWrapper

from .. import money
from . import sorting

CREATE: Final = """
CREATE TEMP TABLE IF NOT EXISTS order_chunk (
    seq integer PRIMARY KEY, number text COLLATE "C", subscriber_id bigint, order_id bigint, kind text, reason text
) ON COMMIT DELETE ROWS
"""
# Somebody who was merged is who they are today. Whoever was erased, or asked us to store and do nothing else, gets
# no order; who unsubscribed bought all the same.
_SORT: Final = """
INSERT INTO order_chunk (seq, number, subscriber_id, order_id, kind, reason)
SELECT h.seq, h.number, COALESCE(o.subscriber_id, s.id), o.id, CASE
        WHEN o.id IS NULL THEN 'new'
        WHEN (o.subscriber_id, o.ordered_at, o.currency, o.total)
            IS DISTINCT FROM (s.id, h.ordered_at, h.currency, h.total) THEN 'differs'
        ELSE 'known' END,
    CASE WHEN o.id IS NOT NULL THEN ''
        WHEN 'erased' = ANY(x.reasons) THEN 'set aside: this person asked to be erased'
        WHEN 'restricted' = ANY(x.reasons) THEN 'set aside: this person asked for restriction'
        WHEN s.id IS NULL THEN 'set aside: nobody here has this address; import the people first'
        ELSE '' END
FROM subscribers_orderstaging h
LEFT JOIN LATERAL (
    SELECT y.id, y.subscriber_id, y.ordered_at, y.currency, y.total FROM subscribers_order y
    WHERE y.source = %(shop)s AND y.number = h.number COLLATE "default" OFFSET 0) o ON TRUE
LEFT JOIN LATERAL (
    SELECT m.survivor_id FROM subscribers_personmerge m WHERE m.old_email_key = h.email_key
    ORDER BY m.merged_at DESC LIMIT 1) m ON TRUE
LEFT JOIN LATERAL (
    SELECT y.id, y.email_key FROM subscribers_subscriber y
    WHERE y.email_key = h.email_key OR y.id = m.survivor_id ORDER BY y.email_key = h.email_key DESC LIMIT 1) s ON TRUE
CROSS JOIN LATERAL (
    SELECT array_agg(y.reason::text) AS reasons FROM subscribers_suppression y
    WHERE y.email_key IN (h.email_key, s.email_key) AND y.lifted_at IS NULL) x
WHERE h.job_id = %(job)s AND h.seq > %(after)s AND h.seq <= %(upto)s AND h.refused = '' OFFSET 0
"""
_REMEMBER: Final = """
UPDATE subscribers_orderstaging h SET reason = c.reason FROM order_chunk c
WHERE h.job_id = %(job)s AND h.seq = c.seq AND h.reason <> c.reason
"""
_COUNT: Final = """
SELECT count(*) FILTER (WHERE kind = 'new'), count(*) FILTER (WHERE kind <> 'new'),
    count(*) FILTER (WHERE kind = 'differs') FROM order_chunk WHERE reason = ''
"""
_SAMPLE: Final = """
SELECT h.number, s.email, h.ordered_at, h.currency, h.total, c.kind, ARRAY(
    SELECT r.product FROM subscribers_orderrowstaging r
    WHERE r.job_id = h.job_id AND r.number = h.number AND r.product <> '' ORDER BY r.seq LIMIT 5)
FROM order_chunk c JOIN subscribers_orderstaging h ON h.job_id = %s AND h.seq = c.seq
JOIN subscribers_subscriber s ON s.id = c.subscriber_id
WHERE c.reason = '' ORDER BY c.seq LIMIT %s
"""


@dataclass(frozen=True)
class OrderCounts:
    """How many orders are new, which we have already, and how many of these differ from the file."""

    new: int = 0
    known: int = 0
    differ: int = 0


def sort_orders(cursor: CursorWrapper, params: dict[str, Any]) -> OrderCounts:
    """Fill `order_chunk` with the staged orders with ``after < seq <= upto`` and count them.

    `params` holds job, shop, after and upto. Runs in the caller's transaction, with whose end the chunk is gone.
    """
    if not transaction.get_connection().in_atomic_block:
        raise transaction.TransactionManagementError("a chunk lives within one transaction")
    cursor.execute(CREATE)
    cursor.execute("DELETE FROM order_chunk")
    cursor.execute(sorting.BY_INDEX)
    cursor.execute(_SORT, params)
    cursor.execute(_REMEMBER, params)
    cursor.execute(_COUNT)
    return OrderCounts(*cursor.fetchone())


def sample(cursor: CursorWrapper, job_id: int, limit: int) -> list[dict[str, Any]]:
    """The first orders of the chunk that are to be imported, or are here, for the page of the dry run."""
    cursor.execute(_SAMPLE, [job_id, limit])
    return [
        {
            "number": number,
            "email": email,
            "ordered_at": moment.isoformat(),
            "total": money.words(total, currency),
            "kind": kind,
            "products": ", ".join(products),
        }
        for number, email, moment, currency, total, kind, products in cursor.fetchall()
    ]
