"""Pausing a run that harms the sender's name, and settling deliveries whose answer was lost."""

from typing import Any

import structlog
from django.db import connection, transaction

from campaigns.models import Run, RunState
from campaigns.sending import settle
from campaigns.services import runs
from events import safety
from events.kinds import Outcome
from mailplatform.accounts.models import AuditEntry
from mailplatform.accounts.services import audit

log = structlog.get_logger(__name__)

# Bounces off the account's own list never reached a provider and do not count.
_FIGURES = """
    SELECT CASE WHEN grouping(provider) = 1 THEN '' ELSE provider END, count(*) FILTER (WHERE state > 0),
           count(*) FILTER (WHERE state IN (%(soft)s, %(hard)s)
                            AND reason NOT IN ('OnAccountSuppressionList', 'OnTenantSuppressionList')),
           count(*) FILTER (WHERE complained_at IS NOT NULL)
    FROM events_outcome WHERE run_id = %(run)s GROUP BY GROUPING SETS ((provider), ())
"""
# People of calls whose answer was lost: by primary keys only, however large the run is.
_UNRESOLVED = """
    SELECT d.run_id, d.subscriber_id, o.message_id
    FROM campaigns_call c CROSS JOIN LATERAL unnest(c.subscriber_ids) AS person (id)
    JOIN campaigns_delivery d ON d.run_id = c.run_id AND d.subscriber_id = person.id AND d.state = 'unresolved'
    JOIN events_outcome o ON o.run_id = d.run_id AND o.subscriber_id = d.subscriber_id
    WHERE c.state = 'lost' AND c.run_id IS NOT NULL
    ORDER BY 1, 2 LIMIT %s
"""
SETTLE_AT_ONCE = 5_000
STOPPED = "run.stopped_by_itself"


def figures_of(run_id: int) -> list[safety.Figures]:
    """Return what became of a run's mail, per provider and in all (provider '')."""
    values = {"run": run_id, "soft": int(Outcome.SOFT_BOUNCE), "hard": int(Outcome.HARD_BOUNCE)}
    with connection.cursor() as cursor:
        cursor.execute(_FIGURES, values)
        return [safety.Figures(*row) for row in cursor.fetchall()]


def check_safety(*, limits: safety.Limits | None = None) -> list[int]:
    """Pause every sending run that is in danger; return their ids.

    A run that a person resumed after a safety stop is left alone: they have seen the reason.
    """
    paused = []
    for run in Run.objects.filter(state=RunState.SENDING):
        if _was_stopped(run):
            continue
        reasons = [reason for figures in figures_of(run.pk) if (reason := safety.danger(figures, limits))]
        if not reasons:
            continue
        if runs.pause_run(run_id=run.pk, by="safety_stop", reason=reasons[0][:500]):
            log.warning("safety_stop", run=run.pk, reason=reasons[0])
            audit.record(actor=None, action=STOPPED, obj=run, detail={"reason": reasons[0]})
            paused.append(run.pk)
    return paused


def _was_stopped(run: Run) -> bool:
    stops = AuditEntry.objects.filter(action=STOPPED, object_type="campaigns.Run", object_id=str(run.pk))
    return stops.exists()


def settle_unresolved() -> int:
    """Turn unresolved deliveries of which an event tells into accepted ones; return how many.

    Any event that bears our tags proves that SES took the mail, a Rendering Failure too.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_UNRESOLVED, (SETTLE_AT_ONCE,))
        rows: list[tuple[Any, ...]] = [
            (run, person, "accepted", message, "") for run, person, message in cursor.fetchall()
        ]
        if rows:
            settle.settle(cursor, rows)
    return len(rows)
