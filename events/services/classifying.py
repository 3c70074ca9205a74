"""Finding machines by what only the company of their hits gives away, and moving the counters."""

from collections import Counter as Tally
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from events import machines
from events.ingest import store
from events.ingest.merging import People
from events.kinds import Kind
from mailplatform.core import clock

SETTLED_AFTER = timedelta(seconds=30)
LOOK_BACK = timedelta(minutes=15)

_SUSPECTS = """
    SELECT DISTINCT run_id, subscriber_id FROM events_event
    WHERE type IN ('open', 'click') AND NOT is_machine AND run_id IS NOT NULL AND subscriber_id IS NOT NULL
      AND occurred_at >= %s - interval '1 day' AND received_at BETWEEN %s AND %s ORDER BY 1, 2
"""
_STANDING = "SELECT delivered_at FROM events_outcome WHERE run_id = %s AND subscriber_id = %s FOR UPDATE"
_HITS = """
    SELECT occurred_at, identity, type, coalesce(link_id, 0), is_machine FROM events_event
    WHERE run_id = %s AND subscriber_id = %s AND type IN ('open', 'click') ORDER BY occurred_at, identity FOR UPDATE
"""
_MARK = (
    "UPDATE events_event SET is_machine = true, machine_reason = %s WHERE occurred_at = %s AND identity = %s"
)
_REFRESH = """
    UPDATE events_outcome SET opened_at = %s, machine_opened_at = %s, clicked_at = %s, machine_clicked_at = %s
    WHERE run_id = %s AND subscriber_id = %s
"""
Row = tuple[datetime, bytes, str, int, bool]


def classify_machines(*, since: datetime | None = None) -> int:
    """Mark hits that came before delivery or in a burst over several links; return how many were marked.

    The people whose hits arrived in the last quarter of an hour (or since `since`) are looked at, half a minute after
    the last one; looking twice changes nothing.
    """
    now = clock.now()
    with connection.cursor() as cursor:
        start = since or now - LOOK_BACK
        cursor.execute(_SUSPECTS, (start, start, now - SETTLED_AFTER))
        people = cursor.fetchall()
    return sum(_classify(run_id, subscriber_id) for run_id, subscriber_id in people)


@transaction.atomic
def _classify(run_id: int, subscriber_id: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_STANDING, (run_id, subscriber_id))
        standing = cursor.fetchone()
        cursor.execute(_HITS, (run_id, subscriber_id))
        rows: list[Row] = [
            (at, bytes(identity), kind, link, machine)
            for at, identity, kind, link, machine in cursor.fetchall()
        ]
        seen = [machines.Seen(n, Kind(row[2]), row[0], str(row[3])) for n, row in enumerate(rows)]
        reasons = machines.by_pattern(seen, standing[0] if standing else None)
        fresh = {n: reason for n, reason in reasons.items() if not rows[n][4]}
        if not fresh:
            return 0
        for n, reason in fresh.items():
            cursor.execute(_MARK, (reason, rows[n][0], rows[n][1]))
        after = [(*row[:4], row[4] or n in fresh) for n, row in enumerate(rows)]
        _move(cursor, run_id, subscriber_id, rows, after)
    return len(fresh)


def _move(cursor: Any, run_id: int, subscriber_id: int, before: list[Row], after: list[Row]) -> None:
    """Bring outcome and counters in line: the new figures of this person minus the old ones."""
    cursor.execute(_REFRESH, (*_first_times(after), run_id, subscriber_id))
    events: People = Tally()
    for old, new in zip(before, after, strict=True):
        if old[4] != new[4]:
            hour = old[0].replace(minute=0, second=0, microsecond=0)
            events[run_id, hour, old[2], old[3], False] -= 1
            events[run_id, hour, old[2], old[3], True] += 1
    people: People = Tally()
    for rows, sign in ((before, -1), (after, 1)):
        for place in _people(run_id, rows):
            people[place] += sign
    with store.raw_cursor() as raw:
        store.add_counters(raw, events, people)


def _first_times(rows: list[Row]) -> list[datetime | None]:
    wanted = [("open", False), ("open", True), ("click", False), ("click", True)]
    return [min((row[0] for row in rows if (row[2], row[4]) == pair), default=None) for pair in wanted]


def _people(run_id: int, rows: list[Row]) -> set[tuple[int, datetime, str, int, bool]]:
    """Where this person counts: once per type and class, and once per link and class, at the first time."""
    firsts: dict[tuple[str, int, bool], datetime] = {}
    for at, _, kind, link, machine in rows:
        for place in {(kind, 0, machine), (kind, link, machine)}:
            firsts[place] = min(firsts.get(place, at), at)
    return {(run_id, at.replace(minute=0, second=0, microsecond=0), *place) for place, at in firsts.items()}
