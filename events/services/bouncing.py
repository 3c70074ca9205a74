"""Addresses that do not answer: several soft bounces in a row make one unreachable, a mail that arrives takes it back.

A soft bounce is the end of one mail (SES published it after it had given up). It counts per mail, within the days of
the policy, after the last sign of life and after the last time that the suppression was lifted. What the provider
said of the mail itself (its content, its size) says nothing of the mailbox and does not count.
"""

from datetime import timedelta
from typing import Any, Final

from django.db import connection, transaction

from events.kinds import Outcome
from events.models import Policy
from mailplatform.accounts.services import audit
from mailplatform.core import clock
from subscribers.models import Subscriber, SuppressionReason
from subscribers.services import suppression

from . import following, policies

JOB: Final = "soft_bounces"
ABOUT_THE_MAIL: Final = ("ContentRejected", "AttachmentRejected", "MessageTooLarge")

_COUNTED = """
    SELECT o.subscriber_id, s.email_key, count(*), max(o.bounced_at) FROM events_outcome o
    JOIN subscribers_subscriber s ON s.id = o.subscriber_id
    WHERE o.subscriber_id = ANY(%(people)s) AND o.state = %(soft)s AND o.bounced_at >= %(from)s
      AND o.reason <> ALL(%(about_mail)s)
      AND o.bounced_at > greatest(
          (SELECT max(greatest(x.delivered_at, x.opened_at, x.clicked_at)) FROM events_outcome x
           WHERE x.subscriber_id = o.subscriber_id AND x.state IN (%(delivered)s, %(complained)s)),
          (SELECT max(x.lifted_at) FROM subscribers_suppression x
           WHERE x.email_key = s.email_key AND x.reason = 'unreachable'),
          '-infinity')
    GROUP BY 1, 2
"""
_FRESH = """
    SELECT DISTINCT subscriber_id FROM events_event WHERE type = 'soft_bounce' AND subscriber_id IS NOT NULL
      AND received_at >= %(since)s AND received_at <= %(until)s
"""
_ALIVE = """
    SELECT DISTINCT s.email_key FROM subscribers_suppression x
    JOIN subscribers_subscriber s ON s.email_key = x.email_key JOIN events_event e ON e.subscriber_id = s.id
    WHERE x.reason = 'unreachable' AND x.lifted_at IS NULL AND e.type IN ('delivery', 'open', 'click')
      AND NOT e.is_machine AND e.occurred_at > x.created_at
      AND e.received_at >= %(since)s AND e.received_at <= %(until)s
"""


def apply_policy() -> tuple[int, int]:
    """Suppress who became unreachable and lift who answers again; return how many of each. Twice does no harm."""
    policy = policies.get()
    with following.window(JOB) as window, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_ALIVE, window.parameters)
        alive = [bytes(key) for (key,) in cursor.fetchall()]
        lifted = _lift(cursor, alive) if alive else 0
        if not policy.soft_bounces_count:
            return 0, lifted
        cursor.execute(_FRESH, window.parameters)
        people = [person for (person,) in cursor.fetchall()]
        tired = [row for row in _counted(cursor, people, policy) if row[2] >= policy.soft_bounces]
        words = "{} mails bounced within {} days, none arrived"
        rows = [
            (
                bytes(key),
                SuppressionReason.UNREACHABLE.value,
                "soft_bounces",
                words.format(number, policy.soft_bounce_days),
                at,
            )
            for _, key, number, at in tired
        ]
        return suppression.suppress_keys(cursor, rows), lifted


def soft_bounces_of(person: Subscriber) -> tuple[int, Policy]:
    """Return how many soft bounces count against a person now, and the policy."""
    policy = policies.get()
    with connection.cursor() as cursor:
        rows = _counted(cursor, [person.pk], policy)
    return (int(rows[0][2]) if rows else 0), policy


def _counted(cursor: Any, people: list[int], policy: Policy) -> list[tuple[Any, ...]]:
    if not people:
        return []
    values = {
        "people": people,
        "from": clock.now() - timedelta(days=policy.soft_bounce_days),
        "soft": int(Outcome.SOFT_BOUNCE),
        "delivered": int(Outcome.DELIVERED),
        "complained": int(Outcome.COMPLAINT),
        "about_mail": list(ABOUT_THE_MAIL),
    }
    cursor.execute(_COUNTED, values)
    return list(cursor.fetchall())


def _lift(cursor: Any, keys: list[bytes]) -> int:
    lifted = suppression.lift_by_policy(
        cursor, email_keys=keys, reason=SuppressionReason.UNREACHABLE, because="a mail arrived again"
    )
    if lifted:
        audit.record(actor=None, action="suppression.answered_again", detail={"addresses": lifted})
    return lifted
