"""Delivery rows on their way into Postgres: insert-only, by COPY."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from django.db.backends.utils import CursorWrapper

_COPY: Final = """
COPY campaigns_delivery (run_id, subscriber_id, state, reason, message_id, call_id, batch_id, attempt,
    variant, opens_tracked, clicks_tracked, at) FROM STDIN
"""
_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\x00": ""})


@dataclass(slots=True)
class DeliveryRow:
    """One end of one person in one run."""

    run_id: int
    subscriber_id: int
    state: str
    reason: str = ""
    message_id: str = ""
    call_id: int | None = None
    batch_id: int | None = None
    attempt: int = 1
    opens_tracked: bool = False
    clicks_tracked: bool = False


def copy_deliveries(cursor: CursorWrapper, rows: Iterable[DeliveryRow], at: dt.datetime) -> int:
    """COPY the rows; returns how many. A person who has a row already makes the whole transaction fail."""
    stamp = at.isoformat()
    lines = [_line(row, stamp) for row in rows]
    if lines:
        with cursor.copy(_COPY) as copy:
            copy.write("".join(lines))
    return len(lines)


def _line(row: DeliveryRow, stamp: str) -> str:
    call = "\\N" if row.call_id is None else row.call_id
    batch = "\\N" if row.batch_id is None else row.batch_id
    reason = row.reason[:40].translate(_ESCAPES)
    message_id = row.message_id[:100].translate(_ESCAPES)
    opens, clicks = "t" if row.opens_tracked else "f", "t" if row.clicks_tracked else "f"
    return (
        f"{row.run_id}\t{row.subscriber_id}\t{row.state}\t{reason}\t{message_id}\t{call}\t{batch}"
        f"\t{row.attempt}\t0\t{opens}\t{clicks}\t{stamp}\n"
    )
