"""Opens and clicks that were put down to machines, each with its reason: nothing is left out unseen."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connection
from django.utils.dateparse import parse_datetime

from campaigns.models import Run
from events.machines import EXPLANATIONS

PAGE: Final = 50
_SQL = """
    SELECT e.occurred_at, e.identity, e.type, s.public_id, coalesce(s.email, ''), coalesce(l.url, ''), e.machine_reason
    FROM events_event e LEFT JOIN subscribers_subscriber s ON s.id = e.subscriber_id
    LEFT JOIN events_link l ON l.id = e.link_id
    WHERE e.run_id = ANY(%(runs)s) AND e.type IN ('open', 'click') AND e.is_machine
      AND (%(reason)s = '' OR e.machine_reason = %(reason)s)
      AND (e.occurred_at, e.identity) > (%(at)s::timestamptz, %(identity)s::bytea)
    ORDER BY e.occurred_at, e.identity LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class MachineHit:
    """One hit. Without `public_id` the person has been erased since."""

    at: datetime
    identity: bytes
    kind: str
    public_id: UUID | None
    email: str
    link: str
    reason: str

    @property
    def words(self) -> str:
        """Return the reason in words."""
        return EXPLANATIONS.get(self.reason, self.reason)


@dataclass(frozen=True, slots=True)
class HitPage:
    """One page; `next_after` is empty at the end."""

    rows: list[MachineHit]
    next_after: str


def page(runs: Sequence[Run], *, reason: str = "", after: str = "") -> HitPage:
    """Return a page in order of time, by keyset; an `after` that makes no sense is the beginning."""
    at, identity = _position(after)
    values = {
        "runs": [run.pk for run in runs],
        "reason": reason,
        "at": at,
        "identity": identity,
        "limit": PAGE + 1,
    }
    with connection.cursor() as cursor:
        cursor.execute(_SQL, values)
        rows = [MachineHit(row[0], bytes(row[1]), *row[2:]) for row in cursor.fetchall()]
    more, rows = len(rows) > PAGE, rows[:PAGE]
    return HitPage(rows, f"{rows[-1].at.isoformat()}~{rows[-1].identity.hex()}" if more else "")


def _position(after: str) -> tuple[str | datetime, bytes]:
    text, _, mark = after.partition("~")
    try:
        at, identity = parse_datetime(text), bytes.fromhex(mark)
    except ValueError:
        at, identity = None, b""
    return (at, identity) if at is not None and at.tzinfo is not None else ("-infinity", b"")
