"""What a run's mail did, broken down: by state and reason, mailbox provider, list and segment, device, machine.

It takes a look at every row of the run: milliseconds for thousands of people, seconds for a million. So the pages
compute it for small runs and read a digest, some seconds or minutes old, for large ones (`services.digesting`).
"""

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Final

from django.db import connection

from campaigns.models import Run
from events.models import Digest
from subscribers.models import MailingList, Segment
from subscribers.segments.rules import RuleError
from subscribers.selectors import segments

LIVE_BELOW: Final = 20_000
MOST: Final = 12

_DELIVERIES = """
    SELECT state, reason, count(*), count(*) FILTER (WHERE opens_tracked), count(*) FILTER (WHERE clicks_tracked)
    FROM campaigns_delivery WHERE run_id = %s GROUP BY 1, 2 ORDER BY 3 DESC, 2
"""
_COUNTS = """
    count(*) FILTER (WHERE o.state_at IS NOT NULL), count(*) FILTER (WHERE o.state IN (30, 80)),
    count(*) FILTER (WHERE o.state = 70), count(*) FILTER (WHERE o.state = 40),
    count(*) FILTER (WHERE o.complained_at IS NOT NULL), count(*) FILTER (WHERE o.opened_at IS NOT NULL),
    count(*) FILTER (WHERE o.clicked_at IS NOT NULL), count(*) FILTER (WHERE o.unsubscribed_at IS NOT NULL),
    count(*) FILTER (WHERE o.state = 50),
    count(*) FILTER (WHERE o.state IN (40, 70)
                     AND o.reason IN ('OnAccountSuppressionList', 'OnTenantSuppressionList'))
"""
_QUIET = """
    SELECT count(*) FILTER (WHERE d.opens_tracked AND o.opened_at IS NULL),
           count(*) FILTER (WHERE d.clicks_tracked AND o.clicked_at IS NULL)
    FROM campaigns_delivery d JOIN events_outcome o ON o.run_id = d.run_id AND o.subscriber_id = d.subscriber_id
    WHERE d.run_id = %s AND d.state = 'accepted' AND o.state IN (30, 80)
"""
_PROVIDERS = (
    f"SELECT o.provider, {_COUNTS} FROM events_outcome o WHERE o.run_id = %s GROUP BY 1 ORDER BY 2 DESC, 1"  # noqa: S608
)
_LISTS = f"""
    SELECT x.mailing_list_id, {_COUNTS} FROM subscribers_subscription x
    JOIN events_outcome o ON o.run_id = %s AND o.subscriber_id = x.subscriber_id
    WHERE x.mailing_list_id = ANY(%s) GROUP BY 1
"""  # noqa: S608 - constants of this module
_REASONS = """
    SELECT state, reason, count(*) FROM events_outcome
    WHERE run_id = %s AND state IN (40, 50, 60, 70) GROUP BY 1, 2 ORDER BY 3 DESC, 2 LIMIT 12
"""
_HITS = """
    SELECT is_machine, CASE WHEN is_machine THEN machine_reason ELSE coalesce(detail->>'agent', '') END,
           count(*) FILTER (WHERE type = 'open'), count(*) FILTER (WHERE type = 'click'),
           count(DISTINCT subscriber_id)
    FROM events_event WHERE run_id = %s AND type IN ('open', 'click') GROUP BY 1, 2 ORDER BY 5 DESC, 2
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
    """Return the breakdown of a run: fresh for a small one, the digest of a large one, None before its first."""
    if is_small(run):
        return compute(run)
    row = Digest.objects.filter(pk=run.pk).first()
    return restore(row) if row is not None and row.figures else None


def is_small(run: Run) -> bool:
    """Tell whether every row of a run can be looked at while a page is made."""
    return (run.audience or 0) < LIVE_BELOW


def compute(run: Run) -> Breakdown:
    """Return the breakdown from the rows (five queries, and one for the lists and each segment)."""
    with connection.cursor() as cursor:
        cursor.execute(_DELIVERIES, [run.pk])
        deliveries = cursor.fetchall()
        cursor.execute(_PROVIDERS, [run.pk])
        providers = [Part(row[0], row[0] or "Unknown", *row[1:]) for row in cursor.fetchall()]
        cursor.execute(_QUIET, [run.pk])
        not_opened, not_clicked = cursor.fetchone() or (0, 0)
        cursor.execute(_REASONS, [run.pk])
        reasons = [(int(state), str(reason), int(number)) for state, reason, number in cursor.fetchall()]
        cursor.execute(_HITS, [run.pk])
        hits = [(row[0], Hits(str(row[1]), *row[2:])) for row in cursor.fetchall()]
    accepted = [row for row in deliveries if row[0] == "accepted"]
    return Breakdown(
        states=[(row[0], row[1], row[2]) for row in deliveries],
        trackable_opens=sum(row[3] for row in accepted),
        trackable_clicks=sum(row[4] for row in accepted),
        not_opened=not_opened,
        not_clicked=not_clicked,
        reasons=reasons,
        providers=providers,
        devices=[found for is_machine, found in hits if not is_machine],
        machines=[found for is_machine, found in hits if is_machine],
        lists=_by_list(run),
        segments=_by_segment(run),
    )


def _by_list(run: Run) -> list[Part]:
    ids = [int(pk) for pk in run.frozen.get("list_ids", [])][:MOST]
    if not ids:
        return []
    names = dict(MailingList.objects.filter(pk__in=ids).values_list("pk", "name"))
    with connection.cursor() as cursor:
        cursor.execute(_LISTS, [run.pk, ids])
        return [
            Part(str(row[0]), names.get(row[0], "A list that is gone"), *row[1:]) for row in cursor.fetchall()
        ]


def _by_segment(run: Run) -> list[Part]:
    """People of the run who are in the segment now: nobody keeps who was in it then."""
    ids = [int(pk) for pk in run.frozen.get("segment_ids", [])][:MOST]
    found = []
    for segment in Segment.objects.filter(pk__in=ids) if ids else ():
        try:
            condition = segments.compile_tree(segment.rules)
        except RuleError:
            continue
        sql = f"""
            SELECT {_COUNTS} FROM events_outcome o JOIN subscribers_profile p ON p.subscriber_id = o.subscriber_id
            JOIN subscribers_subscriber s ON s.id = o.subscriber_id WHERE o.run_id = %s AND ({condition.sql})
        """  # noqa: S608 - the condition's values are parameters
        with connection.cursor() as cursor:
            cursor.execute(sql, [run.pk, *condition.params])
            found.append(Part(str(segment.pk), segment.name, *(cursor.fetchone() or [0] * 10)))
    return found


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
