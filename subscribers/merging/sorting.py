"""Deciding, for staged rows, who is new, who changes, and who must be left alone.

Nobody who left, complained, bounced or was erased comes back through a file: such rows are set aside with the
reason. The same statements serve the dry run (all rows) and the merge (each chunk again, in its transaction).
"""

from dataclasses import dataclass

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

# On young tables the planner's statistics lag behind an import and say “one row”; it then loops over loops, for
# minutes instead of a second. A hash over a small table costs nothing; big tables have their statistics.
_NO_LOOPS_WHILE_YOUNG = """
SELECT set_config('enable_nestloop', 'off', TRUE) FROM pg_class
WHERE oid = 'subscribers_subscriber'::regclass AND reltuples < 100000
"""
_SET_ASIDE = """
UPDATE import_staging st SET reason = found.reason
FROM (
    SELECT st.seq, CASE
        WHEN bool_or(x.reason = 'erased') THEN 'set aside: this person asked to be erased'
        WHEN bool_or(x.reason = 'complaint') THEN 'set aside: this person complained about our mail'
        WHEN bool_or(x.reason = 'unsubscribe') THEN 'set aside: this person unsubscribed from all mail'
        WHEN bool_or(x.reason = 'bounce') THEN 'set aside: mail to this address bounced'
        WHEN bool_or(x.reason IS NOT NULL) THEN 'set aside: this address is blocked'
        WHEN bool_or(p.marketing_basis = 'withdrawn') THEN 'set aside: this person withdrew their consent'
        WHEN bool_or(l.state = 'unsubscribed') THEN 'set aside: this person unsubscribed from the list'
    END AS reason
    FROM import_staging st
    LEFT JOIN subscribers_suppression x ON x.email_key = st.email_key AND x.lifted_at IS NULL
    LEFT JOIN subscribers_subscriber s ON s.email = st.email
    LEFT JOIN subscribers_profile p ON p.subscriber_id = s.id
    LEFT JOIN subscribers_subscription l ON l.subscriber_id = s.id AND l.mailing_list_id = %(list)s
    WHERE st.seq > %(after)s AND st.seq <= %(upto)s AND st.reason IS NULL
    GROUP BY st.seq) found
WHERE found.seq = st.seq AND found.reason IS NOT NULL
"""

_CLASSIFY = """
UPDATE import_staging st SET subscriber_id = f.id, kind = f.kind
FROM (
    SELECT st.seq, s.id, CASE
        WHEN s.id IS NULL THEN 'new'
        WHEN %(update)s AND (
            (st.name <> '' AND st.name <> s.name) OR (st.language <> '' AND st.language <> s.language)
            OR NOT s.fields @> st.fields
            OR (cardinality(st.tags) > 0 AND EXISTS (
                SELECT 1 FROM subscribers_tag t WHERE t.name = ANY(st.tags)
                AND NOT t.id = ANY(COALESCE(p.tag_ids, '{}')))))
            OR (%(list)s > 0 AND l.state IS DISTINCT FROM 'confirmed')
            OR (st.basis IN ('consent', 'soft_opt_in') AND COALESCE(p.marketing_basis, 'none') = 'none')
        THEN 'changed' ELSE 'same' END AS kind
    FROM import_staging st
    LEFT JOIN subscribers_subscriber s ON s.email = st.email
    LEFT JOIN subscribers_profile p ON p.subscriber_id = s.id
    LEFT JOIN subscribers_subscription l ON l.subscriber_id = s.id AND l.mailing_list_id = %(list)s
    WHERE st.seq > %(after)s AND st.seq <= %(upto)s AND st.reason IS NULL) f
WHERE f.seq = st.seq
"""

_COUNT = """
SELECT count(*) FILTER (WHERE kind = 'new'), count(*) FILTER (WHERE kind = 'changed'),
    count(*) FILTER (WHERE kind = 'same'), count(*) FILTER (WHERE basis = '')
FROM import_staging WHERE seq > %(after)s AND seq <= %(upto)s AND reason IS NULL
"""


@dataclass(frozen=True)
class Counts:
    """How many rows of a range are new, changed, unchanged, and without any basis."""

    new: int
    changed: int
    same: int
    without_basis: int


def plan_for_bulk(cursor: CursorWrapper) -> None:
    """Keep the planner from nested loops on young tables, until the end of the transaction."""
    cursor.execute(_NO_LOOPS_WHILE_YOUNG)


def sort_rows(*, after: int, upto: int, list_id: int, update: bool) -> Counts:
    """Set aside, then classify the staged rows with ``after < seq <= upto``; return the counts of those left.

    ``list_id`` is 0 for none; ``update`` says whether data of people we know may change.
    """
    params = {"after": after, "upto": upto, "list": list_id, "update": update}
    with transaction.atomic(), connection.cursor() as cursor:
        plan_for_bulk(cursor)
        cursor.execute(_SET_ASIDE, params)
        cursor.execute(_CLASSIFY, params)
        cursor.execute(_COUNT, params)
        return Counts(*cursor.fetchone())
