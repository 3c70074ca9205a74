"""Counting again from the rows, to show that the counters agree."""

from collections import Counter as Tally
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

from events.models import Counter

# What no row is kept of: only the counter knows it.
UNCOUNTABLE = ("open_untracked", "click_untracked", "foreign")

_EVENTS = """
    SELECT coalesce(run_id, 0), date_trunc('hour', occurred_at), type, coalesce(link_id, 0), is_machine, count(*)
    FROM events_event WHERE run_id = %(run)s OR (%(run)s = 0 AND run_id IS NULL) GROUP BY 1, 2, 3, 4, 5
"""
_PEOPLE = """
    SELECT date_trunc('hour', state_at),
           CASE state WHEN 10 THEN 'send' WHEN 20 THEN 'delivery_delay' WHEN 30 THEN 'delivery'
                      WHEN 40 THEN 'soft_bounce'
                      WHEN 50 THEN 'rendering_failure' WHEN 60 THEN 'reject' WHEN 70 THEN 'bounce' ELSE 'delivery' END,
           false, count(*) FROM events_outcome WHERE run_id = %(run)s AND state_at IS NOT NULL GROUP BY 1, 2
    UNION ALL SELECT date_trunc('hour', complained_at), 'complaint', false, count(*) FROM events_outcome
        WHERE run_id = %(run)s AND complained_at IS NOT NULL GROUP BY 1
    UNION ALL SELECT date_trunc('hour', opened_at), 'open', false, count(*) FROM events_outcome
        WHERE run_id = %(run)s AND opened_at IS NOT NULL GROUP BY 1
    UNION ALL SELECT date_trunc('hour', machine_opened_at), 'open', true, count(*) FROM events_outcome
        WHERE run_id = %(run)s AND machine_opened_at IS NOT NULL GROUP BY 1
    UNION ALL SELECT date_trunc('hour', clicked_at), 'click', false, count(*) FROM events_outcome
        WHERE run_id = %(run)s AND clicked_at IS NOT NULL GROUP BY 1
    UNION ALL SELECT date_trunc('hour', machine_clicked_at), 'click', true, count(*) FROM events_outcome
        WHERE run_id = %(run)s AND machine_clicked_at IS NOT NULL GROUP BY 1
    UNION ALL SELECT date_trunc('hour', unsubscribed_at), 'unsubscribe', false, count(*) FROM events_outcome
        WHERE run_id = %(run)s AND unsubscribed_at IS NOT NULL GROUP BY 1
"""
_LINK_PEOPLE = """
    SELECT date_trunc('hour', first), link_id, is_machine, count(*) FROM (
        SELECT link_id, is_machine, subscriber_id, min(occurred_at) AS first FROM events_event
        WHERE run_id = %(run)s AND type = 'click' AND link_id IS NOT NULL AND subscriber_id IS NOT NULL
        GROUP BY 1, 2, 3) AS firsts
    GROUP BY 1, 2, 3
"""


@dataclass(frozen=True, slots=True)
class Difference:
    """A counter that does not agree with its rows, summed over the hours."""

    type: str
    link_id: int
    is_machine: bool
    what: str
    counter: int
    rows: int


def compare(run_id: int) -> list[Difference]:
    """Return where the counters of a run differ from what its rows say; empty is how it should be."""
    rows = _recount(run_id)
    found: Tally[tuple[str, int, bool, str]] = Tally()
    for counter in Counter.objects.filter(run_id=run_id).exclude(type__in=UNCOUNTABLE):
        key = counter.type, counter.link_id, counter.is_machine
        found[*key, "events"] += counter.events
        found[*key, "people"] += counter.people
    told: Tally[tuple[str, int, bool, str]] = Tally()
    for (_, kind, link, machine), (events, people) in rows.items():
        told[kind, link, machine, "events"] += events
        told[kind, link, machine, "people"] += people
    return [
        Difference(*key, counter=found[key], rows=told[key])
        for key in sorted({*found, *told})
        if found[key] != told[key]
    ]


@transaction.atomic
def repair(run_id: int) -> None:
    """Write the counters of a run anew from its rows; what has no rows is left as it is."""
    with connection.cursor() as cursor:
        cursor.execute("LOCK TABLE events_counter IN SHARE ROW EXCLUSIVE MODE")
    rows = _recount(run_id)
    Counter.objects.filter(run_id=run_id).exclude(type__in=UNCOUNTABLE).delete()
    Counter.objects.bulk_create(
        Counter(
            run_id=run_id,
            hour=hour,
            type=kind,
            link_id=link,
            is_machine=machine,
            events=events,
            people=people,
        )
        for (hour, kind, link, machine), (events, people) in rows.items()
    )


def _recount(run_id: int) -> dict[tuple[datetime, str, int, bool], list[int]]:
    rows: dict[tuple[datetime, str, int, bool], list[int]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_EVENTS, {"run": run_id})
        for _, hour, kind, link, machine, number in cursor.fetchall():
            rows.setdefault((hour, kind, link, machine), [0, 0])[0] += number
        if run_id == 0:
            return rows
        cursor.execute(_PEOPLE, {"run": run_id})
        for hour, kind, machine, number in cursor.fetchall():
            rows.setdefault((hour, kind, 0, machine), [0, 0])[1] += number
        cursor.execute(_LINK_PEOPLE, {"run": run_id})
        for hour, link, machine, number in cursor.fetchall():
            rows.setdefault((hour, "click", link, machine), [0, 0])[1] += number
    return rows
