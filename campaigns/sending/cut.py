"""The cut: who is mailed is decided here, at most two seconds before the socket.

In one transaction: advance a batch's cursor, read who may still be mailed and who agreed to tracking, write a
`skipped` row for everybody else, write one call row per `SendBulkEmail` call. After its commit these people
are on their way: a person is in no other batch, and a call that nobody records becomes `unresolved`, never a
second mail.
"""

import base64
import datetime as dt
import time
import uuid
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
import structlog
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from mailplatform.core import clock

from .. import entries
from ..models import DeliveryState, RunState
from . import plans, resends, rows, timing

log = structlog.get_logger(__name__)

# For a few hundred ids index look-ups are always right; a planner with stale figures reads whole tables
# instead, or merges from the first id on.
_RUN: Final = """
SELECT state, clock_timestamp(), set_config('enable_seqscan', 'off', true),
    set_config('enable_mergejoin', 'off', true), set_config('enable_hashjoin', 'off', true)
FROM campaigns_run WHERE id = %s FOR SHARE
"""

# Claims a batch where none is held, and advances its cursor in the same statement.
_ADVANCE: Final = """
UPDATE campaigns_batch b SET
    cursor = least(b.count, b.cursor + %(most)s),
    state = CASE WHEN b.cursor + %(most)s >= b.count THEN 'done' ELSE 'claimed' END,
    lease_token = %(token)s,
    lease_until = %(until)s
FROM (SELECT id, cursor FROM campaigns_batch WHERE {condition} FOR UPDATE {wait}) old
WHERE b.id = old.id
RETURNING b.id, b.attempt, b.subscriber_ids[old.cursor + 1 : b.cursor], b.state = 'done',
    b.template_version_id, b.resend
"""
_HELD: Final = _ADVANCE.format(
    condition="id = %(held)s AND lease_token = %(token)s AND state = 'claimed'", wait=""
)
_NEXT: Final = _ADVANCE.format(
    condition="""id = (SELECT id FROM campaigns_batch WHERE run_id = %(run)s AND state = 'waiting'
        AND (not_before IS NULL OR not_before <= %(now)s) ORDER BY number LIMIT 1 FOR UPDATE SKIP LOCKED)""",
    wait="SKIP LOCKED",
)

_CALL: Final = """
INSERT INTO campaigns_call (run_id, batch_id, kind, state, subscriber_ids, configuration_set, opens, clicks,
    lease_token, lease_until, started_at, error)
VALUES {values} RETURNING id
"""
_CALL_VALUES: Final = "(%s, %s, 'campaign', 'in_flight', %s::bigint[], %s, %s, %s, %s, %s, %s, '')"


# Of two campaigns that cut somebody at one instant neither would see the other's call. Buckets in ascending order:
# two cuts never wait for each other, and the table of locks never fills, however many people want less mail.
_IN_TURN: Final = """
SELECT pg_advisory_xact_lock(hashtext('campaigns_mail_gap'), bucket) FROM (
    SELECT DISTINCT (id %% 64)::int AS bucket FROM unnest(%s::bigint[]) id ORDER BY 1 OFFSET 0) buckets
"""

# Of a row of `plans`' people: why somebody is not mailed, and whether they want less mail.
_REASON, _WANTS_LESS = 7, 10
_NO_FIELDS: Final[dict[str, Any]] = {}
_NO_TRACKING: Final[dict[str, bool]] = {}


class ClockSkewError(Exception):
    """This machine's clock and Postgres's differ too far to sign anything."""


class RunNotSendingError(Exception):
    """The run was paused, cancelled or finished: nobody else is cut from it."""


@dataclass(slots=True)
class PreparedCall:
    """One call, committed and ready for the socket."""

    id: int
    batch_id: int
    attempt: int
    subscriber_ids: list[int]
    opens: bool
    clicks: bool
    body: bytes
    lease_until: dt.datetime
    resend: bool = False

    @property
    def request(self) -> dict[str, Any]:
        """What `body` says, as boto3 takes it."""
        found: dict[str, Any] = orjson.loads(self.body)
        for each in found["DefaultContent"]["Template"].get("Attachments", ()):
            each["RawContent"] = base64.b64decode(each["RawContent"])  # boto3 encodes it itself
        return found


@dataclass(slots=True)
class Cut:
    """What one cut took from a batch."""

    batch_id: int
    batch_is_done: bool
    lease_token: uuid.UUID
    checked_at: float  # time.monotonic() when eligibility was read
    calls: list[PreparedCall] = field(default_factory=list)
    people: int = 0
    skipped: int = 0

    @property
    def sendable(self) -> int:
        """How many people are in the calls."""
        return sum(len(call.subscriber_ids) for call in self.calls)


@dataclass(frozen=True, slots=True)
class _Taken:
    """A batch's next people."""

    batch_id: int
    attempt: int
    ids: list[int]
    is_done: bool
    version_id: int
    resend: bool


@dataclass(slots=True)
class _Group:
    opens: bool
    clicks: bool
    ids: list[int] = field(default_factory=list)
    entries: list[str] = field(default_factory=list)


def cut(plan: plans.Plan, *, held: int | None, token: uuid.UUID, most: int, call_size: int) -> Cut | None:
    """Take at most `most` people from the held batch or the next one; None when nothing is waiting.

    Raises RunNotSendingError, ClockSkewError; then nothing changed.
    """
    now = clock.now()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_RUN, [plan.run_id])
        found = cursor.fetchone()
        _check_run(found, now)
        taken = _advance(cursor, run_id=plan.run_id, held=held, token=token, most=most, now=now)
        if taken is None:
            return None
        made = Cut(taken.batch_id, taken.is_done, token, time.monotonic(), people=len(taken.ids))
        groups, ends = _decide(plan, _look(cursor, plan, taken), taken)
        if taken.resend:
            made.skipped = resends.give_up(cursor, plan.run_id, [row.subscriber_id for row in ends])
        else:
            made.skipped = rows.copy_deliveries(cursor, ends, now)
        _write_calls(cursor, plan, made, groups, taken=taken, call_size=call_size, now=now)
    return made


def _check_run(found: tuple[Any, ...] | None, now: dt.datetime) -> None:
    if found is None or found[0] != RunState.SENDING:
        raise RunNotSendingError
    check_clock(now - found[1])


def check_clock(ahead: dt.timedelta) -> None:
    """Raise ClockSkewError where this machine's clock is so far ahead of Postgres's, or behind it."""
    if abs(ahead) > timing.MAX_CLOCK_SKEW:
        raise ClockSkewError(f"this clock differs by {ahead.total_seconds():+.0f} s from the database's")


def _advance(
    cursor: CursorWrapper, *, run_id: int, held: int | None, token: uuid.UUID, most: int, now: dt.datetime
) -> _Taken | None:
    params = {
        "run": run_id,
        "held": held,
        "token": token,
        "most": most,
        "now": now,
        "until": now + timing.BATCH_LEASE,
    }
    cursor.execute(_NEXT if held is None else _HELD, params)
    found = cursor.fetchone()
    return _Taken(*found) if found else None


def _look(cursor: CursorWrapper, plan: plans.Plan, taken: _Taken) -> list[tuple[Any, ...]]:
    """Read who may be mailed; those who want less mail once more when no other campaign is cutting them."""
    people = _read(cursor, plan, taken.version_id, taken.ids)
    spaced = [row[0] for row in people if row[_WANTS_LESS] and not row[_REASON]]
    if plan.kind != "marketing" or not spaced:
        return people
    cursor.execute(_IN_TURN, [rows.array(spaced)])
    cursor.fetchall()
    # A statement of its own: it sees what was committed while the locks were waited for.
    now_known = {row[0]: row for row in _read(cursor, plan, taken.version_id, spaced)}
    return [now_known.get(row[0], row) for row in people]


def _read(cursor: CursorWrapper, plan: plans.Plan, version_id: int, ids: list[int]) -> list[tuple[Any, ...]]:
    cursor.execute(plan.people_sql(version_id), plan.people_values(ids))
    found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def _decide(
    plan: plans.Plan, people: list[tuple[Any, ...]], taken: _Taken
) -> tuple[list[_Group], list[rows.DeliveryRow]]:
    """Split people into calls by what may be tracked, and into rows for those who are not mailed."""
    groups: dict[tuple[bool, bool], _Group] = {}
    ends: list[rows.DeliveryRow] = []
    writer = plan.writer_for(taken.version_id)
    for id_, email, name, language, fields, opens, clicks, reason, left, known, _ in people:
        if known != (resends.WAITING if taken.resend else None):
            if not taken.resend:
                # Cannot happen: a person is in one batch at a time. If it does, better no mail than two.
                log.error("sending.person_cut_twice", run=plan.run_id, batch=taken.batch_id, subscriber=id_)
            # Otherwise an event told meanwhile what became of the first mail, or another batch was faster.
            continue
        why = reason or ("left_list" if left else "")
        state = DeliveryState.SKIPPED
        if not why:
            key = (plan.track_opens and bool(opens), plan.track_clicks and bool(clicks))
            own = {"opens": key[0], "clicks": key[1]} if plan.is_own else _NO_TRACKING
            try:
                entry = writer.write(
                    id_, email, name, language, orjson.loads(fields) if fields else _NO_FIELDS, **own
                )
            except entries.UnmailableEntry as error:
                why, state = error.reason, DeliveryState.FAILED
            else:
                group = groups.setdefault(key, _Group(*key))
                group.ids.append(id_)
                group.entries.append(entry)
                continue
        ends.append(
            rows.DeliveryRow(
                plan.run_id, id_, state.value, why, batch_id=taken.batch_id, attempt=taken.attempt
            )
        )
    return list(groups.values()), ends


def _write_calls(
    cursor: CursorWrapper,
    plan: plans.Plan,
    made: Cut,
    groups: list[_Group],
    *,
    taken: _Taken,
    call_size: int,
    now: dt.datetime,
) -> None:
    writer = plan.writer_for(taken.version_id)
    until = now + timing.CALL_LEASE
    values: list[Any] = []
    for group in groups:
        name = plan.set_for(opens=group.opens, clicks=group.clicks)
        for start in range(0, len(group.ids), call_size):
            ids = group.ids[start : start + call_size]
            body = writer.request(name, group.entries[start : start + call_size])
            made.calls.append(
                PreparedCall(
                    0,
                    made.batch_id,
                    taken.attempt,
                    ids,
                    group.opens,
                    group.clicks,
                    body,
                    until,
                    taken.resend,
                )
            )
            values += [plan.run_id, made.batch_id, rows.array(ids), name, group.opens, group.clicks]
            values += [made.lease_token, until, now]
    if made.calls:
        cursor.execute(_CALL.format(values=", ".join([_CALL_VALUES] * len(made.calls))), values)
        for call, (id_,) in zip(made.calls, cursor.fetchall(), strict=True):
            call.id = id_
            if taken.resend:
                resends.put_into_call(
                    cursor,
                    plan.run_id,
                    id_,
                    call.subscriber_ids,
                    batch_id=made.batch_id,
                    attempt=taken.attempt,
                    opens=call.opens,
                    clicks=call.clicks,
                )
