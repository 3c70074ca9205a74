"""What a run's mail did, broken down: by state and reason, mailbox provider, list and segment, device, machine.

It takes a look at every row of the run: milliseconds for thousands of people, seconds for a million. So the pages
compute it for small runs and read a digest, some seconds or minutes old, for large ones (`services.digesting`).
"""

from collections import defaultdict
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from django.db import connection

from campaigns.models import Run
from events.models import Digest
from subscribers.models import Segment
from subscribers.selectors import segments

LIVE_BELOW: Final = 20_000
MOST: Final = 12

_COUNTS = """
    count(*) FILTER (WHERE o.state_at IS NOT NULL), count(*) FILTER (WHERE o.state IN (30, 80)),
    count(*) FILTER (WHERE o.state = 70), count(*) FILTER (WHERE o.state = 40),
    count(*) FILTER (WHERE o.complained_at IS NOT NULL), count(*) FILTER (WHERE o.opened_at IS NOT NULL),
    count(*) FILTER (WHERE o.clicked_at IS NOT NULL), count(*) FILTER (WHERE o.unsubscribed_at IS NOT NULL),
    count(*) FILTER (WHERE o.state = 50),
    count(*) FILTER (WHERE o.state IN (40, 70)
                     AND o.reason IN ('OnAccountSuppressionList', 'OnTenantSuppressionList'))
"""
# One statement for everything that needs no rule of a segment: (part, key, second key, numbers). Its time is in
# proportion to the run's people, whatever the planner believes of tables that just grew: a FULL JOIN is never a loop
# in a loop, and a look-up by person is one by either of the two indexes.
_ROWS = f"""
    SELECT 'state', d.state, d.reason, ARRAY[count(*), count(*) FILTER (WHERE d.opens_tracked),
           count(*) FILTER (WHERE d.clicks_tracked)] FROM campaigns_delivery d WHERE d.run_id = %(run)s GROUP BY 2, 3
    UNION ALL
    SELECT 'quiet', '', '', ARRAY[count(*) FILTER (WHERE d.opens AND o.not_opened),
           count(*) FILTER (WHERE d.clicks AND o.not_clicked)]
    FROM (SELECT subscriber_id, opens_tracked AS opens, clicks_tracked AS clicks FROM campaigns_delivery
          WHERE run_id = %(run)s AND state = 'accepted') d
    FULL JOIN (SELECT subscriber_id, opened_at IS NULL AS not_opened, clicked_at IS NULL AS not_clicked
               FROM events_outcome WHERE run_id = %(run)s AND state IN (30, 80)) o USING (subscriber_id)
    UNION ALL
    SELECT 'provider', o.provider, '', ARRAY[{_COUNTS}] FROM events_outcome o WHERE o.run_id = %(run)s GROUP BY 2
    UNION ALL
    (SELECT 'reason', o.state::text, o.reason, ARRAY[count(*)] FROM events_outcome o
     WHERE o.run_id = %(run)s AND o.state IN (40, 50, 60, 70) GROUP BY 2, 3 ORDER BY count(*) DESC, 3 LIMIT {MOST})
    UNION ALL
    SELECT CASE WHEN e.is_machine THEN 'machine' ELSE 'device' END,
           CASE WHEN e.is_machine THEN e.machine_reason ELSE coalesce(e.detail->>'agent', '') END, '',
           ARRAY[count(*) FILTER (WHERE e.type = 'open'), count(*) FILTER (WHERE e.type = 'click'),
                 count(DISTINCT e.subscriber_id)]
    FROM events_event e WHERE e.run_id = %(run)s AND e.type IN ('open', 'click') GROUP BY 1, 2
    UNION ALL
    SELECT 'list', c.id::text, (SELECT l.name FROM subscribers_mailinglist l WHERE l.id = c.id), c.numbers FROM (
        SELECT x.mailing_list_id AS id, ARRAY[{_COUNTS}] AS numbers FROM events_outcome o CROSS JOIN LATERAL (
            SELECT x.mailing_list_id FROM subscribers_subscription x
            WHERE x.subscriber_id = o.subscriber_id AND x.mailing_list_id = ANY(%(lists)s::bigint[])
                AND x.state IN ('pending', 'confirmed', 'unsubscribed') OFFSET 0) x
        WHERE o.run_id = %(run)s GROUP BY 1) c
"""  # noqa: S608 (put together from `_COUNTS` and `MOST`; the run and the lists are parameters)
_SEGMENT = """
    SELECT %s, %s, ARRAY[{counts}] FROM events_outcome o JOIN subscribers_profile p ON p.subscriber_id = o.subscriber_id
    JOIN subscribers_subscriber s ON s.id = o.subscriber_id WHERE o.run_id = %s AND ({condition})
"""


@dataclass(frozen=True, slots=True)
class Part:
    """People of one part of a run: a provider, a list, a segment. `key` leads to them, `own_list` never left Amazon."""

    key: str
    name: str
    accepted: int
    delivered: int
    bounced: int
    soft_bounced: int
    complained: int
    opened: int
    clicked: int
    unsubscribed: int
    unrendered: int
    own_list: int

    @property
    def all_bounced(self) -> int:
        return self.bounced + self.soft_bounced


@dataclass(frozen=True, slots=True)
class Hits:
    """Opens, clicks and people of one class of device, or of one sort of machine."""

    key: str
    opens: int
    clicks: int
    people: int


@dataclass(frozen=True, slots=True)
class Breakdown:
    """Everything of a run's report that the counters do not hold. States and reasons as (state, reason, people)."""

    states: list[tuple[str, str, int]]
    trackable_opens: int
    trackable_clicks: int
    not_opened: int
    not_clicked: int
    reasons: list[tuple[int, str, int]]
    providers: list[Part]
    devices: list[Hits]
    machines: list[Hits]
    lists: list[Part] = field(default_factory=list)
    segments: list[Part] = field(default_factory=list)
    at: datetime | None = None

    def by_state(self, state: str) -> int:
        """Return how many deliveries are in a state."""
        return sum(number for name, _, number in self.states if name == state)


def breakdown(run: Run) -> Breakdown | None:
    """Return the breakdown of a run: fresh for a small one, the digest of a large one, None before its first.

    Segments are asked for their people in the background alone, once there is a digest.
    """
    if is_small(run) and not run.frozen.get("segment_ids"):
        return compute(run)
    row = Digest.objects.filter(pk=run.pk).first()
    kept = restore(row) if row is not None and row.figures else None
    if not is_small(run):
        return kept
    return replace(compute(run, segments=kept.segments), at=kept.at) if kept else compute(run)


def is_small(run: Run) -> bool:
    """Tell whether every row of a run can be looked at while a page is made."""
    return (run.audience or 0) < LIVE_BELOW


def compute(run: Run, *, segments: list[Part] | None = None) -> Breakdown:
    """Return the breakdown from the rows in one query; in some more where the run has segments to ask for."""
    rows = _rows(run)
    states = sorted(rows["state"], key=lambda row: (-row[2][0], row[1]))
    accepted = [numbers for state, _, numbers in states if state == "accepted"]
    not_opened, not_clicked = rows["quiet"][0][2]
    return Breakdown(
        states=[(state, reason, numbers[0]) for state, reason, numbers in states],
        trackable_opens=sum(numbers[1] for numbers in accepted),
        trackable_clicks=sum(numbers[2] for numbers in accepted),
        not_opened=not_opened,
        not_clicked=not_clicked,
        reasons=[
            (int(state), reason, numbers[0])
            for state, reason, numbers in sorted(rows["reason"], key=lambda row: (-row[2][0], row[1]))
        ],
        providers=_parts(rows["provider"], "Unknown"),
        devices=_hits(rows["device"]),
        machines=_hits(rows["machine"]),
        lists=_parts(rows["list"], ""),
        segments=_by_segment(run) if segments is None else segments,
    )


_Row = tuple[str, str, list[int]]


def _rows(run: Run) -> dict[str, list[_Row]]:
    lists = [int(pk) for pk in run.frozen.get("list_ids", [])][:MOST]
    rows: dict[str, list[_Row]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(_ROWS, {"run": run.pk, "lists": lists})
        for part, key, second, numbers in cursor.fetchall():
            rows[part].append((key, second, numbers))
    return rows


def _parts(rows: list[_Row], unnamed: str) -> list[Part]:
    parts = [Part(key, name or key or unnamed, *numbers) for key, name, numbers in rows]
    return sorted(parts, key=lambda part: (-part.accepted, part.name))


def _hits(rows: list[_Row]) -> list[Hits]:
    return sorted((Hits(key, *numbers) for key, _, numbers in rows), key=lambda hit: (-hit.people, hit.key))


def _by_segment(run: Run) -> list[Part]:
    """People of the run who are in the segment now: nobody keeps who was in it then."""
    ids = [int(pk) for pk in run.frozen.get("segment_ids", [])][:MOST]
    found = list(Segment.objects.filter(pk__in=ids)) if ids else []
    conditions = segments.compile_several([segment.rules for segment in found])
    asked, values = [], list[Any]()
    for segment, condition in zip(found, conditions, strict=True):
        if condition is None:
            continue
        asked.append(_SEGMENT.format(counts=_COUNTS, condition=condition.sql))
        values += [str(segment.pk), segment.name, run.pk, *condition.params]
    if not asked:
        return []
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(asked), values)
        return _parts(cursor.fetchall(), "")


def keep(figures: Breakdown) -> dict[str, Any]:
    """Return a breakdown as JSON."""
    return {name: value for name, value in asdict(figures).items() if name != "at"}


def restore(row: Digest) -> Breakdown:
    """Return the breakdown of a digest."""
    kept = row.figures
    return Breakdown(
        states=[tuple(item) for item in kept["states"]],
        trackable_opens=kept["trackable_opens"],
        trackable_clicks=kept["trackable_clicks"],
        not_opened=kept["not_opened"],
        not_clicked=kept["not_clicked"],
        reasons=[tuple(item) for item in kept["reasons"]],
        at=row.at,
        providers=[Part(**item) for item in kept["providers"]],
        lists=[Part(**item) for item in kept["lists"]],
        segments=[Part(**item) for item in kept["segments"]],
        devices=[Hits(**item) for item in kept["devices"]],
        machines=[Hits(**item) for item in kept["machines"]],
    )


def merged(parts: list[Breakdown]) -> Breakdown:
    """Return the sum over several runs whose accepted people differ: a launch and its retries."""
    if len(parts) == 1:
        return parts[0]
    states: dict[tuple[str, str], int] = {}
    reasons: dict[tuple[int, str], int] = {}
    for part in parts:
        for state, reason, number in part.states:
            states[state, reason] = states.get((state, reason), 0) + number
        for code, reason, number in part.reasons:
            reasons[code, reason] = reasons.get((code, reason), 0) + number
    return Breakdown(
        states=[(*key, number) for key, number in states.items()],
        trackable_opens=sum(part.trackable_opens for part in parts),
        trackable_clicks=sum(part.trackable_clicks for part in parts),
        not_opened=sum(part.not_opened for part in parts),
        not_clicked=sum(part.not_clicked for part in parts),
        reasons=[(*key, number) for key, number in reasons.items()],
        providers=_sum_parts([part.providers for part in parts]),
        lists=_sum_parts([part.lists for part in parts]),
        segments=_sum_parts([part.segments for part in parts]),
        devices=_sum_hits([part.devices for part in parts]),
        machines=_sum_hits([part.machines for part in parts]),
        at=min((part.at for part in parts if part.at is not None), default=None),
    )


def _sum_parts(several: list[list[Part]]) -> list[Part]:
    rows: dict[str, list[Any]] = {}
    for parts in several:
        for part in parts:
            key, name, *numbers = asdict(part).values()
            known = rows.setdefault(key, [key, name, *[0] * len(numbers)])
            known[2:] = [a + b for a, b in zip(known[2:], numbers, strict=True)]
    return sorted((Part(*row) for row in rows.values()), key=lambda part: (-part.accepted, part.name))


def _sum_hits(several: list[list[Hits]]) -> list[Hits]:
    rows: dict[str, list[int]] = {}
    for hits in several:
        for hit in hits:
            known = rows.setdefault(hit.key, [0, 0, 0])
            known[:] = [known[0] + hit.opens, known[1] + hit.clicks, known[2] + hit.people]
    return sorted((Hits(key, *row) for key, row in rows.items()), key=lambda hit: (-hit.people, hit.key))
