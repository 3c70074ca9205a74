"""Write down what became of calls, in one transaction.

Only a call that is still `in flight` under our own lease is ours to record. Where recovery was faster, its
people are `unresolved` already and a late answer settles them.
"""

import datetime as dt
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from mailplatform.aws import ses
from mailplatform.aws.errors import Verdict
from mailplatform.core import clock

from ..models import CallState, DeliveryState, RunState
from . import resends, rows, settle, timing
from .call import Answer, all_accepted
from .cut import PreparedCall

_CLOSE: Final = """
UPDATE campaigns_call c SET state = v.state, error = v.error, taken = v.taken, finished_at = %s
FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::smallint[]) AS v(id, state, error, taken)
WHERE c.id = v.id AND c.state = 'in_flight' AND c.lease_token = %s
RETURNING c.id
"""
_NUMBERS: Final = "UPDATE campaigns_run SET batches = batches + %s WHERE id = %s RETURNING batches, state"
_RETRY: Final = """
INSERT INTO campaigns_batch (run_id, number, attempt, state, subscriber_ids, count, cursor,
    template_version_id, sender_id, language, resend, local_at, not_before)
SELECT %s, %s, %s, 'waiting', %s::bigint[], %s, 0, template_version_id, sender_id, language, resend,
    local_at, clock_timestamp() + %s::interval
FROM campaigns_batch WHERE id = %s
"""
# Whoever was sent to again names the later call.
_ONLY_IN: Final = """
SELECT subscriber_id FROM campaigns_delivery
WHERE run_id = %s AND subscriber_id = ANY(%s::bigint[]) AND state = 'unresolved' AND call_id = %s
"""
# That nobody was reached, or nothing was written, says nothing about the person.
_UNCOUNTED: Final = frozenset({"NotReached", "NotSent"})
_PERHAPS_TAKEN: Final = frozenset({Verdict.ACCEPTED, Verdict.LOST})
_REFUSALS: Final = frozenset({Verdict.REFUSED, Verdict.RETRY})
_CLOSED_RUNS: Final = frozenset({RunState.CANCELLED.value, RunState.FAILED.value, RunState.SENT.value})


@dataclass(slots=True)
class Tally:
    """What a recording found, for the drain to react to."""

    accepted: int = 0
    failed: int = 0
    unresolved: int = 0
    retried: int = 0
    late: int = 0
    throttled: bool = False
    quota: str = ""
    stop: str = ""


@dataclass(slots=True)
class _Again:
    """People who go into new batches: (attempt, wait) → ids; `alone` ones get a batch each.

    The wait counts by Postgres's clock: a machine whose own is an hour fast must not put people off for an hour.
    """

    together: dict[tuple[int, dt.timedelta | None], list[int]] = field(default_factory=dict)
    alone: list[tuple[int, int]] = field(default_factory=list)

    def add(self, subscriber_id: int, attempt: int, wait: dt.timedelta | None) -> None:
        self.together.setdefault((attempt, wait), []).append(subscriber_id)


def record(
    run_id: int, batch_id: int, token: uuid.UUID, answers: Sequence[Answer], *, batch_size: int = 500
) -> Tally:
    """Record the answers of one cut. All of them belong to one run and one batch."""
    now = clock.now()
    tally = Tally()
    with transaction.atomic(), connection.cursor() as cursor:
        won = _close(cursor, token, answers, now)
        again = _Again()
        ends: list[rows.DeliveryRow] = []
        lines: list[str] = []
        for answer in answers:
            if answer.call.id in won and not answer.call.resend and all_accepted(answer):
                lines += rows.accepted(run_id, answer.call, answer.results or [], now)
                tally.accepted += len(answer.call.subscriber_ids)
                continue
            _note(tally, answer)
            if answer.call.id in won:
                ends += _ends(run_id, answer, again, tally)
            else:
                _settle_late(cursor, run_id, answer, tally)
        resend = bool(answers) and answers[0].call.resend
        ends += _write_again(cursor, run_id, batch_id, again, tally=tally, size=batch_size, resend=resend)
        if resend:
            # They hold a row already; whose second answer was lost, too, keeps it as the cut left it.
            resends.refuse(
                cursor, run_id, [row.subscriber_id for row in ends if row.reason == resends.GIVEN_UP]
            )
            settle.settle(cursor, [_settlement(row) for row in ends if row.state == DeliveryState.ACCEPTED])
        else:
            rows.copy_deliveries(cursor, ends, now, lines)
    return tally


def _settlement(row: rows.DeliveryRow) -> settle.Settlement:
    return (row.run_id, row.subscriber_id, row.state, row.message_id, row.reason)


def _close(cursor: CursorWrapper, token: uuid.UUID, answers: Sequence[Answer], now: dt.datetime) -> set[int]:
    ids = [answer.call.id for answer in answers]
    lost = [answer.verdict is Verdict.LOST for answer in answers]
    states = [CallState.LOST.value if each else CallState.RECORDED.value for each in lost]
    words = [_words(answer)[:500] for answer in answers]
    taken = [_taken(answer) for answer in answers]
    cursor.execute(_CLOSE, [now, ids, states, words, taken, token])
    return {row[0] for row in cursor.fetchall()}


def _taken(answer: Answer) -> int | None:
    """How many SES may have taken: whose status proves nothing counts as well; None where nobody knows."""
    if answer.results is None:
        return None if answer.verdict is Verdict.LOST else 0
    if all_accepted(answer):
        return len(answer.results)
    return sum(each.verdict in _PERHAPS_TAKEN for each in answer.results)


def _words(answer: Answer) -> str:
    """What SES said of the call; of a re-send also of those in it whom it refused: their rows have no room for it."""
    if answer.error is not None:
        return str(answer.error)
    if not answer.call.resend:
        return ""
    said = {f"{each.status}: {each.error}" for each in answer.results or () if each.verdict in _REFUSALS}
    return "; ".join(sorted(said))


def _note(tally: Tally, answer: Answer) -> None:
    """Notice what concerns the run or the account, whoever recorded the call."""
    if answer.error is not None:
        _notice(tally, answer.verdict, str(answer.error))
    for result in answer.results or ():
        if result.verdict is not Verdict.ACCEPTED:
            _notice(
                tally, result.verdict, f"{result.status}: {result.error}" if result.error else result.status
            )


def _notice(tally: Tally, verdict: Verdict, words: str) -> None:
    if verdict is Verdict.THROTTLED:
        tally.throttled = True
    elif verdict is Verdict.QUOTA:
        tally.quota = words
    elif verdict is Verdict.STOP:
        tally.stop = words


def _ends(run_id: int, answer: Answer, again: _Again, tally: Tally) -> list[rows.DeliveryRow]:
    call = answer.call
    if answer.results is None:
        assert answer.error is not None
        verdict, code = answer.verdict, answer.error.code
        if verdict is Verdict.REFUSED and len(call.subscriber_ids) > 1:
            # One of them is at fault: each alone, so that nobody else fails with them.
            again.alone += [(id_, call.attempt + 1) for id_ in call.subscriber_ids]
            return []
        results = [ses.EntryResult(code, "", "")] * len(call.subscriber_ids)
        verdicts = [verdict] * len(results)
    else:
        results = answer.results
        verdicts = [result.verdict for result in results]
    found = []
    for id_, result, verdict in zip(call.subscriber_ids, results, verdicts, strict=True):
        row = _end(run_id, call, id_, result, verdict, again=again)
        if row is not None:
            _count(tally, row.state)
            found.append(row)
    return found


def _end(
    run_id: int,
    call: PreparedCall,
    subscriber_id: int,
    result: ses.EntryResult,
    verdict: Verdict,
    *,
    again: _Again,
) -> rows.DeliveryRow | None:
    state, reason = DeliveryState.UNRESOLVED, "lost_answer"
    if verdict is Verdict.ACCEPTED:
        state, reason = DeliveryState.ACCEPTED, ""
    elif verdict is Verdict.REFUSED:
        state, reason = _refused(call, result.status)
    elif verdict is Verdict.RETRY and result.status not in _UNCOUNTED:
        if call.attempt >= timing.MAX_ATTEMPTS:
            state, reason = _refused(call, result.status)
        else:
            again.add(subscriber_id, call.attempt + 1, timing.RETRY_WAITS[call.attempt - 1])
            return None
    elif verdict in {Verdict.RETRY, Verdict.THROTTLED}:
        again.add(subscriber_id, call.attempt, timing.BUSY_RETRY)
        return None
    elif verdict in {Verdict.QUOTA, Verdict.STOP}:
        again.add(subscriber_id, call.attempt, None)
        return None
    return rows.DeliveryRow(
        run_id,
        subscriber_id,
        state.value,
        reason,
        result.message_id,
        call.id,
        call.batch_id,
        call.attempt,
        call.opens,
        call.clicks,
    )


def _refused(call: PreparedCall, status: str) -> tuple[DeliveryState, str]:
    """The end of somebody whom SES refuses for good. That it refused the second mail proves nothing of the first."""
    if call.resend:
        return DeliveryState.UNRESOLVED, resends.GIVEN_UP
    return DeliveryState.FAILED, _reason(status)


def _reason(status: str) -> str:
    """SES's status or exception name as a delivery's reason: `invalid_parameter`, `bad_request`."""
    if status.isupper():
        return status.lower()
    return re.sub(r"(?<!^)(?=[A-Z])", "_", status.removesuffix("Exception")).lower()


def _count(tally: Tally, state: str) -> None:
    if state == DeliveryState.ACCEPTED:
        tally.accepted += 1
    elif state == DeliveryState.FAILED:
        tally.failed += 1
    else:
        tally.unresolved += 1


def _settle_late(cursor: CursorWrapper, run_id: int, answer: Answer, tally: Tally) -> None:
    """Recovery took the call; what SES said all the same settles its people, where it is their end."""
    tally.late += len(answer.call.subscriber_ids)
    settled: list[settle.Settlement] = []
    refusable = _only_in(cursor, run_id, answer.call)
    for number, id_ in enumerate(answer.call.subscriber_ids):
        verdict, status, message_id = answer.verdict, answer.error.code if answer.error else "", ""
        if answer.results is not None:
            result = answer.results[number]
            verdict, status, message_id = result.verdict, result.status, result.message_id
        if verdict is Verdict.ACCEPTED:
            settled.append((run_id, id_, DeliveryState.ACCEPTED.value, message_id, ""))
        elif (
            verdict is Verdict.REFUSED
            and id_ in refusable
            and (answer.results is not None or len(answer.call.subscriber_ids) == 1)
        ):
            settled.append((run_id, id_, DeliveryState.FAILED.value, "", _reason(status)))
        # A busy SES refused nobody, a malformed call perhaps one of many: in time they would have been tried again,
        # so late they must not end as failed. They stay listed; so does whom another call carried, too.
    settle.settle(cursor, settled)


def _only_in(cursor: CursorWrapper, run_id: int, call: PreparedCall) -> set[int]:
    """Of whom this is the only call that can have carried a mail of the run."""
    if call.resend:
        return set()
    cursor.execute(_ONLY_IN, [run_id, call.subscriber_ids, call.id])
    return {row[0] for row in cursor.fetchall()}


def _write_again(
    cursor: CursorWrapper, run_id: int, batch_id: int, again: _Again, *, tally: Tally, size: int, resend: bool
) -> list[rows.DeliveryRow]:
    """New batches for those to be tried again; rows instead when the run was cancelled meanwhile."""
    parts: list[tuple[int, dt.timedelta | None, list[int]]] = [
        (attempt, wait, ids[start : start + size])
        for (attempt, wait), ids in again.together.items()
        for start in range(0, len(ids), size)
    ]
    parts += [(attempt, None, [id_]) for id_, attempt in again.alone]
    if not parts:
        return []
    cursor.execute(_NUMBERS, [len(parts), run_id])
    batches, state = cursor.fetchone()
    closed = state in _CLOSED_RUNS
    if resend:
        resends.wait_again(cursor, run_id, [id_ for _, _, ids in parts for id_ in ids], closed=closed)
    if closed:
        return (
            []
            if resend
            else [
                rows.DeliveryRow(run_id, id_, DeliveryState.SKIPPED.value, "cancelled", attempt=attempt)
                for attempt, _, ids in parts
                for id_ in ids
            ]
        )
    first = batches - len(parts)
    for number, (attempt, wait, ids) in enumerate(parts, start=first):
        seconds = None if wait is None else f"{wait.total_seconds()} s"
        cursor.execute(_RETRY, [run_id, number, attempt, ids, len(ids), seconds, batch_id])
        tally.retried += len(ids)
    return []
