"""Suppression: addresses that get no mail, whatever else is known of them, kept as keyed hashes.

A hard bounce or a block by hand can be lifted by a user. A complaint, an unsubscription and an erasure only
the person can lift, by their own act (`lift_by_own_act`). Suppressing and merging people take the same lock
per key, in sorted order, so that an import cannot slip past a complaint that arrives meanwhile.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from django.db import connection, transaction

from mailplatform.accounts.models import User
from mailplatform.accounts.services import audit
from mailplatform.core import clock
from mailplatform.core.keys import email_key

from ..importing.addresses import AddressRefusedError, normalise_email
from ..models import PersonMerge, Subscriber, Suppression, SuppressionReason
from . import basis

KEY_LOCK = 7302
LIFTED_BY_USERS = frozenset(
    {
        SuppressionReason.BOUNCE,
        SuppressionReason.UNREACHABLE,
        SuppressionReason.INACTIVE,
        SuppressionReason.MANUAL,
    }
)
# About the person, not about one of their addresses.
ABOUT_PERSON = frozenset(
    {
        SuppressionReason.COMPLAINT,
        SuppressionReason.UNSUBSCRIBE,
        SuppressionReason.MANUAL,
        SuppressionReason.RESTRICTED,
    }
)
# A restriction ends where it began, in the case of the person's request.
LIFTED_BY_PERSON = tuple(
    reason
    for reason in SuppressionReason.values
    if reason not in {SuppressionReason.MANUAL, SuppressionReason.RESTRICTED}
)

TAKE_LOCKS = """
    SELECT pg_advisory_xact_lock(%s, hashtext(encode(key, 'hex')))
    FROM (SELECT DISTINCT key FROM unnest(%s::bytea[]) AS key ORDER BY key) AS keys
"""
INSERT = """
    INSERT INTO subscribers_suppression (email_key, reason, source, detail, created_at, lifted_because)
    SELECT DISTINCT ON (key, reason) key, reason, source, detail, at, ''
    FROM unnest(%s::bytea[], %s::text[], %s::text[], %s::text[], %s::timestamptz[])
        AS row (key, reason, source, detail, at)
    ORDER BY key, reason, at
    ON CONFLICT (email_key, reason) WHERE lifted_at IS NULL DO NOTHING
"""


class SuppressionError(ValueError):
    """A suppression that cannot be made or lifted as asked."""


class OnlyThePerson(SuppressionError):
    """What a user may not lift: the person complained, left, or was erased at their own request."""


class NotSuppressed(SuppressionError):
    """There is no such live suppression."""


class KeyRow(NamedTuple):
    """One suppression to be made: keyed hash, reason, where it came from, details in words, since when."""

    email_key: bytes
    reason: str
    source: str
    detail: str
    at: dt.datetime


def suppress(*, email_key: bytes, reason: str, source: str, detail: str = "") -> bool:
    """Suppress one address; return whether it was not suppressed for this reason before."""
    with transaction.atomic(), connection.cursor() as cursor:
        return suppress_keys(cursor, [KeyRow(email_key, reason, source, detail, clock.now())]) > 0


@transaction.atomic
def block_address(*, email: str, reason: str, actor: User | None) -> bool:
    """Block one address by hand; return whether it was not blocked so before.

    Raises SuppressionError for what is no address, and without a reason.
    """
    try:
        key = email_key(normalise_email(email))
    except AddressRefusedError as error:
        raise SuppressionError(f"Please check the address: {error}.") from None
    if not reason.strip():
        raise SuppressionError("Say why the address is blocked.")
    source = f"user {actor.pk}" if actor else "system"
    if not suppress(
        email_key=key, reason=SuppressionReason.MANUAL.value, source=source, detail=reason.strip()
    ):
        return False
    audit.record(actor=actor, action="suppression.made", detail={"reason": "manual"})
    return True


def suppress_keys(cursor: Any, rows: Sequence[tuple[bytes, str, str, str, dt.datetime]]) -> int:
    """Suppress many addresses inside the caller's transaction; return how many suppressions are new.

    Rows are `KeyRow`s, in any order and with repeats; the first of a key and reason counts.
    """
    if not rows:
        return 0
    made = [KeyRow(*row) for row in rows]
    made += _of_survivors(made)
    for reason in {row.reason for row in made}:
        if reason not in SuppressionReason.values:
            raise SuppressionError(f"{reason!r} is no reason to suppress")
    lock_keys(cursor, [row.email_key for row in made])
    cursor.execute(
        INSERT,
        [
            [row.email_key for row in made],
            [str(row.reason) for row in made],
            [row.source[:200] for row in made],
            [row.detail.replace("\0", "")[:500] for row in made],
            [row.at for row in made],
        ],
    )
    inserted: int = cursor.rowcount
    return inserted


def _of_survivors(rows: Sequence[KeyRow]) -> list[KeyRow]:
    """The same for whom these people were merged into: who says no with one address means all of them."""
    said = {bytes(row.email_key): row for row in rows if row.reason in ABOUT_PERSON}
    merged = PersonMerge.objects.filter(old_email_key__in=list(said)) if said else []
    old_keys = {found.survivor_id: bytes(found.old_email_key) for found in merged}
    people = Subscriber.objects.filter(pk__in=old_keys).values_list("pk", "email_key") if old_keys else []
    return [said[old_keys[number]]._replace(email_key=bytes(key)) for number, key in people]


def suppress_subscribers(cursor: Any, rows: Sequence[tuple[int, str, str, dt.datetime]]) -> int:
    """Suppress people by (subscriber id, reason, source, at); whoever was erased meanwhile is passed over."""
    cursor.execute(
        "SELECT id, email_key FROM subscribers_subscriber WHERE id = ANY(%s)",
        [list({row[0] for row in rows})],
    )
    keys = {row[0]: bytes(row[1]) for row in cursor.fetchall()}
    return suppress_keys(
        cursor,
        [
            KeyRow(keys[number], reason, source, "", at)
            for number, reason, source, at in rows
            if number in keys
        ],
    )


def lock_keys(cursor: Any, email_keys: Iterable[bytes]) -> None:
    """Take the per-key locks until the transaction ends; merges of people take them before they look."""
    cursor.execute(TAKE_LOCKS, [KEY_LOCK, list(email_keys)])
    cursor.fetchall()


def suppressed_keys(email_keys: Iterable[bytes]) -> dict[bytes, str]:
    """Return which of these keys are suppressed, and why (the weightiest reason)."""
    weights: dict[str, int] = {
        SuppressionReason.ERASED: 0,
        SuppressionReason.COMPLAINT: 1,
        SuppressionReason.UNSUBSCRIBE: 2,
    }
    live = Suppression.objects.filter(email_key__in=list(email_keys), lifted_at=None)
    found = sorted(live.values_list("email_key", "reason"), key=lambda row: -weights.get(row[1], 3))
    return {bytes(key): reason for key, reason in found}


def suppression_reasons(email_key: bytes) -> set[str]:
    """Return every reason for which this key is suppressed now."""
    return set(
        Suppression.objects.filter(email_key=email_key, lifted_at=None).values_list("reason", flat=True)
    )


@transaction.atomic
def lift(*, suppression_id: int, actor: User | None, because: str) -> Suppression:
    """Lift a bounce or a block by hand; the reason is kept. Raises `OnlyThePerson` or `NotSuppressed`."""
    found = Suppression.objects.filter(id=suppression_id, lifted_at=None).first()
    if found is None:
        raise NotSuppressed("this suppression does not exist or was lifted already")
    if found.reason not in LIFTED_BY_USERS:
        raise OnlyThePerson(f"{found.get_reason_display()}: only the person themselves can come back")
    if not because.strip():
        raise SuppressionError("say why it is lifted")
    key = bytes(found.email_key)
    with connection.cursor() as cursor:
        lock_keys(cursor, [key])
        if not _lift(key, [found.reason], because):
            raise NotSuppressed("this suppression was lifted already")
        subscriber_ids = list(Subscriber.objects.filter(email_key=key).values_list("id", flat=True))
        basis.lock_profiles(cursor, subscriber_ids)
        basis.derive(cursor, subscriber_ids)
    audit.record(
        actor=actor,
        action="suppression.lifted",
        obj=found,
        detail={"reason": found.reason, "because": because},
    )
    found.refresh_from_db()
    return found


def lift_by_own_act(cursor: Any, *, email_key: bytes, because: str) -> int:
    """Lift what the person's own confirmation lifts (all but a block by hand); return how many suppressions.

    The caller holds a transaction in which that act is being recorded, and takes this lock before the
    profile's.
    """
    lock_keys(cursor, [email_key])
    return _lift(email_key, LIFTED_BY_PERSON, because)


def lift_by_policy(
    cursor: Any, *, email_keys: Sequence[bytes], reason: SuppressionReason, because: str
) -> int:
    """Lift what a policy had brought (unreachable, inactive) and does not hold any more; return how many.

    Runs inside the caller's transaction.
    """
    lock_keys(cursor, email_keys)
    live = Suppression.objects.filter(email_key__in=list(email_keys), reason=reason, lifted_at=None)
    return live.update(lifted_at=clock.now(), lifted_because=because[:200])


@transaction.atomic
def lift_restriction(*, email_key: bytes, because: str) -> int:
    """End a restriction of processing (GDPR Art. 18); return how many were live (0 or 1)."""
    with connection.cursor() as cursor:
        lock_keys(cursor, [email_key])
        lifted = _lift(email_key, [SuppressionReason.RESTRICTED], because)
        subscriber_ids = list(Subscriber.objects.filter(email_key=email_key).values_list("id", flat=True))
        basis.lock_profiles(cursor, subscriber_ids)
        basis.derive(cursor, subscriber_ids)
    return lifted


def _lift(email_key: bytes, reasons: Sequence[str], because: str) -> int:
    live = Suppression.objects.filter(email_key=email_key, reason__in=reasons, lifted_at=None)
    return live.update(lifted_at=clock.now(), lifted_because=because[:200])
