"""Mails that a reader asked for on a hosted page: few per address, sent soon, tried again while nothing was accepted.

This module keeps the book; `campaigns.services.hosted_mails` writes and sends them. Whoever presses a thousand times,
one address gets at most one mail of a kind per hour and three per day, counted in Postgres under the address's lock.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Final

from django.db import connection, transaction

from mailplatform.core import clock

from ..models import OwedKind, OwedMail, OwedState, SuppressionReason
from . import suppression

PER_HOUR: Final = 1
PER_DAY: Final = 3
# A worker that took a mail and did not come back in this time: nobody knows whether it went out.
LEASE: Final = dt.timedelta(minutes=5)
GIVE_UP_AFTER: Final = dt.timedelta(hours=24)
KEPT: Final = dt.timedelta(days=30)
SLOW_AFTER: Final = dt.timedelta(minutes=2)
# Seconds to the next try, by how many there were; the last repeats.
PAUSES: Final = (5, 15, 60, 300, 900)

_CLAIM: Final = """
    UPDATE subscribers_owedmail SET state = 'sending', tries = tries + 1, due_at = %(lease)s
    WHERE id IN (SELECT id FROM subscribers_owedmail WHERE state = 'due' AND due_at <= %(now)s
        ORDER BY due_at LIMIT %(most)s FOR UPDATE SKIP LOCKED)
    RETURNING id
"""


@transaction.atomic
def owe(*, kind: OwedKind, email_key: bytes, reference: int, language: str) -> bool:
    """Note that this address is owed a mail. False, and nothing noted, where it had its share, or a user blocked it.

    An address that bounced for good gets one a month: mailboxes do come back, and only their owner can tell us.
    """
    with connection.cursor() as cursor:
        suppression.lock_keys(cursor, [email_key])
    reasons = suppression.suppression_reasons(email_key)
    if SuppressionReason.MANUAL.value in reasons:
        return False
    now = clock.now()
    asked = OwedMail.objects.filter(email_key=email_key, kind=kind).exclude(state=OwedState.FAILED)
    if SuppressionReason.BOUNCE.value in reasons and asked.filter(asked_at__gt=now - KEPT).exists():
        return False
    if asked.filter(asked_at__gt=now - dt.timedelta(hours=1)).count() >= PER_HOUR:
        return False
    if asked.filter(asked_at__gt=now - dt.timedelta(days=1)).count() >= PER_DAY:
        return False
    OwedMail.objects.create(
        kind=kind, email_key=email_key, reference=reference, language=language, asked_at=now, due_at=now
    )
    return True


def claim(*, most: int = 20) -> Sequence[OwedMail]:
    """Take mails that are due, each for one worker; what another took and never gave back counts as lost."""
    now = clock.now()
    OwedMail.objects.filter(state=OwedState.SENDING, due_at__lte=now).update(
        state=OwedState.LOST, error="The worker did not come back."
    )
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"now": now, "lease": now + LEASE, "most": most})
        ids = [row[0] for row in cursor.fetchall()]
    return list(OwedMail.objects.filter(pk__in=ids).order_by("asked_at", "pk"))


def sent(*, mail_id: int) -> None:
    """The mail was accepted."""
    OwedMail.objects.filter(pk=mail_id, state=OwedState.SENDING).update(
        state=OwedState.SENT, sent_at=clock.now(), error=""
    )


def lost(*, mail_id: int, error: str) -> None:
    """No answer came: it may have gone out, so only the person asks for another."""
    OwedMail.objects.filter(pk=mail_id, state=OwedState.SENDING).update(
        state=OwedState.LOST, error=error[:300]
    )


def lose_waiting(*, error: str) -> int:
    """Nobody knows any more whether the mails that wait went out; return how many."""
    waiting = OwedMail.objects.filter(state__in=(OwedState.DUE, OwedState.SENDING))
    return waiting.update(state=OwedState.LOST, error=error[:300])


def not_sent(*, mail: OwedMail, error: str, is_final: bool = False) -> None:
    """Nothing was accepted: try again later, or give up after a day or for good."""
    now = clock.now()
    over = is_final or now - mail.asked_at > GIVE_UP_AFTER
    pause = PAUSES[min(max(mail.tries, 1), len(PAUSES)) - 1]
    OwedMail.objects.filter(pk=mail.pk, state=OwedState.SENDING).update(
        state=OwedState.FAILED if over else OwedState.DUE,
        due_at=now + dt.timedelta(seconds=pause),
        error=error[:300],
    )


def is_slow() -> bool:
    """Whether mail leaves us late just now; the pages say so to everybody alike."""
    waiting = OwedMail.objects.filter(state__in=(OwedState.DUE, OwedState.SENDING))
    return waiting.filter(asked_at__lt=clock.now() - SLOW_AFTER).exists()


def forget_old() -> int:
    """Delete the notes of mails that are long done; return how many."""
    return OwedMail.objects.filter(asked_at__lt=clock.now() - KEPT).delete()[0]
