"""After a restore from a backup: what the world may know and the database does not, and the lock until it is settled.

Between the backup and its restore mail may have gone out. So a restored installation sends nothing to readers until it
is unlocked (a trigger on runs holds that, too), every campaign on its way is paused, and all people of its audience
without a row, who may have been mailed since, become `unresolved`: events settle them, or a person decides
(`services.decisions`). Mail about user accounts goes on, or nobody could sign in to unlock.
"""

import datetime as dt
from typing import Any, Final

from django.db import connection, transaction

from mailplatform.accounts.models import User
from mailplatform.accounts.services import audit, installation
from mailplatform.core import clock
from subscribers.models import SignupRequest
from subscribers.selectors import audience
from subscribers.services import owed_mails

from ..models import Campaign, CampaignState, PauseReason, Restore, Run, RunState
from ..selectors import campaigns as selectors
from ..selectors import restores
from ..sending import freeze, states

# Mails and links that left after the backup name people and runs by numbers that this database would give out once
# more. More than that are not made between two backups.
NUMBERS_LEFT_OUT: Final = 10_000_000

_ADVANCE: Final = """
SELECT setval(s.seqrelid::regclass, coalesce(pg_sequence_last_value(s.seqrelid), s.seqstart) + %s)
FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid
WHERE c.relnamespace = 'public'::regnamespace AND s.seqtypid = 'bigint'::regtype
"""
_LOSE_CALLS: Final = """
WITH lost AS (
    UPDATE campaigns_call SET state = 'lost', finished_at = %(now)s, error = 'The database was restored.'
    WHERE state = 'in_flight' RETURNING id, run_id, batch_id, subscriber_ids, opens, clicks, kind
)
INSERT INTO campaigns_delivery (run_id, subscriber_id, state, reason, message_id, call_id, batch_id,
    attempt, variant, opens_tracked, clicks_tracked, at)
SELECT l.run_id, p.id, 'unresolved', 'restored', '', l.id, l.batch_id, coalesce(b.attempt, 1), 0,
    l.opens, l.clicks, %(now)s
FROM lost l CROSS JOIN unnest(l.subscriber_ids) p(id) LEFT JOIN campaigns_batch b ON b.id = l.batch_id
WHERE l.kind = 'campaign' ORDER BY l.run_id, p.id
ON CONFLICT DO NOTHING
"""
# Whoever waited to be sent again has a row, and may have got the second mail, too.
_DOUBT_RESENT: Final = """
UPDATE campaigns_delivery SET reason = 'restored'
WHERE run_id = %(run)s AND (state = 'unresolved' OR reason = 'not_confirmed') AND state = 'unresolved'
    AND reason = 'resend'
"""
_DOUBT_REST: Final = """
WITH rest AS (
    UPDATE campaigns_batch b SET state = 'done', cursor = b.count, lease_token = NULL, lease_until = NULL
    FROM (SELECT id, cursor FROM campaigns_batch WHERE run_id = %(run)s AND state <> 'done'
        ORDER BY id FOR UPDATE) old
    WHERE b.id = old.id
    RETURNING b.id, b.attempt, b.resend, b.subscriber_ids[old.cursor + 1 : b.count] AS ids
)
INSERT INTO campaigns_delivery (run_id, subscriber_id, state, reason, message_id, batch_id, attempt, variant,
    opens_tracked, clicks_tracked, at)
SELECT %(run)s, p.id, 'unresolved', 'restored', '', rest.id, rest.attempt, 0, false, false, %(now)s
FROM rest CROSS JOIN unnest(rest.ids) p(id) WHERE NOT rest.resend
ON CONFLICT DO NOTHING
"""


class NotLocked(Exception):
    """Sending is not locked: nothing is there to unlock, or somebody was faster."""


@transaction.atomic
def lock(*, taken_at: dt.datetime, lost_records: int | None = None) -> Restore:
    """Make a restored database honest about the time since `taken_at`, and lock sending; all or nothing.

    May be repeated; each time is a restore of its own.
    """
    now = clock.now()
    _begin_epoch()
    # Before the lock, which would not let them start.
    for run_id in Run.objects.filter(state=RunState.PREPARING).order_by("pk").values_list("pk", flat=True):
        _freeze(run_id)
    open_runs = list(Run.objects.filter(state__in=(RunState.SENDING, RunState.PAUSED)).order_by("pk"))
    # First of all paused: a drain that is at work all the same cuts nobody after this.
    for run in open_runs:
        _pause(run, taken_at)
    with connection.cursor() as cursor:
        cursor.execute(_LOSE_CALLS, {"now": now})
        for run in open_runs:
            values: dict[str, Any] = {"run": run.pk, "now": now}
            cursor.execute(_DOUBT_RESENT, values)
            cursor.execute(_DOUBT_REST, values)
    made = Restore.objects.create(
        taken_at=taken_at,
        restored_at=now,
        runs=len(open_runs),
        people=sum(restores.in_doubt(run.pk) for run in open_runs),
        lost_records=lost_records,
    )
    detail = {
        "taken_at": taken_at.isoformat(),
        "runs": made.runs,
        "people": made.people,
        "lost_records": lost_records,
        "scheduled": _hold_scheduled(now, taken_at),
        **_forget_owed(),
    }
    audit.record(actor=None, action="installation.restored", obj=made, detail=detail)
    return made


@transaction.atomic
def unlock(*, actor: User | None) -> None:
    """Let mail leave again. Each campaign stays paused until somebody resumes it. Raises NotLocked."""
    found = Restore.objects.select_for_update(of=("self",)).filter(unlocked_at=None)
    if not (last := found.first()):
        raise NotLocked("Sending is not locked.")
    found.update(unlocked_at=clock.now(), unlocked_by=actor)
    audit.record(actor=actor, action="installation.unlocked", obj=last)


def _begin_epoch() -> None:
    """Mark mails from now on as of another time, and give out no number a second time."""
    installation.begin_epoch()
    with connection.cursor() as cursor:
        cursor.execute(_ADVANCE, [NUMBERS_LEFT_OUT])


def _freeze(run_id: int) -> None:
    """Choose the people of a run that had none yet: it was launched, so they may have been mailed."""
    freeze.ensure_partition(run_id)
    run = Run.objects.select_related("campaign").get(pk=run_id)
    if run.audience is None:
        try:
            with transaction.atomic():
                freeze.freeze(run)
        except audience.SegmentBrokenError as error:
            states.fail(run_id, f"The database was restored while this was prepared. {error}")
            return
    if run.audience:
        states.start(run_id)
    else:
        states.fail(run_id, "Nobody was left in the audience when the database was restored.")


def _pause(run: Run, taken_at: dt.datetime) -> None:
    reason = f"Restored to {taken_at:%d %b %Y, %H:%M} UTC."
    if not states.pause(run.pk, by=PauseReason.RESTORED, reason=reason):
        Run.objects.filter(pk=run.pk, state=RunState.PAUSED).update(
            paused_by=PauseReason.RESTORED, pause_reason=reason, not_before=None, updated_at=clock.now()
        )


def _hold_scheduled(now: dt.datetime, taken_at: dt.datetime) -> int:
    """Let scheduled campaigns wait for a person, as those that missed their time; returns how many."""
    found = Campaign.objects.select_for_update(of=("self",)).filter(state=CampaignState.SCHEDULED)
    for campaign in found:
        due_at = selectors.due_at(campaign)
        known: dict[str, Any] = {
            "due_at": due_at.isoformat() if due_at else "",
            "down_since": "",
            "restored": True,
            "restored_to": taken_at.isoformat(),
        }
        campaign.missed_at = now
        campaign.steps_done = {**campaign.steps_done, "missed": known}
        campaign.save(update_fields=["missed_at", "steps_done", "updated_at"])
    return len(found)


def _forget_owed() -> dict[str, int]:
    """Single mails that were about to leave have left since, as far as anybody knows; whoever asked asks again."""
    greetings = SignupRequest.objects.exclude(welcome_due_at=None)
    return {
        "hosted_mails": owed_mails.lose_waiting(error="The database was restored from a backup."),
        "welcome_mails": greetings.update(welcome_due_at=None),
    }
