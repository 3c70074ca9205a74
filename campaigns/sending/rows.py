"""Delivery rows on their way into Postgres: insert-only, by COPY."""

import datetime as dt
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from django.db.backends.utils import CursorWrapper

from mailplatform.aws import ses

_COPY: Final = """
COPY campaigns_delivery (run_id, subscriber_id, state, reason, message_id, call_id, batch_id, attempt,
    variant, opens_tracked, clicks_tracked, at) FROM STDIN
"""
_PLAIN_ID: Final = re.compile(r"[0-9A-Za-z.@_-]{0,100}").fullmatch
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


class AcceptedCall(Protocol):
    """What the rows of a call have in common."""

    id: int
    batch_id: int
    attempt: int
    subscriber_ids: list[int]
    opens: bool
    clicks: bool


def accepted(
    run_id: int, call: AcceptedCall, results: Sequence[ses.EntryResult], at: dt.datetime
) -> list[str]:
    """The rows of a call whose people were all accepted, as lines for COPY."""
    pairs = zip(call.subscriber_ids, results, strict=True)
    if not all(map(_PLAIN_ID, (result.message_id for result in results))):
        stamp = at.isoformat()
        return [
            _line(
                DeliveryRow(
                    run_id,
                    id_,
                    "accepted",
                    "",
                    result.message_id,
                    call.id,
                    call.batch_id,
                    call.attempt,
                    call.opens,
                    call.clicks,
                ),
                stamp,
            )
            for id_, result in pairs
        ]
    opens, clicks = "t" if call.opens else "f", "t" if call.clicks else "f"
    tail = f"\t{call.id}\t{call.batch_id}\t{call.attempt}\t0\t{opens}\t{clicks}\t{at.isoformat()}\n"
    return [f"{run_id}\t{id_}\taccepted\t\t{result.message_id}{tail}" for id_, result in pairs]


def array(ids: Sequence[int]) -> str:
    """A bigint[] as text: the driver would make it element by element."""
    return "{" + ",".join(map(str, ids)) + "}"


def copy_deliveries(
    cursor: CursorWrapper, rows: Iterable[DeliveryRow], at: dt.datetime, lines: Sequence[str] = ()
) -> int:
    """COPY the rows, and lines made before; returns how many rows and lines.

    A person who has a row already makes the whole transaction fail.
    """
    stamp = at.isoformat()
    found = [*lines, *(_line(row, stamp) for row in rows)]
    if found:
        with cursor.copy(_COPY) as copy:
            copy.write("".join(found))
    return len(found)


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
