"""Pick up what a killed or frozen worker left behind.

A call whose lease ran out may have been accepted: its people become `unresolved` and are never sent again by
themselves, and whoever has a row already, because the call was to send again, keeps it. A batch whose lease ran out
goes on at its cursor: everybody before it is in a call or has a row. A machine whose clock is fast takes nothing
early: Postgres's clock must agree.
"""

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import Final

from django.db import connection, transaction

from mailplatform.core import clock

_LOSE_CALLS: Final = """
WITH lost AS (
    UPDATE campaigns_call SET state = 'lost', finished_at = %(now)s, error = 'The worker did not come back.'
    WHERE id IN (SELECT id FROM campaigns_call
        WHERE state = 'in_flight' AND lease_until < least(clock_timestamp(), %(now)s)
        ORDER BY id LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
    RETURNING id, run_id, batch_id, subscriber_ids, opens, clicks, kind
),
people AS (
    INSERT INTO campaigns_delivery (run_id, subscriber_id, state, reason, message_id, call_id, batch_id,
        attempt, variant, opens_tracked, clicks_tracked, at)
    SELECT l.run_id, p.id, 'unresolved', 'worker_lost', '', l.id, l.batch_id, coalesce(b.attempt, 1), 0,
        l.opens, l.clicks, %(now)s
    FROM lost l CROSS JOIN unnest(l.subscriber_ids) p(id)
    LEFT JOIN campaigns_batch b ON b.id = l.batch_id
    WHERE l.kind = 'campaign' ORDER BY l.run_id, p.id
    ON CONFLICT DO NOTHING RETURNING 1
)
SELECT (SELECT count(*) FROM lost), (SELECT count(*) FROM people)
"""
_FREE_BATCHES: Final = """
UPDATE campaigns_batch SET state = 'waiting', lease_token = NULL, lease_until = NULL
WHERE id IN (SELECT id FROM campaigns_batch
    WHERE state = 'claimed' AND lease_until < least(clock_timestamp(), %s) ORDER BY id FOR UPDATE SKIP LOCKED)
"""
_RELEASE: Final = """
UPDATE campaigns_batch SET state = 'waiting', lease_token = NULL, lease_until = NULL
WHERE id = %s AND lease_token = %s AND state = 'claimed'
"""
LIMIT: Final = 500


@dataclass(frozen=True, slots=True)
class Recovered:
    """How much was found."""

    calls: int
    people: int
    batches: int


def recover() -> Recovered:
    """Take over every expired lease. Safe to run anywhere, any time, together with living workers."""
    now: dt.datetime = clock.now()
    calls = people = 0
    with connection.cursor() as cursor:
        while True:
            with transaction.atomic():
                cursor.execute(_LOSE_CALLS, {"now": now, "limit": LIMIT})
                found, touched = cursor.fetchone()
            calls, people = calls + found, people + touched
            if found < LIMIT:
                break
        with transaction.atomic():
            cursor.execute(_FREE_BATCHES, [now])
            batches = cursor.rowcount
    return Recovered(calls, people, batches)


def release(batch_id: int, token: uuid.UUID) -> None:
    """Give back a batch that is not used up, so that the next drain goes on at its cursor."""
    with connection.cursor() as cursor:
        cursor.execute(_RELEASE, [batch_id, token])
