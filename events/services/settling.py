"""Settle deliveries whose answer was lost, by what their events tell."""

from typing import Any, Final

from django.db import connection, transaction

from campaigns.sending import settle

# By a partial index and primary keys only, whatever the planner believes of the tables' sizes: it runs every few
# seconds, for years. The first condition is the index's own.
_KNOWN: Final = """
    SELECT d.run_id, d.subscriber_id, o.message_id
    FROM campaigns_delivery d CROSS JOIN LATERAL (
        SELECT x.message_id FROM events_outcome x
        WHERE x.run_id = d.run_id AND x.subscriber_id = d.subscriber_id OFFSET 0
    ) o
    WHERE (d.state = 'unresolved' OR d.reason = 'not_confirmed') AND d.state IN ('unresolved', 'failed')
    ORDER BY 1, 2 LIMIT %s
"""
AT_ONCE: Final = 5_000


def settle_unresolved() -> int:
    """Turn unresolved deliveries of which an event tells into accepted ones; return how many.

    Any event that bears our tags proves that SES took the mail, a Rendering Failure too. It overrules a person who
    counted the mail as lost. Events may have come before the delivery, twice, or after the mail was sent again.
    """
    settled = 0
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute(_KNOWN, (AT_ONCE,))
            rows: list[tuple[Any, ...]] = [
                (run, person, "accepted", message, "") for run, person, message in cursor.fetchall()
            ]
            settled += settle.settle(cursor, rows)
        if len(rows) < AT_ONCE:
            return settled
