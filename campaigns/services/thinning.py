"""Let go of what nobody asks for any more: the calls and batches of runs that ended long ago.

Deliveries stay, for years: each says by itself who got what, when, with which message id, or why not. Events settle an
unresolved delivery without its call. What rests on calls (whether silence is proof, a decision's fence) opens and
closes within days; batches that tell in which version a person got the mail are kept.
"""

import datetime as dt
from typing import Final

from django.db import connection

from mailplatform.core import clock

KEPT: Final = dt.timedelta(days=30)
AT_ONCE: Final = 5_000

_OVER: Final = "r.state IN ('sent', 'cancelled', 'failed') AND r.finished_at < %(before)s"
_CALLS: Final = f"""
DELETE FROM campaigns_call WHERE id IN (
    SELECT c.id FROM campaigns_run r JOIN campaigns_call c ON c.run_id = r.id
    WHERE {_OVER} AND c.state <> 'in_flight' LIMIT %(limit)s)
"""  # noqa: S608 - put together with _OVER above; every value is a parameter
_SINGLE: Final = """
DELETE FROM campaigns_call WHERE id IN (
    SELECT id FROM campaigns_call WHERE run_id IS NULL AND state <> 'in_flight' AND started_at < %(before)s
    LIMIT %(limit)s)
"""
_BATCHES: Final = f"""
DELETE FROM campaigns_batch WHERE id IN (
    SELECT b.id FROM campaigns_run r JOIN campaigns_batch b ON b.run_id = r.id
    WHERE {_OVER} AND b.state = 'done' AND NOT EXISTS (
        SELECT 1 FROM campaigns_batch x WHERE x.run_id = r.id AND x.template_version_id <> r.template_version_id)
    LIMIT %(limit)s)
"""  # noqa: S608 - put together with _OVER above; every value is a parameter


def thin_ledger() -> tuple[int, int]:
    """Delete calls and batches of runs that ended more than 30 days ago; returns how many of each."""
    return _delete(_CALLS) + _delete(_SINGLE), _delete(_BATCHES)


def _delete(statement: str) -> int:
    """In small transactions, so that nobody waits for it."""
    deleted = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(statement, {"before": clock.now() - KEPT, "limit": AT_ONCE})
            found = int(cursor.rowcount)
        deleted += found
        if found < AT_ONCE:
            return deleted
