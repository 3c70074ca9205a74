"""Moves of a run and its campaign between states, each one conditional update. Services add who and why."""

import datetime as dt
from typing import Final

from django.db import connection, transaction

from mailplatform.core import clock

from ..models import Campaign, CampaignState, PauseReason, Run, RunState

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
    RETURNING b.id, b.attempt, b.subscriber_ids[old.cursor + 1 : b.count] AS ids
)
INSERT INTO campaigns_delivery (run_id, subscriber_id, state, reason, message_id, batch_id, attempt, variant,
    opens_tracked, clicks_tracked, at)
SELECT %(run)s, p.id, 'skipped', 'cancelled', '', rest.id, rest.attempt, 0, false, false, %(now)s
FROM rest CROSS JOIN unnest(rest.ids) p(id)
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


def resume(run_id: int) -> bool:
    """Paused → sending. False when the run was not paused."""
    return _move(run_id, (RunState.PAUSED,), RunState.SENDING, paused_by="", pause_reason="", not_before=None)


def start(run_id: int) -> bool:
    """Preparing → sending."""
    return _move(run_id, (RunState.PREPARING,), RunState.SENDING, started_at=clock.now(), pause_reason="")


def fail(run_id: int, reason: str) -> bool:
    """Preparing → failed: nothing was sent."""
    now = clock.now()
    return _move(run_id, (RunState.PREPARING,), RunState.FAILED, pause_reason=reason[:500], finished_at=now)


def cancel(run_id: int) -> bool:
    """Anything unfinished → cancelled. Everybody not yet cut becomes `skipped`, `cancelled`."""
    unfinished = (RunState.PREPARING, RunState.SENDING, RunState.PAUSED)
    with transaction.atomic():
        if not _move(run_id, unfinished, RunState.CANCELLED, finished_at=clock.now(), not_before=None):
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
            return _move(run_id, (RunState.SENDING,), RunState.SENT, finished_at=clock.now())
        reason = f"The audience counts {run.audience} people, but {found} have a result."
        return _move(
            run_id, (RunState.SENDING,), RunState.FAILED, finished_at=clock.now(), pause_reason=reason
        )


def _move(run_id: int, before: tuple[RunState, ...], after: RunState, **changes: object) -> bool:
    """One conditional update of the run, and the same state on its campaign."""
    now = clock.now()
    with transaction.atomic():
        moved = Run.objects.filter(pk=run_id, state__in=before).update(state=after, updated_at=now, **changes)
        if moved:
            Campaign.objects.filter(runs__pk=run_id).update(state=CampaignState(after.value), updated_at=now)
    return moved == 1
