"""The states of everything that is sent, and the moves of a run; nowhere else is a run's state changed.

What is not in this table is refused by the database too, also when somebody writes plain SQL
(`migrations/0005_ledger_guards.py`); `MOVES` is that table for runs, and a test holds the two together.

=========  ===========  ================================  ====================================================
thing      state        may become                        moved by
=========  ===========  ================================  ====================================================
run        preparing    sending, failed, cancelled        `start`, `fail`, `cancel`
run        sending      paused, sent, failed, cancelled   `pause`, `finish`, `cancel`
run        paused       sending, cancelled                `resume`, `cancel`
run        sent         sending                           `reopen`: somebody decided to send again
run        failed       (final)
run        cancelled    (final)
batch      waiting      claimed, done                     the cut; `cancel`
batch      claimed      waiting, done                     the cut; recovery and the end of a slice give it back
batch      done         (final)                           the cursor of a batch never goes back
call       in_flight    recorded, lost                    `record`, `recover`
call       recorded     (final)                           the answer came
call       lost         (final)                           it did not
delivery   (none)       all four                          the cut, `record`, `recover`, `cancel`: insert only
delivery   unresolved   accepted, failed                  `settle`: an event, a late answer, a re-send, a decision
delivery   accepted     (final)
delivery   skipped      (final)
delivery   failed       (final); accepted when its        `settle`: an event proves wrong the person who counted
                        reason is `not_confirmed`         it as lost
=========  ===========  ================================  ====================================================

An unresolved delivery says by its reason how far it is: `lost_answer` and `worker_lost` wait for evidence or a
decision, `resend` waits in a batch to go out again, `not_resent` was to go out again and was refused or may not be
mailed any more.
Only partitions are dropped whole, by the owner of the tables; the application can delete no delivery.

Every move is one conditional update, hence happens once however many try; services add who and why.
"""

import datetime as dt
from typing import Any, Final

from django.db import connection, transaction

from mailplatform.core import clock

from ..models import PauseReason, Run, RunState

MOVES: Final[dict[RunState, frozenset[RunState]]] = {
    RunState.PREPARING: frozenset({RunState.SENDING, RunState.FAILED, RunState.CANCELLED}),
    RunState.SENDING: frozenset({RunState.PAUSED, RunState.SENT, RunState.FAILED, RunState.CANCELLED}),
    RunState.PAUSED: frozenset({RunState.SENDING, RunState.CANCELLED}),
    RunState.SENT: frozenset({RunState.SENDING}),
    RunState.FAILED: frozenset(),
    RunState.CANCELLED: frozenset(),
}
UNFINISHED: Final = (RunState.PREPARING, RunState.SENDING, RunState.PAUSED)

_OPEN: Final = """
SELECT EXISTS (SELECT 1 FROM campaigns_batch WHERE run_id = %(run)s AND state <> 'done')
    OR EXISTS (SELECT 1 FROM campaigns_call WHERE run_id = %(run)s AND state = 'in_flight')
"""
_SUM: Final = "SELECT count(*) FROM campaigns_delivery WHERE run_id = %s"
_CANCEL_REST: Final = """
WITH rest AS (
    UPDATE campaigns_batch b SET state = 'done', cursor = b.count, lease_token = NULL, lease_until = NULL
    FROM (SELECT id, cursor FROM campaigns_batch WHERE run_id = %(run)s AND state <> 'done'
        ORDER BY id FOR UPDATE) old
    WHERE b.id = old.id
    RETURNING b.id, b.attempt, b.resend, b.subscriber_ids[old.cursor + 1 : b.count] AS ids
),
not_resent AS (
    UPDATE campaigns_delivery d SET reason = 'not_resent'
    FROM rest CROSS JOIN unnest(rest.ids) p(id)
    WHERE rest.resend AND d.run_id = %(run)s AND d.subscriber_id = p.id
        AND d.state = 'unresolved' AND d.reason = 'resend'
)
INSERT INTO campaigns_delivery (run_id, subscriber_id, state, reason, message_id, batch_id, attempt, variant,
    opens_tracked, clicks_tracked, at)
SELECT %(run)s, p.id, 'skipped', 'cancelled', '', rest.id, rest.attempt, 0, false, false, %(now)s
FROM rest CROSS JOIN unnest(rest.ids) p(id) WHERE NOT rest.resend
"""
# A campaign is where its unfinished run is, or else where its newest is. A try for those who failed that came to
# nothing does not undo that the campaign was sent.
_CAMPAIGN: Final = """
UPDATE campaigns_campaign c SET updated_at = %(now)s, state = (
    SELECT r.state FROM campaigns_run r WHERE r.campaign_id = c.id
    ORDER BY r.state IN ('preparing', 'sending', 'paused') DESC,
        r.purpose = 'failed' AND r.state IN ('failed', 'cancelled'), r.number DESC LIMIT 1)
WHERE c.id = (SELECT campaign_id FROM campaigns_run WHERE id = %(run)s)
"""


def pause(run_id: int, *, by: PauseReason, reason: str, until: dt.datetime | None = None) -> bool:
    """Sending → paused; the next cut finds nothing to do. False when the run was not sending.

    `until` is when a run that waits for the daily quota may go on by itself.
    """
    return _move(
        run_id,
        (RunState.SENDING,),
        RunState.PAUSED,
        paused_by=by.value,
        pause_reason=reason[:500],
        not_before=until,
    )


def explain(run_id: int, reason: str) -> None:
    """Say why a sending run does not get on; '' when it does again."""
    Run.objects.filter(pk=run_id, state=RunState.SENDING).update(pause_reason=reason[:500])


def resume(run_id: int, *, only_by: PauseReason | None = None) -> bool:
    """Paused → sending. False when the run was not paused, or not by `only_by` where that is named."""
    where = {"paused_by": only_by.value} if only_by else None
    changes: dict[str, Any] = {"paused_by": "", "pause_reason": "", "not_before": None}
    # Whoever lets it go on decides about the hours that are past.
    changes["attended_at"] = clock.now()
    return _move(run_id, (RunState.PAUSED,), RunState.SENDING, where=where, **changes)


def start(run_id: int) -> bool:
    """Preparing → sending."""
    return _move(run_id, (RunState.PREPARING,), RunState.SENDING, started_at=clock.now(), pause_reason="")


def reopen(run_id: int) -> bool:
    """Sent → sending, because batches with people to be mailed again were made. False when it was not sent."""
    return _move(run_id, (RunState.SENT,), RunState.SENDING, finished_at=None, pause_reason="")


def fail(run_id: int, reason: str) -> bool:
    """Preparing → failed: nothing was sent."""
    now = clock.now()
    return _move(run_id, (RunState.PREPARING,), RunState.FAILED, pause_reason=reason[:500], finished_at=now)


def cancel(run_id: int) -> bool:
    """Anything unfinished → cancelled. Everybody not yet cut becomes `skipped`, `cancelled`.

    Whoever waits to be mailed again stays unresolved, `not_resent`: the first mail may have gone out.
    """
    with transaction.atomic():
        if not _move(run_id, UNFINISHED, RunState.CANCELLED, finished_at=clock.now(), not_before=None):
            return False
        with connection.cursor() as cursor:
            cursor.execute(_CANCEL_REST, {"run": run_id, "now": clock.now()})
    return True


def finish(run_id: int) -> bool:
    """Sending → sent, once every batch is used up and no call is in flight. False when it is not that far.

    A run whose rows do not add up to its audience ends as `failed` and says so: it must never look complete.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        run = Run.objects.select_for_update().filter(pk=run_id, state=RunState.SENDING).first()
        if run is None:
            return False
        cursor.execute(_OPEN, {"run": run_id})
        if cursor.fetchone()[0]:
            return False
        cursor.execute(_SUM, [run_id])
        found = cursor.fetchone()[0]
        if found == run.audience:
            return _move(run_id, (RunState.SENDING,), RunState.SENT, finished_at=clock.now(), pause_reason="")
        reason = f"The audience counts {run.audience} people, but {found} have a result."
        return _move(
            run_id, (RunState.SENDING,), RunState.FAILED, finished_at=clock.now(), pause_reason=reason
        )


def _move(
    run_id: int,
    before: tuple[RunState, ...],
    after: RunState,
    *,
    where: dict[str, Any] | None = None,
    **changes: object,
) -> bool:
    """One conditional update of the run, and of its campaign what follows from it."""
    now = clock.now()
    with transaction.atomic():
        found = Run.objects.filter(pk=run_id, state__in=before, **where or {})
        moved = found.update(state=after, updated_at=now, **changes)
        if moved:
            with connection.cursor() as cursor:
                cursor.execute(_CAMPAIGN, {"run": run_id, "now": now})
    return moved == 1
