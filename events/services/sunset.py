"""People who stopped reading: judged, asked once, and kept back where the policy says so.

Nobody is judged whom we may not count. A mail counts only where it was sent with the person's consent to be counted and
arrived; people without that consent now, and those whose mail a privacy proxy opens unread, are left out. Asking is a
campaign of their own to the policy's segment: whoever got it was asked. A click, an open, an order or a withdrawn
consent takes the judgement back at once; who came back is not judged by what was before.
"""

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection, transaction
from django.db.models import QuerySet

from events.kinds import Outcome
from events.models import Policy, Sunset, SunsetStage
from mailplatform.accounts.models import User
from mailplatform.accounts.services import audit
from mailplatform.core import clock, memo
from subscribers.models import Segment, SuppressionReason
from subscribers.services import segments, suppression

from . import following, policies

JOB: Final = "sunset"
JUDGING: Final = "sunset_judging"
EVERY: Final = timedelta(hours=1)
JUDGED_EVERY: Final = timedelta(hours=24)
# A key of the cache: one worker at a time, and none for longer than this when it was killed.
AT_WORK: Final = "sunset:at_work"
LONGEST_S: Final = 3_600
# One go of judging ends after so long, and the next one begins behind the person whose number is kept here.
JUDGING_S: Final = 240.0
JUDGED_UP_TO: Final = "sunset:judged_up_to"
# People looked at by one statement; and in one transaction that takes a lock for each.
LOOKED_AT: Final = 2_000
CHUNK: Final = 500
# Before the months of the policy: a mail of this time shows that the person was counted already when they began.
BEFORE: Final = timedelta(days=183)
MONTH: Final = timedelta(days=365.25 / 12)
SEGMENT: Final = "Inactive: to be asked whether they stay"

# Of these people nothing is known in the time, though we could know: agreed to be counted, got mail, silent.
_CANDIDATES: Final = """
    SELECT p.subscriber_id FROM subscribers_profile p
    WHERE p.subscriber_id > %(after)s AND (p.opens_allowed OR p.clicks_allowed)
      AND p.marketing_basis IN ('consent', 'soft_opt_in') AND p.joined_at < %(cutoff)s AND p.last_sent_at >= %(cutoff)s
      AND coalesce(greatest(p.last_opened_at, p.last_clicked_at, p.last_ordered_at), '-infinity') < %(cutoff)s
      AND NOT EXISTS (SELECT FROM events_sunset z WHERE z.subscriber_id = p.subscriber_id)
    ORDER BY 1 LIMIT %(chunk)s
"""
# Run for run by the primary key. A mail counts that may be counted now, too. The one from before the months, or an open
# or click of then, shows that the silence is as long as it looks.
_JUDGED: Final = """
    INSERT INTO events_sunset (subscriber_id, stage, mails, judged_at)
    SELECT p.subscriber_id, %(to_ask)s, count(*) FILTER (WHERE d.at >= %(cutoff)s), %(now)s
    FROM subscribers_profile p JOIN subscribers_subscriber s ON s.id = p.subscriber_id
    JOIN campaigns_delivery d ON d.subscriber_id = p.subscriber_id AND d.run_id = ANY(%(runs)s::bigint[])
      AND d.state = 'accepted'
      AND ((d.opens_tracked AND p.opens_allowed) OR (d.clicks_tracked AND p.clicks_allowed))
    JOIN events_outcome o ON o.run_id = d.run_id AND o.subscriber_id = d.subscriber_id AND o.state = %(delivered)s
    WHERE p.subscriber_id = ANY(%(people)s::bigint[])
      AND NOT EXISTS (SELECT FROM subscribers_suppression x WHERE x.email_key = s.email_key
                      AND (x.lifted_at IS NULL OR (x.reason = %(reason)s AND x.lifted_at >= %(cutoff)s)))
      AND NOT EXISTS (SELECT FROM subscribers_consentrecord r
                      WHERE r.subject = s.public_id AND r.actor = 'person' AND r.recorded_at >= %(cutoff)s)
    GROUP BY 1
    HAVING count(*) FILTER (WHERE d.at >= %(cutoff)s) >= %(mails)s
       AND NOT bool_or(o.machine_opened_at IS NOT NULL)
       AND NOT coalesce(bool_or(greatest(o.opened_at, o.clicked_at) >= %(cutoff)s), false)
       AND (bool_or(d.at < %(cutoff)s) OR bool_or(coalesce(p.last_opened_at, p.last_clicked_at) IS NOT NULL))
    ON CONFLICT DO NOTHING
"""
_RUNS: Final = """
    SELECT id FROM campaigns_run WHERE launched_at >= %s AND frozen->>'kind' = 'marketing'
      AND (%s::text IS NULL OR frozen->'segment_ids' @> %s::jsonb)
"""
# What a person did since they were judged, or that they may be judged no more. Whoever is kept back and is not in the
# list of suppressions any more came back by themselves or was let back.
_BACK: Final = """
    SELECT z.subscriber_id, s.email_key,
           CASE WHEN s.id IS NULL THEN 'they are gone'
                WHEN NOT (p.opens_allowed OR p.clicks_allowed) THEN 'they do not want to be counted any more'
                WHEN p.marketing_basis NOT IN ('consent', 'soft_opt_in') THEN 'they get no marketing mail any more'
                WHEN m.is_machine THEN 'a machine opens their mail, so silence says nothing'
                ELSE 'they reacted' END
    FROM events_sunset z LEFT JOIN subscribers_subscriber s ON s.id = z.subscriber_id
    LEFT JOIN subscribers_profile p ON p.subscriber_id = z.subscriber_id
    CROSS JOIN LATERAL (SELECT EXISTS (
        SELECT FROM events_outcome o WHERE o.run_id = ANY(%(runs)s::bigint[]) AND o.subscriber_id = z.subscriber_id
        AND o.machine_opened_at > z.judged_at) AS is_machine) m
    WHERE m.is_machine OR s.id IS NULL OR p.subscriber_id IS NULL OR NOT (p.opens_allowed OR p.clicks_allowed)
       OR p.marketing_basis NOT IN ('consent', 'soft_opt_in')
       OR greatest(p.last_opened_at, p.last_clicked_at, p.last_ordered_at) > z.judged_at
       OR EXISTS (SELECT FROM subscribers_consentrecord r WHERE r.subject = s.public_id AND r.actor = 'person'
                  AND r.recorded_at > z.judged_at)
       OR (z.stage = %(kept_back)s AND NOT EXISTS (
           SELECT FROM subscribers_suppression x WHERE x.email_key = s.email_key AND x.reason = %(reason)s
           AND x.lifted_at IS NULL))
    ORDER BY 1 LIMIT %(chunk)s
"""
# By a mail that is counted: silence that nobody listens to is no answer.
_ASKED: Final = """
    UPDATE events_sunset z SET stage = %(asked)s, asked_at = d.at
    FROM campaigns_delivery d JOIN events_outcome o ON o.run_id = d.run_id AND o.subscriber_id = d.subscriber_id
    JOIN subscribers_profile p ON p.subscriber_id = d.subscriber_id
      AND ((d.opens_tracked AND p.opens_allowed) OR (d.clicks_tracked AND p.clicks_allowed))
    WHERE z.stage = %(to_ask)s AND d.run_id = ANY(%(runs)s::bigint[]) AND d.subscriber_id = z.subscriber_id
      AND d.state = 'accepted' AND d.at > z.judged_at AND o.state = %(delivered)s
"""
_SILENT: Final = """
    SELECT z.subscriber_id, s.email_key FROM events_sunset z JOIN subscribers_subscriber s ON s.id = z.subscriber_id
    WHERE z.stage = %(asked)s AND z.asked_at < %(until)s ORDER BY 1 LIMIT %(chunk)s FOR UPDATE OF z
"""


def save(*, actor: User | None, **changes: Any) -> Policy:
    """Change the policy; its segment is made when it is first switched on. Raises as `policies.update`."""
    with transaction.atomic():
        before = policies.get()
        row = policies.update(actor=actor, **changes)
        if (before.sunset_months, before.sunset_mails) != (row.sunset_months, row.sunset_mails):
            # Judged by other numbers, and not asked yet: they are judged anew.
            Sunset.objects.filter(stage=SunsetStage.TO_ASK).delete()
        if row.sunset_is_on and (row.sunset_segment is None or row.sunset_segment.archived_at):
            row.sunset_segment = _segment(actor)
            row.save(update_fields=["sunset_segment", "updated_at"])
        if not row.sunset_is_on:
            Sunset.objects.exclude(stage=SunsetStage.KEPT_BACK).delete()
    return row


def apply_if_due() -> bool:
    """Apply the policy once an hour, and judge once a day; return whether it was time and nobody was at it."""
    if not _is_due(JOB, EVERY) or not memo.claim(AT_WORK, LONGEST_S):
        return False
    try:
        with following.window(JOB):
            apply_policy(judges=_is_due(JUDGING, JUDGED_EVERY))
    finally:
        memo.forget(AT_WORK)
    return True


def apply_policy(*, judges: bool = True) -> dict[str, int]:
    """Take back, judge, note who was asked, keep back; return how many of each. Twice does no harm.

    What is off is not done, but judgements are taken back in any case.
    """
    policy = policies.get()
    done = {"back": _take_back(policy), "judged": 0, "asked": 0, "kept_back": 0}
    if policy.sunset_is_on:
        if judges:
            done["judged"] = _judge(policy)
        done["asked"] = _note_asked(policy)
        if policy.sunset_stops:
            done["kept_back"] = _keep_back(policy)
    if any(done.values()):
        audit.record(actor=None, action="sunset.applied", detail=done)
    return done


def release(*, actor: User | None, because: str) -> int:
    """Let everybody who is kept back get mail again; return how many. They are judged anew by later mails alone."""
    released = 0
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT z.subscriber_id, s.email_key FROM events_sunset z "
                "LEFT JOIN subscribers_subscriber s ON s.id = z.subscriber_id WHERE z.stage = %s ORDER BY 1 LIMIT %s",
                [SunsetStage.KEPT_BACK, CHUNK],
            )
            rows = cursor.fetchall()
            _drop(cursor, rows, because)
        if not rows:
            break
        released += len(rows)
    audit.record(actor=actor, action="sunset.released", detail={"people": released, "because": because})
    return released


def _is_due(job: str, every: timedelta) -> bool:
    last = following.read_until(job)
    return last is None or clock.now() - last >= every


def _segment(actor: User | None) -> Segment:
    rule = {"subject": "sunset", "operator": "counted_in", "value": str(int(SunsetStage.TO_ASK))}
    taken = set(Segment.objects.filter(name__startswith=SEGMENT).values_list("name", flat=True))
    names = (SEGMENT, *(f"{SEGMENT} ({number})" for number in range(2, len(taken) + 3)))
    return segments.create(
        name=next(name for name in names if name not in taken),
        rules={"match": "all", "rules": [rule]},
        description="Made by the sunset policy. A campaign to this segment asks its people, once.",
        actor=actor,
    )


def _take_back(policy: Policy) -> int:
    values: dict[str, Any] = {
        "runs": _asking(policy, Sunset.objects.all()),
        "kept_back": SunsetStage.KEPT_BACK,
        "reason": SuppressionReason.INACTIVE.value,
        "chunk": CHUNK,
    }
    done = 0
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_BACK, values)
            found = cursor.fetchall()
            # All at once and in their order: two goes could deadlock with whoever suppresses meanwhile.
            suppression.lock_keys(cursor, [bytes(row[1]) for row in found if row[1] is not None])
            for because in {row[2] for row in found}:
                _drop(cursor, [row[:2] for row in found if row[2] == because], because)
        done += len(found)
        if len(found) < CHUNK:
            return done


def _drop(cursor: Any, rows: Sequence[tuple[Any, ...]], because: str) -> None:
    """Forget these judgements, and lift what they brought."""
    keys = [bytes(key) for _, key in rows if key is not None]
    suppression.lift_by_policy(cursor, email_keys=keys, reason=SuppressionReason.INACTIVE, because=because)
    Sunset.objects.filter(pk__in=[number for number, _ in rows]).delete()


def _judge(policy: Policy) -> int:
    now = clock.now()
    cutoff = now - policy.sunset_months * MONTH
    values: dict[str, Any] = {
        "cutoff": cutoff,
        "now": now,
        "chunk": LOOKED_AT,
        "mails": policy.sunset_mails,
        "runs": _runs(cutoff - BEFORE),
        "to_ask": SunsetStage.TO_ASK,
        "delivered": int(Outcome.DELIVERED),
        "reason": SuppressionReason.INACTIVE.value,
    }
    judged, ends = 0, time.monotonic() + JUDGING_S
    after = memo.recall([JUDGED_UP_TO]).get(JUDGED_UP_TO, 0)
    while values["runs"]:
        with connection.cursor() as cursor:
            cursor.execute(_CANDIDATES, values | {"after": after})
            people = [row[0] for row in cursor.fetchall()]
            if not people:
                break
            cursor.execute(_JUDGED, values | {"people": people})
            judged += int(cursor.rowcount)
        after = people[-1]
        if time.monotonic() >= ends:
            memo.keep({JUDGED_UP_TO: after}, JUDGED_EVERY.total_seconds())
            return judged
    with following.window(JUDGING):
        memo.forget(JUDGED_UP_TO)
    return judged


def _note_asked(policy: Policy) -> int:
    runs = _asking(policy, Sunset.objects.filter(stage=SunsetStage.TO_ASK))
    if not runs:
        return 0
    values: dict[str, Any] = {
        "asked": SunsetStage.ASKED,
        "to_ask": SunsetStage.TO_ASK,
        "runs": runs,
        "delivered": int(Outcome.DELIVERED),
    }
    with connection.cursor() as cursor:
        cursor.execute(_ASKED, values)
        return int(cursor.rowcount)


def _asking(policy: Policy, people: QuerySet[Sunset]) -> list[int]:
    """Return the runs that may have asked these people."""
    first = people.order_by("judged_at").first()
    if first is None or policy.sunset_segment_id is None:
        return []
    return _runs(first.judged_at, segment=policy.sunset_segment_id)


def _keep_back(policy: Policy) -> int:
    now = clock.now()
    until = now - timedelta(days=policy.sunset_answer_days)
    words = f"Asked, and no answer within {policy.sunset_answer_days} days"
    kept = 0
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_SILENT, {"asked": SunsetStage.ASKED, "until": until, "chunk": CHUNK})
            rows = cursor.fetchall()
            if not rows:
                return kept
            reason = SuppressionReason.INACTIVE.value
            suppression.suppress_keys(
                cursor, [(bytes(key), reason, "sunset_policy", words, now) for _, key in rows]
            )
            Sunset.objects.filter(pk__in=[number for number, _ in rows]).update(
                stage=SunsetStage.KEPT_BACK, stopped_at=now
            )
            kept += len(rows)


def _runs(since: datetime, *, segment: int | None = None) -> list[int]:
    chosen = None if segment is None else f"[{segment}]"
    with connection.cursor() as cursor:
        cursor.execute(_RUNS, [since, chosen, chosen])
        return [row[0] for row in cursor.fetchall()]
