"""The figures of a campaign. Every number here equals the number of rows of the list behind it (`selectors.people`).

They are of one run, or of a launch together with its retries to those who failed: accepted people of different runs
of a campaign are different people, so the figures add up. Whoever failed and was tried again counts where the retry
left them; whom it left out, because an event told of the first mail, counts as accepted there and only there.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Final

from django.db import connection

from campaigns.models import Run, RunPurpose
from campaigns.selectors import failed, recipients, runs
from events.kinds import Kind
from events.machines import TRAP_PATH

from . import breakdown
from .breakdown import Breakdown
from .words import bounce_words

HOURLY_FOR: Final = timedelta(hours=48)
SHOWN_AT_LEAST: Final = timedelta(hours=12)
TOP_LINKS: Final = 20

_TOTALS = """
    SELECT run_id, type, is_machine, sum(events)::bigint, sum(people) FILTER (WHERE link_id = 0)::bigint
    FROM events_counter WHERE run_id = ANY(%s) GROUP BY 1, 2, 3
"""
_TRACKABLE = """
    SELECT count(*) FILTER (WHERE opens_tracked), count(*) FILTER (WHERE clicks_tracked)
    FROM campaigns_delivery WHERE run_id = %s AND state = 'accepted'
"""
_LINKS = """
    SELECT min(l.id), min(l.url), coalesce(sum(c.events) FILTER (WHERE NOT c.is_machine), 0)::bigint,
           coalesce(sum(c.people) FILTER (WHERE NOT c.is_machine), 0)::bigint,
           coalesce(sum(c.events) FILTER (WHERE c.is_machine), 0)::bigint
    FROM events_counter c JOIN events_link l ON l.id = c.link_id
    WHERE c.run_id = ANY(%s) AND c.type = 'click' AND c.link_id > 0 AND l.url NOT LIKE %s
    GROUP BY l.url_hash ORDER BY 3 DESC, 5 DESC, 2 LIMIT %s
"""
_HOURS = """
    SELECT hour, type, is_machine, sum(events)::bigint FROM events_counter
    WHERE run_id = ANY(%s) AND type IN ('open', 'click') AND events <> 0 GROUP BY 1, 2, 3 ORDER BY 1
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
    known yet, `delayed` some of these. Opens and clicks are of people; those of machines stand apart. `trackable_*`
    could be counted at all.
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
    delayed: int
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


@dataclass(frozen=True, slots=True)
class Totals:
    """Events, and people for the first time, by type and whether a machine did it; what never happened counts 0."""

    events: Counter[tuple[str, bool]] = field(default_factory=Counter)
    people: Counter[tuple[str, bool]] = field(default_factory=Counter)

    def add(self, other: "Totals") -> None:
        """Add what another run has."""
        self.events.update(other.events)
        self.people.update(other.people)


def report(scope: Run | Sequence[Run], found: Sequence[Breakdown | None] = ()) -> Report:
    """Return the figures of a run, or of a launch and its retries.

    `found` are the breakdowns of these runs where the caller has them. Counters and digests only, but for the states
    of the deliveries of small runs.
    """
    several = scope_of(scope)
    known = found or [
        breakdown.compute(run, segments=[]) if breakdown.is_small(run) else breakdown.breakdown(run)
        for run in several
    ]
    return assemble(several, known, totals([run.pk for run in several]))


def assemble(several: Sequence[Run], found: Sequence[Breakdown | None], counted: dict[int, Totals]) -> Report:
    """Return the figures of these runs together, from what is known of each and the counters of all."""
    sums = [_sums(run, part) for run, part in zip(several, found, strict=True)]
    total = {item.name: sum(getattr(each, item.name) for each in sums) for item in fields(_Sums)}
    retries = [
        each
        for run, each in zip(several, sums, strict=True)
        if run.purpose == RunPurpose.FAILED and any(other.pk == run.source_run_id for other in several)
    ]
    again, had_it = sum(each.audience for each in retries), sum(each.had_it for each in retries)
    total["audience"] -= again
    total["skipped"] -= had_it
    # Proof that came after the second mail, or before the cut, makes somebody accepted in the first run all the same.
    total["failed"] = max(0, total["failed"] - again + had_it)
    del total["had_it"]
    whole = Totals()
    for run in several:
        whole.add(counted.get(run.pk, Totals()))
    events, people = whole.events, whole.people
    delivered, hard, soft = (
        people[Kind.DELIVERY, False],
        people[Kind.BOUNCE, False],
        people[Kind.SOFT_BOUNCE, False],
    )
    rejected = people[Kind.REJECT, False] + people[Kind.RENDERING_FAILURE, False]
    return Report(
        **total,
        delivered=delivered,
        bounced=hard,
        soft_bounced=soft,
        rejected=rejected,
        quiet=max(0, total["accepted"] - delivered - hard - soft - rejected),
        delayed=people[Kind.DELAY, False],
        opened=people[Kind.OPEN, False],
        machine_opened=people[Kind.OPEN, True],
        clicked=people[Kind.CLICK, False],
        machine_clicked=people[Kind.CLICK, True],
        complained=people[Kind.COMPLAINT, False],
        unsubscribed=people["unsubscribe", False],
        untracked_opens=events["open_untracked", False],
        untracked_clicks=events["click_untracked", False],
    )


def scope_of(scope: Run | Sequence[Run]) -> list[Run]:
    """Return the runs of a report, the launch first."""
    return [scope] if isinstance(scope, Run) else sorted(scope, key=lambda run: run.number)


@dataclass(frozen=True, slots=True)
class _Sums:
    audience: int
    accepted: int
    failed: int
    skipped: int
    unresolved: int
    waiting: int
    trackable_opens: int
    trackable_clicks: int
    had_it: int


def _sums(run: Run, found: Breakdown | None) -> _Sums:
    if found is None:
        now = runs.progress(run)
        opens, clicks = _row(_TRACKABLE, run.pk)
        return _Sums(
            now.audience, now.accepted, now.failed, now.skipped, now.unresolved, now.waiting, opens, clicks,
            _had_it(now.reasons),
        )  # fmt: skip
    handled = sum(number for _, _, number in found.states)
    audience = run.audience if run.audience is not None else handled
    return _Sums(
        audience=audience,
        accepted=found.by_state("accepted"),
        failed=found.by_state("failed"),
        skipped=found.by_state("skipped"),
        unresolved=found.by_state("unresolved"),
        waiting=max(0, audience - handled),
        trackable_opens=found.trackable_opens,
        trackable_clicks=found.trackable_clicks,
        had_it=_had_it(found.states),
    )


def _had_it(states: Iterable[tuple[str, str, int]]) -> int:
    return sum(number for _, reason, number in states if reason == failed.ACCEPTED_BEFORE)


def links(scope: Run | Sequence[Run], *, most: int = TOP_LINKS) -> list[LinkFigures]:
    """Return the links most clicked by people; the one that no reader sees is none."""
    ids = [run.pk for run in scope_of(scope)]
    with connection.cursor() as cursor:
        cursor.execute(_LINKS, (ids, f"%{TRAP_PATH}", most))
        return [LinkFigures(*row) for row in cursor.fetchall()]


def hours(scope: Run | Sequence[Run]) -> list[Point]:
    """Return opens and clicks by the hour for two days after the launch, by the day after that; no gaps.

    The first twelve hours are always there, so that a chart has an axis from its first hit on.
    """
    several = scope_of(scope)
    with connection.cursor() as cursor:
        cursor.execute(_HOURS, ([run.pk for run in several],))
        rows = cursor.fetchall()
    if not rows:
        return []
    start = min(rows[0][0], several[0].launched_at.replace(minute=0, second=0, microsecond=0))
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


def skipped_reasons(found: Breakdown, *, is_whole: bool = False) -> list[Reason]:
    """Return why people of the audience got no mail.

    Of a launch with its retries (`is_whole`) the failures are left out: some of these people got it later, or before.
    """
    return [
        Reason(state, code, recipients.reason_label(code) or state, number)
        for state, code, number in found.states
        if state != "accepted" and not (is_whole and (state == "failed" or code == failed.ACCEPTED_BEFORE))
    ]


def bounce_reasons(found: Breakdown) -> list[Reason]:
    """Return why accepted mail did not arrive, in plain words."""
    who = {40: "soft_bounced", 50: "rejected", 60: "rejected", 70: "bounced"}
    return [Reason(who[state], code, bounce_words(code), number) for state, code, number in found.reasons]


def totals(run_ids: Sequence[int]) -> dict[int, Totals]:
    """Return the sums of the counters of each run (one query); runs without any are left out."""
    found: dict[int, Totals] = {}
    with connection.cursor() as cursor:
        cursor.execute(_TOTALS, (list(run_ids),))
        for run_id, kind, is_machine, number, persons in cursor.fetchall():
            known = found.setdefault(run_id, Totals())
            known.events[kind, is_machine] = int(number)
            known.people[kind, is_machine] = int(persons or 0)
    return found


def _row(sql: str, run_id: int) -> tuple[int, ...]:
    with connection.cursor() as cursor:
        cursor.execute(sql, (run_id,))
        return tuple(cursor.fetchone() or ())
