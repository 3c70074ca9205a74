"""Reads of runs: how far one is, in numbers that always add up to its audience."""

import datetime as dt
from dataclasses import dataclass
from typing import Final

from django.db import connection

from mailplatform.core import clock

from ..models import DeliveryState, Run, RunState
from . import failed

RATE_WINDOW: Final = dt.timedelta(seconds=30)
UNFINISHED: Final = (RunState.PREPARING, RunState.SENDING, RunState.PAUSED)

# Who was throttled or not reached stays at the first attempt, but their batch has another time than the freeze chose.
_QUEUE: Final = """
SELECT coalesce(sum(count - cursor) FILTER (WHERE again AND NOT resend), 0),
    min(not_before) FILTER (WHERE again AND NOT resend AND not_before > %(now)s),
    coalesce(sum(count - cursor) FILTER (WHERE NOT again AND local_at > %(now)s), 0),
    min(local_at) FILTER (WHERE NOT again AND local_at > %(now)s),
    max(local_at) FILTER (WHERE NOT again AND local_at > %(now)s),
    coalesce(sum(count - cursor) FILTER (WHERE resend), 0),
    (SELECT coalesce(sum(cardinality(subscriber_ids)), 0) FROM campaigns_call
        WHERE run_id = %(run)s AND state = 'in_flight')
FROM (SELECT *, attempt > 1 OR not_before IS DISTINCT FROM local_at AS again FROM campaigns_batch
    WHERE run_id = %(run)s AND state <> 'done') open
"""


_TALLY: Final = """
SELECT state, reason, count(*), count(*) FILTER (WHERE state = 'accepted' AND at >= %(since)s)
FROM campaigns_delivery WHERE run_id = %(run)s GROUP BY 1, 2
"""


@dataclass(frozen=True, slots=True)
class RunProgress:
    """`audience = accepted + failed + skipped + unresolved + waiting` at every instant.

    `rate` is recipients per second over the last half minute; `eta_seconds` is None when it cannot be told. `reasons`
    are `(state, reason, people)` of everybody who was not accepted, largest first.
    """

    audience: int
    accepted: int
    failed: int
    skipped: int
    unresolved: int
    waiting: int
    rate: float
    eta_seconds: int | None
    reasons: tuple[tuple[str, str, int], ...] = ()

    @property
    def handled(self) -> int:
        """How many have their end."""
        return self.audience - self.waiting

    @property
    def doubtful(self) -> int:
        """Of those who failed, how many were counted so by a person: they may have the mail."""
        return failed.doubtful_of(self.reasons)

    @property
    def is_complete(self) -> bool:
        """Whether nobody waits any more."""
        return self.waiting == 0


def progress(run: Run) -> RunProgress:
    """How far a run is, by one look at its delivery rows: a page asks every two seconds."""
    since = clock.now() - RATE_WINDOW
    with connection.cursor() as cursor:
        cursor.execute(_TALLY, {"run": run.pk, "since": since})
        rows = cursor.fetchall()
    counts = dict.fromkeys(DeliveryState.values, 0)
    for state, _, number, _ in rows:
        counts[state] += number
    handled = sum(counts.values())
    audience = run.audience if run.audience is not None else handled
    waiting = max(0, audience - handled)
    rate = _rate(run, sum(recent for _, _, _, recent in rows))
    eta = int(waiting / rate) if rate and waiting and run.state == RunState.SENDING else None
    return RunProgress(
        audience=audience,
        accepted=counts[DeliveryState.ACCEPTED],
        failed=counts[DeliveryState.FAILED],
        skipped=counts[DeliveryState.SKIPPED],
        unresolved=counts[DeliveryState.UNRESOLVED],
        waiting=waiting,
        rate=rate,
        eta_seconds=eta,
        reasons=tuple(
            (state, reason, number)
            for state, reason, number, _ in sorted(rows, key=lambda row: (-row[2], row[1]))
            if state != DeliveryState.ACCEPTED
        ),
    )


@dataclass(frozen=True, slots=True)
class Queue:
    """What is still to come of a run: people, and when the next of them are due.

    `retried` wait for another try until `retried_at`; `later` wait for their own local time, the next at `next_at`,
    the last at `last_at`; `resent` are sent to again by somebody's decision; `in_flight` are on their way to SES.
    """

    retried: int = 0
    retried_at: dt.datetime | None = None
    later: int = 0
    next_at: dt.datetime | None = None
    last_at: dt.datetime | None = None
    resent: int = 0
    in_flight: int = 0


def queue(run_id: int) -> Queue:
    """What is still to come of a run, from its open batches and calls."""
    with connection.cursor() as cursor:
        cursor.execute(_QUEUE, {"run": run_id, "now": clock.now()})
        return Queue(*cursor.fetchone())


def counts_by_state(run_id: int) -> dict[str, int]:
    """How many deliveries of the run are in each state; all four are always there."""
    counts = dict.fromkeys(DeliveryState.values, 0)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT state, count(*) FROM campaigns_delivery WHERE run_id = %s GROUP BY state", [run_id]
        )
        counts |= dict(cursor.fetchall())
    return counts


def counts_by_reason(run_id: int) -> list[tuple[str, str, int]]:
    """`(state, reason, count)` of everybody who was not accepted, largest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT state, reason, count(*) FROM campaigns_delivery WHERE run_id = %s AND state <> 'accepted'"
            " GROUP BY state, reason ORDER BY count(*) DESC, reason",
            [run_id],
        )
        return [(str(state), str(reason), int(count)) for state, reason, count in cursor.fetchall()]


def _rate(run: Run, recent: int) -> float:
    if run.state != RunState.SENDING:
        return 0.0
    started = run.started_at or run.launched_at
    seconds = min(RATE_WINDOW.total_seconds(), max(1.0, (clock.now() - started).total_seconds()))
    return round(recent / seconds, 1)
