"""The figures of one run. Every number here equals the number of rows of the list behind it (`selectors.people`)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import connection

from campaigns.models import Run
from campaigns.selectors import recipients, runs
from events.kinds import Kind

from .words import bounce_words

HOURLY_FOR: Final = timedelta(hours=48)
SHOWN_AT_LEAST: Final = timedelta(hours=12)
TOP_LINKS: Final = 20

_TOTALS = """
    SELECT type, is_machine, sum(events)::bigint, sum(people) FILTER (WHERE link_id = 0)::bigint FROM events_counter
    WHERE run_id = %s GROUP BY 1, 2
"""
_TRACKABLE = """
    SELECT count(*) FILTER (WHERE opens_tracked), count(*) FILTER (WHERE clicks_tracked)
    FROM campaigns_delivery WHERE run_id = %s AND state = 'accepted'
"""
_LINKS = """
    SELECT l.id, l.url, coalesce(sum(c.events) FILTER (WHERE NOT c.is_machine), 0)::bigint,
           coalesce(sum(c.people) FILTER (WHERE NOT c.is_machine), 0)::bigint,
           coalesce(sum(c.events) FILTER (WHERE c.is_machine), 0)::bigint
    FROM events_counter c JOIN events_link l ON l.id = c.link_id
    WHERE c.run_id = %s AND c.type = 'click' AND c.link_id > 0 GROUP BY 1, 2 ORDER BY 3 DESC, 5 DESC, 2 LIMIT %s
"""
_HOURS = """
    SELECT hour, type, is_machine, sum(events)::bigint FROM events_counter
    WHERE run_id = %s AND type IN ('open', 'click') AND events <> 0 GROUP BY 1, 2, 3 ORDER BY 1
"""
_MACHINES = """
    SELECT machine_reason, count(*) FROM events_event
    WHERE run_id = %s AND type IN ('open', 'click') AND is_machine GROUP BY 1 ORDER BY 2 DESC
"""
_REASONS = """
    SELECT state, reason, count(*) FROM events_outcome
    WHERE run_id = %s AND state IN (40, 50, 60, 70) GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 12
"""


@dataclass(frozen=True, slots=True)
class LinkFigures:
    """One link: clicks by people, people who clicked, clicks by machines."""

    id: int
    url: str
    total: int
    unique: int
    machines: int


@dataclass(frozen=True, slots=True)
class Report:
    """People of one run (not events), unless a name says otherwise.

    `accepted = delivered + bounced + soft_bounced + rejected + quiet`. `quiet` are those of whom nothing final is
    known yet. Opens and clicks are of people; those of machines stand apart. `trackable_*` could be counted at all.
    """

    audience: int
    accepted: int
    failed: int
    skipped: int
    unresolved: int
    waiting: int
    delivered: int
    bounced: int
    soft_bounced: int
    rejected: int
    quiet: int
    opened: int
    machine_opened: int
    clicked: int
    machine_clicked: int
    complained: int
    unsubscribed: int
    trackable_opens: int
    trackable_clicks: int
    untracked_opens: int
    untracked_clicks: int

    @property
    def all_bounced(self) -> int:
        return self.bounced + self.soft_bounced


@dataclass(frozen=True, slots=True)
class Point:
    """Opens and clicks of people, and hits of machines, within one hour or day."""

    at: datetime
    opens: int
    clicks: int
    machines: int


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something happened to so many people, in plain words; `who` and `code` lead to them."""

    who: str
    code: str
    words: str
    count: int


def report(run: Run) -> Report:
    """Return the figures of a run (three aggregate queries, none of them over events)."""
    sums = runs.progress(run)
    events, people = _totals(run.pk)
    tracked_opens, tracked_clicks = _row(_TRACKABLE, run.pk)
    delivered, hard, soft = (
        people[Kind.DELIVERY, False],
        people[Kind.BOUNCE, False],
        people[Kind.SOFT_BOUNCE, False],
    )
    rejected = people[Kind.REJECT, False] + people[Kind.RENDERING_FAILURE, False]
    return Report(
        audience=sums.audience,
        accepted=sums.accepted,
        failed=sums.failed,
        skipped=sums.skipped,
        unresolved=sums.unresolved,
        waiting=sums.waiting,
        delivered=delivered,
        bounced=hard,
        soft_bounced=soft,
        rejected=rejected,
        quiet=max(0, sums.accepted - delivered - hard - soft - rejected),
        opened=people[Kind.OPEN, False],
        machine_opened=people[Kind.OPEN, True],
        clicked=people[Kind.CLICK, False],
        machine_clicked=people[Kind.CLICK, True],
        complained=people[Kind.COMPLAINT, False],
        unsubscribed=people["unsubscribe", False],
        trackable_opens=tracked_opens,
        trackable_clicks=tracked_clicks,
        untracked_opens=events["open_untracked", False],
        untracked_clicks=events["click_untracked", False],
    )


def links(run: Run) -> list[LinkFigures]:
    """Return the links most clicked by people."""
    with connection.cursor() as cursor:
        cursor.execute(_LINKS, (run.pk, TOP_LINKS))
        return [LinkFigures(*row) for row in cursor.fetchall()]


def hours(run: Run) -> list[Point]:
    """Return opens and clicks by the hour for two days after the launch, by the day after that; no gaps.

    The first twelve hours are always there, so that a chart has an axis from its first hit on.
    """
    with connection.cursor() as cursor:
        cursor.execute(_HOURS, (run.pk,))
        rows = cursor.fetchall()
    if not rows:
        return []
    start = min(rows[0][0], run.launched_at.replace(minute=0, second=0, microsecond=0))
    slots: dict[datetime, list[int]] = {}
    for hour, kind, is_machine, number in rows:
        values = slots.setdefault(_slot(hour, start), [0, 0, 0])
        values[2 if is_machine else int(kind == Kind.CLICK)] += number
    at, last = start, max(*slots, start + SHOWN_AT_LEAST)
    while at < last:
        slots.setdefault(at, [0, 0, 0])
        at = _slot(at + (timedelta(hours=1) if at - start < HOURLY_FOR else timedelta(days=1)), start)
    return [Point(at, *slots[at]) for at in sorted(slots)]


def _slot(hour: datetime, start: datetime) -> datetime:
    if hour - start < HOURLY_FOR:
        return hour
    days = (hour - start - HOURLY_FOR) // timedelta(days=1)
    return start + HOURLY_FOR + timedelta(days=days)


def skipped_reasons(run: Run) -> list[Reason]:
    """Return why people of the audience got no mail."""
    found = runs.counts_by_reason(run.pk)
    return [
        Reason(state, code, recipients.reason_label(code) or state, count) for state, code, count in found
    ]


def bounce_reasons(run: Run) -> list[Reason]:
    """Return why accepted mail did not arrive, in plain words."""
    who = {40: "soft_bounced", 50: "rejected", 60: "rejected", 70: "bounced"}
    with connection.cursor() as cursor:
        cursor.execute(_REASONS, (run.pk,))
        return [
            Reason(who[state], code, bounce_words(code), count) for state, code, count in cursor.fetchall()
        ]


def machine_reasons(run: Run) -> list[tuple[str, int]]:
    """Return how many hits were put down to machines, by reason."""
    with connection.cursor() as cursor:
        cursor.execute(_MACHINES, (run.pk,))
        return [(str(reason), int(count)) for reason, count in cursor.fetchall()]


class _Figures(dict[tuple[str, bool], int]):
    def __missing__(self, key: tuple[str, bool]) -> int:
        return 0


def _totals(run_id: int) -> tuple[_Figures, _Figures]:
    events, people = _Figures(), _Figures()
    with connection.cursor() as cursor:
        cursor.execute(_TOTALS, (run_id,))
        for kind, is_machine, number, persons in cursor.fetchall():
            events[kind, is_machine], people[kind, is_machine] = int(number), int(persons or 0)
    return events, people


def _row(sql: str, run_id: int) -> tuple[int, ...]:
    with connection.cursor() as cursor:
        cursor.execute(sql, (run_id,))
        return tuple(cursor.fetchone() or ())
