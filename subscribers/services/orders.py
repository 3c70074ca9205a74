"""Orders and what profiles copy of them: how many, the last one, sums by currency, products.

Only imports write orders (`merging.order_merge`). Whoever changes a person's orders refreshes the rollup in the same
transaction, after the lock of the profiles.
"""

from collections.abc import Sequence
from typing import Any, Final

from ..models import Order
from . import basis

_REFRESH: Final = """
WITH ids AS MATERIALIZED (SELECT unnest(%(ids)s::bigint[]) AS id), bought AS (
    SELECT i.id, o.orders, o.last, o.spent, b.products FROM ids i
    LEFT JOIN LATERAL (
        SELECT sum(c.orders)::integer AS orders, max(c.last) AS last, jsonb_object_agg(c.currency, c.total) AS spent
        FROM (SELECT y.currency, count(*) AS orders, max(y.ordered_at) AS last, sum(y.total) AS total
            FROM subscribers_order y WHERE y.subscriber_id = i.id GROUP BY y.currency OFFSET 0) c) o ON TRUE
    LEFT JOIN LATERAL (
        SELECT array_agg(DISTINCT l.product_id ORDER BY l.product_id) AS products
        FROM subscribers_order y JOIN subscribers_orderline l ON l.order_id = y.id
        WHERE y.subscriber_id = i.id) b ON TRUE)
UPDATE subscribers_profile p SET orders = COALESCE(b.orders, 0), last_ordered_at = b.last, spent = b.spent,
    product_ids = b.products
FROM bought b WHERE p.subscriber_id = b.id AND (p.orders, p.last_ordered_at, p.spent, p.product_ids)
    IS DISTINCT FROM (COALESCE(b.orders, 0), b.last, b.spent, b.products)
"""


def refresh(cursor: Any, subscriber_ids: Sequence[int]) -> None:
    """Bring the rollup of these people up to their orders; their profiles are locked first, in order of their ids."""
    if not subscriber_ids:
        return
    basis.lock_profiles(cursor, subscriber_ids)
    with basis.by_index(cursor):
        cursor.execute(_REFRESH, {"ids": sorted(set(subscriber_ids))})


def move(cursor: Any, *, from_id: int, to_id: int) -> None:
    """Give all orders of one person to another one, when two records become one."""
    if Order.objects.filter(subscriber_id=from_id).update(subscriber_id=to_id):
        refresh(cursor, [to_id])


def remove(cursor: Any, ids: Sequence[int]) -> int:
    """Delete orders by their ids, and what profiles know of them; return how many there were."""
    people = list(Order.objects.filter(pk__in=ids).values_list("subscriber_id", flat=True).distinct())
    basis.lock_profiles(cursor, people)
    cursor.execute("DELETE FROM subscribers_orderline WHERE order_id = ANY(%s)", [list(ids)])
    cursor.execute("DELETE FROM subscribers_order WHERE id = ANY(%s)", [list(ids)])
    removed = int(cursor.rowcount)
    refresh(cursor, people)
    return removed
