"""Take in a group of verified messages: one transaction, retried on deadlock, bisected on a culprit."""

from collections.abc import Sequence
from datetime import datetime

import psycopg
import structlog
from django.db import (
    DatabaseError,
    DataError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    ProgrammingError,
    connection,
    transaction,
)

from events import parsing
from events.kinds import Kind
from events.models import DeadLetter
from mailplatform.core import clock
from subscribers.models import Profile

from . import effects, store
from .reading import Digested, Inbound, Undigestible, claim, digest, subscriber_of

log = structlog.get_logger(__name__)
ATTEMPTS = 3


class DatabaseDown(Exception):
    """Nothing can be stored now; SNS should send the messages again."""


def take_in(group: Sequence[Inbound]) -> int:
    """Store `group` with all immediate effects; return how many became dead letters. Raises `DatabaseDown`.

    When this returns, every message is either stored, was seen before, or lies in the dead-letter table.
    """
    digested, buried, now = list[Digested](), 0, clock.now()
    for inbound in group:
        try:
            digested.append(digest(inbound, now=now))
        except Undigestible as error:
            bury(inbound, str(error))
            buried += 1
        except Exception as error:
            log.exception("message_not_parsed")
            bury(inbound, f"{type(error).__name__}: {error}")
            buried += 1
    return buried + (_take_in(digested) if digested else 0)


def _take_in(group: Sequence[Digested]) -> int:
    try:
        _take_in_whole(group)
    except (DataError, IntegrityError) as error:
        return _bisect(group, _reason(error))
    except (OperationalError, InterfaceError) as error:
        raise DatabaseDown(str(error)) from error
    except ProgrammingError as error:
        if getattr(error.__cause__, "sqlstate", None):  # a missing table or right is no message's fault
            raise DatabaseDown(str(error)) from error
        return _bisect(group, _reason(error))
    except DatabaseError as error:
        raise DatabaseDown(str(error)) from error
    except Exception as error:
        log.exception("ingest_failed", messages=len(group))
        return _bisect(group, f"{type(error).__name__}: {error}")
    return 0


def _take_in_whole(group: Sequence[Digested]) -> None:
    for attempt in range(ATTEMPTS):
        try:
            _transaction(group)
        except OperationalError as error:
            cause = error.__cause__
            passing = isinstance(cause, psycopg.errors.DeadlockDetected | psycopg.errors.SerializationFailure)
            broken = not passing and not connection.in_atomic_block and not connection.is_usable()
            if broken:
                connection.close()
            if attempt + 1 == ATTEMPTS or not (passing or broken):
                raise
        else:
            return


def _bisect(group: Sequence[Digested], reason: str) -> int:
    if len(group) == 1:
        bury(group[0].inbound, reason)
        return 1
    middle = len(group) // 2
    return _take_in(group[:middle]) + _take_in(group[middle:])


def bury(inbound: Inbound, reason: str) -> None:
    """Keep a message that cannot be taken in, as bytes, with the reason; once, however often it comes.

    An open or click that may not be stored is not stored as a dead letter either.
    """
    log.warning("dead_letter", reason=reason, message_id=inbound.message.message_id)
    if inbound.is_replay:
        raise Undigestible(reason)
    try:
        with transaction.atomic():
            if _is_untracked(inbound):
                return
            known = DeadLetter.objects.filter(message_id=inbound.message.message_id[:100], body=inbound.body)
            if not known.exists():
                DeadLetter.objects.create(
                    reason=reason[:300], body=inbound.body, message_id=inbound.message.message_id[:100]
                )
    except DatabaseError as error:
        raise DatabaseDown(str(error)) from error


def _is_untracked(inbound: Inbound) -> bool:
    try:
        events = parsing.parse(inbound.message.message, fallback_time=inbound.message.timestamp)
    except Exception:  # noqa: BLE001 (to hold what cannot be read is what dead letters are for)
        return False
    return any(event.is_engagement and not _is_allowed(event) for event in events)


def _is_allowed(event: parsing.ParsedEvent) -> bool:
    profile = Profile.objects.filter(pk=subscriber_of(event) or 0).first()
    if profile is None:
        return False
    return profile.opens_allowed if event.kind is Kind.OPEN else profile.clicks_allowed


def _reason(error: Exception) -> str:
    text = str(error).strip().partition("\n")[0]
    return "no partition holds the time of this message" if "no partition of relation" in text else text


def _transaction(group: Sequence[Digested]) -> None:
    with transaction.atomic(), store.raw_cursor() as cursor:
        store.limit_waits(cursor)
        _store(cursor, group, clock.now())


def _store(cursor: store.Cursor, group: Sequence[Digested], now: datetime) -> None:
    replayed = [message for message in group if message.inbound.is_replay]
    first = {message.key: message for message in reversed(group) if not message.inbound.is_replay}
    new = (store.remember(cursor, list(first.values()), now) if first else []) + replayed
    if not any(message.events for message in new):
        return
    own = store.own_installation(cursor)
    effects.apply_all(cursor, [claim(event, own) for message in new for event in message.events], now)
