"""Which runs want a worker, and how many work on them.

All leases are judged by Postgres's clock: those of the machines differ.
"""

import datetime as dt
import math
import uuid
from dataclasses import dataclass
from typing import Final

from django.db import connection

from mailplatform.accounts.services import installation
from mailplatform.core import clock

from ..models import Drain, Run, RunState
from ..sending import timing

# One drain carries so many recipients per second with ease; more of them also survive each other.
RATE_PER_DRAIN: Final = 500.0
MAX_DRAINS: Final = 16
# A run that has just begun or gone on has its message in the queue.
SETTLE_S: Final = timing.scaled(5.0, least=1.0)

# Work that can be done now: batches that are due, or nothing left at all (somebody has to write that it is over).
_RUNS: Final = """
SELECT r.id, (r.frozen ->> 'rate_limit')::float, live.count,
    (SELECT count(*) FROM (SELECT 1 FROM campaigns_batch b WHERE b.run_id = r.id AND b.state = 'waiting'
        AND (b.not_before IS NULL OR b.not_before <= %(now)s) LIMIT %(most)s) due),
    live.count = 0 AND NOT EXISTS (
        SELECT 1 FROM campaigns_batch b WHERE b.run_id = r.id AND b.state <> 'done'),
    r.updated_at < clock_timestamp() - make_interval(secs => %(settle)s)
FROM campaigns_run r CROSS JOIN LATERAL (
    SELECT count(*) FROM campaigns_drain d WHERE d.run_id = r.id AND d.lease_until > clock_timestamp()) live
WHERE r.state = 'sending' ORDER BY live.count, r.id
"""
_NEXT_DUE: Final = """
SELECT min(coalesce(not_before, '-infinity'::timestamptz)) <= %(now)s,
    min(coalesce(not_before, '-infinity'::timestamptz)) <= %(now)s + make_interval(secs => %(soon)s)
FROM campaigns_batch WHERE run_id = %(run)s AND state = 'waiting'
"""
# A call that recovery took says nothing about Amazon.
_LAST_CALLS: Final = """
SELECT error FROM campaigns_call WHERE run_id = %s AND started_at > %s
    AND (state = 'recorded' OR state = 'lost' AND error LIKE 'LostAnswer%%') ORDER BY id DESC LIMIT 20
"""
_LIVE: Final = """
SELECT token, run_id FROM campaigns_drain WHERE lease_until > clock_timestamp() ORDER BY started_at, id
"""


@dataclass(frozen=True, slots=True)
class RunAtWork:
    """A sending run: `live` drains work on it, `due` batches (counted up to 16) could be claimed now."""

    run_id: int
    live: int
    wanted: int
    settled: bool

    @property
    def missing(self) -> int:
        """How many more drains it could use."""
        return max(0, self.wanted - self.live)


def runs_to_prepare() -> list[int]:
    """Runs that were launched a while ago and are still preparing."""
    since = clock.now() - timing.PREPARE_AFTER
    found = Run.objects.filter(state=RunState.PREPARING, launched_at__lt=since)
    return list(found.order_by("pk").values_list("pk", flat=True))


def runs_at_work() -> list[RunAtWork]:
    """All sending runs, those without a drain first."""
    rate = installation.get().max_send_rate
    with connection.cursor() as cursor:
        cursor.execute(_RUNS, {"now": clock.now(), "most": MAX_DRAINS, "settle": SETTLE_S})
        return [
            RunAtWork(run_id, live, max(min(wanted(rate, cap), due), int(over)), settled)
            for run_id, cap, live, due, over, settled in cursor.fetchall()
        ]


def runs_without_drain() -> list[int]:
    """Sending runs that have something to do and no living worker."""
    return [run.run_id for run in runs_at_work() if run.live == 0 and run.missing]


def wanted(rate: float, cap: float | None = None) -> int:
    """How many drains a run is worth at this rate."""
    return max(1, min(MAX_DRAINS, math.ceil(min(rate, cap or math.inf) / RATE_PER_DRAIN)))


def work_is_due(run_id: int, *, soon: float = 0.0) -> tuple[bool, bool]:
    """Whether a batch of the run can be claimed now, and whether one can be within `soon` seconds."""
    with connection.cursor() as cursor:
        cursor.execute(_NEXT_DUE, {"run": run_id, "now": clock.now(), "soon": soon})
        now, later = cursor.fetchone()
    return bool(now), bool(later)


def must_hand_over(token: uuid.UUID) -> bool:
    """Whether the drain with this token should end, because so many runs wait for a worker.

    Of each waiting run one drain gives way: first those whose run has several, then the longest at work.
    """
    waiting = sum(1 for run in runs_at_work() if run.live == 0 and run.missing and run.settled)
    if not waiting:
        return False
    with connection.cursor() as cursor:
        cursor.execute(_LIVE)
        live: list[tuple[uuid.UUID, int]] = cursor.fetchall()
    return token in who_gives_way(live, waiting)


def who_gives_way(live: list[tuple[uuid.UUID, int]], waiting: int) -> list[uuid.UUID]:
    """The tokens of `waiting` drains out of (token, run) by age: the surplus of runs first, then the oldest."""
    left = [run for _, run in live]
    surplus = []
    for token, run in live:
        if left.count(run) > 1:
            left.remove(run)
            surplus.append(token)
    rest = [token for token, _ in live if token not in surplus]
    return [*surplus, *rest][:waiting]


def drains_of(run_id: int) -> int:
    """How many living drains work on the run."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM campaigns_drain WHERE run_id = %s AND lease_until > clock_timestamp()",
            [run_id],
        )
        return int(cursor.fetchone()[0])


def last_calls(run: Run) -> list[str]:
    """The errors of the run's last calls, '' of those that Amazon answered; the oldest first.

    None from before the run went on for the last time: a person has looked since.
    """
    with connection.cursor() as cursor:
        cursor.execute(_LAST_CALLS, [run.pk, run.updated_at])
        return [error for (error,) in reversed(cursor.fetchall())]


def processes() -> list[Drain]:
    """The drains of which a row is there, for the page."""
    return list(Drain.objects.order_by("started_at"))


def clock_error() -> dt.timedelta:
    """By how much this machine's clock is ahead of Postgres's."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        theirs: dt.datetime = cursor.fetchone()[0]
    return clock.now() - theirs
