"""Take in a group of verified messages: one transaction, retried on deadlock, bisected on a culprit."""

from collections.abc import Sequence
from datetime import datetime

import structlog
from django.db import DatabaseError, transaction

from events import parsing
from events.kinds import Kind
from events.models import DeadLetter
from mailplatform.core import clock
from subscribers.models import Profile

from . import effects, store, trying
from .reading import Digested, Inbound, Undigestible, claim, digest, subscriber_of
from .trying import DatabaseDown

log = structlog.get_logger(__name__)


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
    return buried + (trying.in_parts(digested, _transaction, _bury) if digested else 0)


def _bury(message: Digested, reason: str) -> None:
    bury(message.inbound, reason)


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
