"""What is to become of people of whom nobody knows whether Amazon SES took their mail: a decision, made once.

SES has no idempotency token. Evidence settles most of them (`settle`); for the rest a person decides, or, where the
silence of a complete channel is proof and the setting allows it, the platform. Every decision is kept with the
figures that it rests on.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from mailplatform.accounts.models import User
from mailplatform.accounts.services import audit
from mailplatform.core import clock

from .. import tasks
from ..models import Decision, DecisionAction, Run, RunState
from ..selectors import restores, unresolved
from ..sending import states

BATCH_SIZE: Final = 500
_RESENDABLE: Final = frozenset({RunState.SENDING, RunState.PAUSED, RunState.SENT})

# Locked in the order in which settlement locks them.
_TAKE: Final = """
SELECT d.subscriber_id, coalesce(b.template_version_id, %(version)s), coalesce(b.sender_id, %(sender)s),
    coalesce(b.language, '')
FROM campaigns_delivery d LEFT JOIN campaigns_batch b ON b.id = d.batch_id
WHERE d.run_id = %(run)s AND d.subscriber_id = ANY(%(decidable)s::bigint[])
    AND d.state = 'unresolved' AND d.reason <> 'resend'
ORDER BY d.run_id, d.subscriber_id FOR UPDATE OF d
"""
_MARK: Final = """
UPDATE campaigns_delivery SET state = %s, reason = %s, at = %s
WHERE run_id = %s AND subscriber_id = ANY(%s::bigint[]) AND state = 'unresolved'
"""
_WAIT: Final = """
UPDATE campaigns_delivery SET reason = 'resend'
WHERE run_id = %s AND subscriber_id = ANY(%s::bigint[]) AND state = 'unresolved'
"""
_NUMBERS: Final = "UPDATE campaigns_run SET batches = batches + %s WHERE id = %s RETURNING batches"
_BATCH: Final = """
INSERT INTO campaigns_batch (run_id, number, attempt, state, subscriber_ids, count, cursor, template_version_id,
    sender_id, language, resend)
VALUES (%s, %s, 1, 'waiting', %s::bigint[], %s, 0, %s, %s, %s, true)
"""
_ENDS: Final = {
    DecisionAction.ASSUME_SENT: ("accepted", "decided"),
    DecisionAction.ASSUME_LOST: ("failed", "not_confirmed"),
}

# (subscriber id, template version, sender, language)
Doubtful = tuple[int, int, int, str]


class NothingToDecide(Exception):
    """Nobody is left: evidence settled them, or somebody decided already. A second click ends here."""


class TooEarly(Exception):
    """The calls are too young: the process that made them may still wake up, or its events arrive."""

    def __init__(self, opens_at: dt.datetime) -> None:
        self.opens_at = opens_at
        super().__init__(f"This can be decided from {opens_at:%d %b %Y, %H:%M} UTC on.")


class NumberChanged(Exception):
    """Since the person looked, the number of people has changed."""

    def __init__(self, confirmed: int, found: int) -> None:
        self.confirmed, self.found = confirmed, found
        super().__init__(
            f"You confirmed {confirmed:,} people, but now there are {found:,} to decide about. Please look again."
        )


class NotResendable(Exception):
    """The run was cancelled or failed, or sending is locked after a restore: nothing is sent for it."""


ERRORS: Final = (NothingToDecide, TooEarly, NumberChanged, NotResendable)


@transaction.atomic
def decide(
    *,
    run_id: int,
    action: DecisionAction,
    actor: User | None,
    subscriber_ids: Sequence[int] | None = None,
    confirmed_count: int | None = None,
    figures: dict[str, Any] | None = None,
) -> Decision:
    """Decide about all unresolved people of a run whose time has come, or about those of them that are chosen.

    `confirmed_count` is the number that the person saw; `actor` is None where the platform decides on proof. Raises
    NothingToDecide, TooEarly, NumberChanged, NotResendable; then nothing changed.
    """
    run = Run.objects.select_for_update(of=("self",)).select_related("campaign").get(pk=run_id)
    if action == DecisionAction.RESEND and run.state not in _RESENDABLE:
        raise NotResendable("This campaign was stopped; nothing is sent for it any more.")
    if action == DecisionAction.RESEND and run.state != RunState.PAUSED and restores.is_locked():
        raise NotResendable(restores.LOCKED)
    chosen = None if subscriber_ids is None else sorted(set(subscriber_ids))
    with connection.cursor() as cursor:
        people = _take(cursor, run, chosen)
        if confirmed_count is not None and confirmed_count != len(people):
            raise NumberChanged(confirmed_count, len(people))
        ids = [person[0] for person in people]
        if action == DecisionAction.RESEND:
            _send_again(cursor, run, people)
        else:
            cursor.execute(_MARK, [*_ENDS[action], clock.now(), run.pk, ids])
    made = Decision.objects.create(
        run_id=run.pk,
        subscriber_ids=ids,
        action=action.value,
        decided_by=actor.pk if actor else None,
        figures=figures or {},
        at=clock.now(),
    )
    detail = {"run": run.pk, "decision": made.pk, "action": action.value, "people": len(ids)}
    audit.record(actor=actor, action="deliveries.decided", obj=run.campaign, detail=detail)
    return made


def _take(cursor: CursorWrapper, run: Run, chosen: list[int] | None) -> list[Doubtful]:
    """Lock those about whom one may decide now; raises when there is nobody."""
    params: dict[str, Any] = {
        "run": run.pk,
        "decidable": unresolved.decidable(run.pk, chosen),
        "version": run.template_version_id,
        "sender": run.campaign.sender_id or 0,
    }
    cursor.execute(_TAKE, params)
    people: list[Doubtful] = cursor.fetchall()
    if people:
        return people
    left = unresolved.summary(run.pk)
    if left.next_opens_at is not None:
        raise TooEarly(left.next_opens_at)
    raise NothingToDecide("Nobody is left to decide about: they are settled, or it was decided already.")


def _send_again(cursor: CursorWrapper, run: Run, people: list[Doubtful]) -> None:
    """New batches that name people with a row; the run goes on if it had ended."""
    groups: dict[tuple[int, int, str], list[int]] = defaultdict(list)
    for id_, version, sender, language in people:
        groups[version, sender, language].append(id_)
    parts = [
        (key, ids[start : start + BATCH_SIZE])
        for key, ids in groups.items()
        for start in range(0, len(ids), BATCH_SIZE)
    ]
    cursor.execute(_NUMBERS, [len(parts), run.pk])
    first = cursor.fetchone()[0] - len(parts)
    for number, ((version, sender, language), ids) in enumerate(parts, start=first):
        cursor.execute(_BATCH, [run.pk, number, ids, len(ids), version, sender, language])
    cursor.execute(_WAIT, [run.pk, [person[0] for person in people]])
    states.reopen(run.pk)
    if run.state != RunState.PAUSED:
        transaction.on_commit(lambda: tasks.drain_run.delay(run_id=run.pk))
