"""Storing what our own pixel and redirect saw: the same transaction, consent and effects as for events of SES."""

import functools
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import structlog
from django.db import transaction

from events.kinds import Kind
from events.parsing import ParsedEvent
from mailplatform.core import arrays, clock

from . import effects, store, trying
from .reading import Hit

log = structlog.get_logger(__name__)
_ADDRESSES: Final = "SELECT id, email FROM subscribers_subscriber WHERE id = ANY(%s::bigint[])"
_TYPES: Final = {Kind.OPEN: "Open", Kind.CLICK: "Click"}


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody loaded our pixel (`OPEN`) or followed the link with this `key` (`CLICK`) of one person's mail.

    `user_agent` and `method` are for deciding, never for storing. `mark` makes it one event, however often a
    transaction is tried.
    """

    kind: Kind
    run_id: int
    subscriber_id: int
    at: datetime
    key: str = ""
    user_agent: str = ""
    method: str = "GET"
    mark: bytes = field(default_factory=functools.partial(os.urandom, 16))


@dataclass(frozen=True, slots=True)
class Placed:
    """A visit with what its run knows: when it was launched, and the link's address as reports show it."""

    visit: Visit
    launched_at: datetime
    link: str = ""


def take_in(group: Sequence[Placed]) -> int:
    """Store `group` as far as each person allows it now; return how many could not be stored at all.

    Raises `DatabaseDown`. What cannot be stored is not kept elsewhere: nobody would send it again.
    """
    return trying.in_parts(group, _transaction, _give_up) if group else 0


def _give_up(placed: Placed, reason: str) -> None:
    log.warning("visit_not_stored", run=placed.visit.run_id, kind=placed.visit.kind.value, reason=reason)


def _transaction(group: Sequence[Placed]) -> None:
    with transaction.atomic(), store.raw_cursor() as cursor:
        store.limit_waits(cursor)
        people = sorted({placed.visit.subscriber_id for placed in group})
        cursor.execute(_ADDRESSES, (arrays.plain(people),), prepare=True)
        addresses: dict[int, str] = dict(cursor.fetchall())
        hits = [_hit(placed, addresses.get(placed.visit.subscriber_id, "")) for placed in group]
        effects.apply_all(cursor, hits, clock.now())


def _hit(placed: Placed, address: str) -> Hit:
    visit = placed.visit
    event = ParsedEvent(
        kind=visit.kind,
        raw_type=_TYPES[visit.kind],
        # Amazon's number of the mail is not ours to tell; that it is missing tells our own hits from Amazon's events.
        message_id="",
        recipient=address,
        occurred_at=visit.at,
        mailed_at=placed.launched_at,
        link=placed.link,
        user_agent=visit.user_agent,
        method=visit.method,
        identity=visit.mark,
    )
    return Hit(event, run_id=visit.run_id, subscriber_id=visit.subscriber_id)
