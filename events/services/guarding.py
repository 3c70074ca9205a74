"""Settling deliveries whose answer was lost."""

from typing import Any

from django.db import connection, transaction

from campaigns.sending import settle

# People of calls whose answer was lost: by primary keys only, however large the run is.
_UNRESOLVED = """
    SELECT d.run_id, d.subscriber_id, o.message_id
    FROM campaigns_call c CROSS JOIN LATERAL unnest(c.subscriber_ids) AS person (id)
    JOIN campaigns_delivery d ON d.run_id = c.run_id AND d.subscriber_id = person.id AND d.state = 'unresolved'
    JOIN events_outcome o ON o.run_id = d.run_id AND o.subscriber_id = d.subscriber_id
    WHERE c.state = 'lost' AND c.run_id IS NOT NULL
    ORDER BY 1, 2 LIMIT %s
"""
SETTLE_AT_ONCE = 5_000


def settle_unresolved() -> int:
    """Turn unresolved deliveries of which an event tells into accepted ones; return how many.

    Any event that bears our tags proves that SES took the mail, a Rendering Failure too.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_UNRESOLVED, (SETTLE_AT_ONCE,))
        rows: list[tuple[Any, ...]] = [
            (run, person, "accepted", message, "") for run, person, message in cursor.fetchall()
        ]
        if rows:
            settle.settle(cursor, rows)
    return len(rows)
