"""Finding machines by what only the company of their hits gives away; counters and profiles move with them."""

from collections import Counter as Tally
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from django.db import connection, transaction

from events import machines
from events.ingest import store
from events.ingest.merging import People
from events.kinds import Kind
from subscribers.services import profiles

from . import following

JOB: Final = "machines"
SETTLED_AFTER = timedelta(seconds=30)

# Whose hits might keep bad company, by index: a first sieve; `machines.by_pattern` decides. A delivery may be heard of
# long after the hit that came before it.
_SUSPECTS = """
    WITH fresh AS MATERIALIZED (
        SELECT run_id, subscriber_id, type, occurred_at, link_id, machine_reason, is_machine FROM events_event
        WHERE type IN ('open', 'click', 'delivery') AND run_id IS NOT NULL AND subscriber_id IS NOT NULL
          AND received_at >= %(since)s AND received_at <= %(until)s)
    SELECT f.run_id, f.subscriber_id FROM fresh f
    JOIN events_outcome o ON o.run_id = f.run_id AND o.subscriber_id = f.subscriber_id
    WHERE least(o.opened_at, o.clicked_at) < o.delivered_at - interval '1 second'
    UNION
    SELECT f.run_id, f.subscriber_id FROM fresh f
    WHERE f.type <> 'delivery' AND EXISTS (
        SELECT FROM events_event e WHERE e.subscriber_id = f.subscriber_id AND e.run_id = f.run_id
          AND e.type = 'click' AND e.link_id IS DISTINCT FROM f.link_id
          AND e.occurred_at BETWEEN f.occurred_at - interval '2 seconds' AND f.occurred_at + interval '2 seconds')
    UNION
    SELECT f.run_id, f.subscriber_id FROM fresh f LEFT JOIN events_link l ON l.id = f.link_id
    WHERE f.machine_reason = 'head' OR l.url LIKE %(trap)s
    ORDER BY 1, 2
"""
_STANDING = "SELECT delivered_at FROM events_outcome WHERE run_id = %s AND subscriber_id = %s FOR UPDATE"
_HITS = """
    SELECT e.occurred_at, e.identity, e.type, coalesce(e.link_id, 0), e.is_machine, e.machine_reason,
           coalesce(e.detail->>'agent', ''), coalesce(l.url, '')
    FROM events_event e LEFT JOIN events_link l ON l.id = e.link_id
    WHERE e.run_id = %s AND e.subscriber_id = %s AND e.type IN ('open', 'click')
    ORDER BY e.occurred_at, e.identity FOR UPDATE OF e
"""
_MARK = (
    "UPDATE events_event SET is_machine = true, machine_reason = %s WHERE occurred_at = %s AND identity = %s"
)
_REFRESH = """
    UPDATE events_outcome SET opened_at = %s, machine_opened_at = %s, clicked_at = %s, machine_clicked_at = %s
    WHERE run_id = %s AND subscriber_id = %s
"""
# Outcomes outlive the events of old months.
_LAST = """
    SELECT max(at) FILTER (WHERE type = 'open'), max(at) FILTER (WHERE type = 'click') FROM (
        SELECT type, occurred_at AS at FROM events_event
        WHERE subscriber_id = %(person)s AND type IN ('open', 'click') AND NOT is_machine AND run_id IS NOT NULL
        UNION ALL SELECT 'open', opened_at FROM events_outcome WHERE subscriber_id = %(person)s
        UNION ALL SELECT 'click', clicked_at FROM events_outcome WHERE subscriber_id = %(person)s) AS hits
"""


class Row(NamedTuple):
    """An open or click as stored."""

    at: datetime
    identity: bytes
    kind: str
    link: int
    is_machine: bool
    reason: str
    agent: str
    url: str


def classify_machines() -> int:
    """Mark the hits that only their company gives away, half a minute after the last one; return how many.

    Looking twice changes nothing.
    """
    with following.window(JOB, lag=SETTLED_AFTER) as window:
        values: dict[str, Any] = {**window.parameters, "trap": f"%{machines.TRAP_PATH}"}
        with connection.cursor() as cursor:
            cursor.execute(_SUSPECTS, values)
            people = cursor.fetchall()
        return sum(_classify(run_id, subscriber_id) for run_id, subscriber_id in people)


@transaction.atomic
def _classify(run_id: int, subscriber_id: int) -> int:
    with connection.cursor() as cursor:
        profiles.lock_engagement(cursor, subscriber_id)
        cursor.execute(_STANDING, (run_id, subscriber_id))
        standing = cursor.fetchone()
        cursor.execute(_HITS, (run_id, subscriber_id))
        rows = [Row(row[0], bytes(row[1]), *row[2:]) for row in cursor.fetchall()]
        reasons = machines.by_pattern(map(_seen, range(len(rows)), rows), standing[0] if standing else None)
        fresh = {n: reason for n, reason in reasons.items() if not rows[n].is_machine}
        if not fresh:
            return 0
        for n, reason in fresh.items():
            cursor.execute(_MARK, (reason, rows[n].at, rows[n].identity))
        after = [row._replace(is_machine=row.is_machine or n in fresh) for n, row in enumerate(rows)]
        _move(cursor, run_id, subscriber_id, rows, after)
        _correct_profile(cursor, subscriber_id, [rows[n] for n in fresh])
    return len(fresh)


def _seen(number: int, row: Row) -> machines.Seen:
    is_trap = machines.is_trap(row.url)
    return machines.Seen(number, Kind(row.kind), row.at, str(row.link), row.agent, is_trap, row.reason)


def _correct_profile(cursor: Any, subscriber_id: int, marked: list[Row]) -> None:
    """Take the marked hits out of what the person's profile says; segments read it."""
    cursor.execute(_LAST, {"person": subscriber_id})
    opened, clicked = cursor.fetchone()
    profiles.correct_engagement(
        cursor,
        subscriber_id,
        opens=-sum(row.kind == Kind.OPEN for row in marked),
        clicks=-sum(row.kind == Kind.CLICK for row in marked),
        last_opened_at=opened,
        last_clicked_at=clicked,
    )


def _move(cursor: Any, run_id: int, subscriber_id: int, before: list[Row], after: list[Row]) -> None:
    """Bring outcome and counters in line: the new figures of this person minus the old ones."""
    cursor.execute(_REFRESH, (*_first_times(after), run_id, subscriber_id))
    events: People = Tally()
    for old, new in zip(before, after, strict=True):
        if old.is_machine != new.is_machine:
            hour = old.at.replace(minute=0, second=0, microsecond=0)
            events[run_id, hour, old.kind, old.link, False] -= 1
            events[run_id, hour, old.kind, old.link, True] += 1
    people: People = Tally()
    for rows, sign in ((before, -1), (after, 1)):
        for place in _people(run_id, rows):
            people[place] += sign
    with store.raw_cursor() as raw:
        store.add_counters(raw, events, people)


def _first_times(rows: list[Row]) -> list[datetime | None]:
    wanted = [("open", False), ("open", True), ("click", False), ("click", True)]
    return [
        min((row.at for row in rows if (row.kind, row.is_machine) == pair), default=None) for pair in wanted
    ]


def _people(run_id: int, rows: list[Row]) -> set[tuple[int, datetime, str, int, bool]]:
    """Where this person counts: once per type and class, and once per link and class, at the first time."""
    firsts: dict[tuple[str, int, bool], datetime] = {}
    for row in rows:
        for place in {(row.kind, 0, row.is_machine), (row.kind, row.link, row.is_machine)}:
            firsts[place] = min(firsts.get(place, row.at), row.at)
    return {(run_id, at.replace(minute=0, second=0, microsecond=0), *place) for place, at in firsts.items()}
