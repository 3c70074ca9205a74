"""Settle people of whom nobody knew whether SES had accepted them."""

from collections.abc import Sequence
from typing import Final

from django.db.backends.utils import CursorWrapper

from mailplatform.core import clock

Settlement = tuple[int, int, str, str, str]  # run_id, subscriber_id, 'accepted'|'failed', message_id, reason

_SETTLE: Final = """
WITH wanted AS (
    SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::text[])
        AS v(run_id, subscriber_id, state, message_id, reason)
),
locked AS (
    SELECT d.run_id, d.subscriber_id FROM campaigns_delivery d
    JOIN wanted v ON v.run_id = d.run_id AND v.subscriber_id = d.subscriber_id
    WHERE d.state = 'unresolved' OR (d.state = 'failed' AND d.reason = 'not_confirmed' AND v.state = 'accepted')
    ORDER BY d.run_id, d.subscriber_id FOR UPDATE OF d
)
UPDATE campaigns_delivery d SET
    state = v.state, reason = v.reason, at = %s,
    message_id = CASE WHEN v.message_id = '' THEN d.message_id ELSE left(v.message_id, 100) END
FROM wanted v, locked l
WHERE d.run_id = v.run_id AND d.subscriber_id = v.subscriber_id
    AND l.run_id = d.run_id AND l.subscriber_id = d.subscriber_id
"""


def settle(cursor: CursorWrapper, rows: Sequence[Settlement]) -> int:
    """Move `unresolved` people to `accepted` or `failed`, in the caller's transaction; returns how many.

    Rows are (run_id, subscriber_id, outcome, message_id, reason), one per person. Whoever is not
    `unresolved`, or has no delivery at all, is left alone: proof of acceptance may come before, or twice.
    Acceptance also overrules a person's decision to count somebody as lost (`failed`, `not_confirmed`).
    """
    if not rows:
        return 0
    runs, people, states, messages, reasons = (list(column) for column in zip(*rows, strict=True))
    cursor.execute(_SETTLE, [runs, people, states, messages, [r[:40] for r in reasons], clock.now()])
    return int(cursor.rowcount)
