"""Rows of people to whom a mail is sent again because nobody knows about the first one.

They keep their `unresolved` row, so that the sums of a run hold at every instant; its reason says how far they are:
`resend` waits in a batch, `lost_answer` is in a call or nobody knows, `not_resent` could not be mailed again: they may
not be mailed any more, or SES refused the second mail, which proves nothing of the first.
A person leaves `resend` in the transaction of the cut, hence is in one call at most, however many batches name them.
"""

from collections.abc import Sequence
from typing import Final

from django.db.backends.utils import CursorWrapper

WAITING: Final = "resend"
GIVEN_UP: Final = "not_resent"

_MARK: Final = """
UPDATE campaigns_delivery SET reason = %s
WHERE run_id = %s AND subscriber_id = ANY(%s::bigint[]) AND state = 'unresolved' AND reason = %s
"""
_CALLED: Final = """
UPDATE campaigns_delivery d SET reason = 'lost_answer', call_id = v.call_id, batch_id = %s, attempt = %s,
    opens_tracked = d.opens_tracked OR %s, clicks_tracked = d.clicks_tracked OR %s
FROM (SELECT unnest(%s::bigint[]) AS subscriber_id, %s::bigint AS call_id) v
WHERE d.run_id = %s AND d.subscriber_id = v.subscriber_id AND d.state = 'unresolved' AND d.reason = 'resend'
"""


def give_up(cursor: CursorWrapper, run_id: int, ids: Sequence[int]) -> int:
    """Of those who wait, these may not be mailed (any more): the first mail stays the only one. Returns how many."""
    if not ids:
        return 0
    cursor.execute(_MARK, [GIVEN_UP, run_id, list(ids), WAITING])
    return int(cursor.rowcount)


def refuse(cursor: CursorWrapper, run_id: int, ids: Sequence[int]) -> None:
    """SES refused the second mail of these for good: the first stays the only one, and nobody knows about it."""
    if ids:
        cursor.execute(_MARK, [GIVEN_UP, run_id, list(ids), "lost_answer"])


def put_into_call(
    cursor: CursorWrapper,
    run_id: int,
    call_id: int,
    ids: Sequence[int],
    *,
    batch_id: int,
    attempt: int,
    opens: bool,
    clicks: bool,
) -> None:
    """These leave with this call; if nobody records it, they stay unresolved and it is the call to be judged."""
    cursor.execute(_CALLED, [batch_id, attempt, opens, clicks, list(ids), call_id, run_id])


def wait_again(cursor: CursorWrapper, run_id: int, ids: Sequence[int], *, closed: bool) -> None:
    """The call proved that it took nobody of these: they wait in a batch again, or not if the run is closed."""
    cursor.execute(_MARK, [GIVEN_UP if closed else WAITING, run_id, list(ids), "lost_answer"])
