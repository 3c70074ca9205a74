"""Take in a group of verified messages: one transaction, retried on deadlock, bisected on a culprit."""

from collections import Counter as Tally
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
from django.db.backends.utils import CursorWrapper

from events import parsing, providers
from events.kinds import Kind, suppression_reason
from events.machines import by_user_agent
from events.models import DeadLetter
from mailplatform.core import clock, keys
from subscribers.models import Profile
from subscribers.services import profiles, suppression

from . import links, store
from .merging import Engagement, People, Standing, apply
from .reading import Hit, Inbound, Undigestible, check_id, read, subscriber_of

log = structlog.get_logger(__name__)
ATTEMPTS = 3
_TOUCHES = frozenset({Kind.DELIVERY, Kind.OPEN, Kind.CLICK})


class DatabaseDown(Exception):
    """Nothing can be stored now; SNS should send the messages again."""


def take_in(group: Sequence[Inbound]) -> int:
    """Store `group` with all immediate effects; return how many became dead letters. Raises `DatabaseDown`.

    When this returns, every message is either stored, was seen before, or lies in the dead-letter table.
    """
    try:
        _take_in_whole(group)
    except Undigestible as error:
        return _bisect(group, str(error))
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


def _take_in_whole(group: Sequence[Inbound]) -> None:
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


def _bisect(group: Sequence[Inbound], reason: str) -> int:
    if len(group) == 1:
        bury(group[0], reason)
        return 1
    middle = len(group) // 2
    return take_in(group[:middle]) + take_in(group[middle:])


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


def _transaction(group: Sequence[Inbound]) -> None:
    with transaction.atomic(), connection.cursor() as wrapped, store.raw_cursor() as cursor:
        cursor.execute(store.TIMEOUTS)
        _store(cursor, wrapped, group, clock.now())


def _store(cursor: store.Cursor, wrapped: CursorWrapper, group: Sequence[Inbound], now: datetime) -> None:
    first = {inbound.key: inbound for inbound in reversed(group)}
    rows = [
        (inbound.message.timestamp, check_id(inbound)) for inbound in first.values() if not inbound.is_replay
    ]
    fresh = store.remember(cursor, rows, now)
    new = [i for i in first.values() if i.is_replay or (i.message.timestamp, str(check_id(i))) in fresh]
    own = store.own_installation(cursor) if new else ""
    hits = [hit for inbound in new for hit in read(inbound, own=own, now=now)]
    if hits:
        _effects(cursor, wrapped, hits, now)
    store.beat(cursor, now, len(new), 0)


def _effects(cursor: store.Cursor, wrapped: CursorWrapper, hits: list[Hit], now: datetime) -> None:
    counted, people = Tally[tuple[int, datetime, str, int, bool]](), People()
    store.match_untagged(cursor, hits)
    for hit in hits:
        if hit.is_foreign:
            counted[0, hit.hour, "foreign", 0, False] += 1
    ours = [hit for hit in hits if not hit.is_foreign]
    _suppress(wrapped, ours)
    _ask_consent(cursor, ours, counted)
    allowed = [hit for hit in ours if hit.is_allowed and not hit.is_inert]
    _stand(cursor, allowed, people)
    _name_links(cursor, allowed)
    clicks = {hit.key for hit in allowed if hit.event.kind is Kind.CLICK and hit.key}
    before = store.clicked_before(cursor, clicks)
    stored = store.insert_events(cursor, _without_copies(allowed), now)
    new = [hit for hit in _without_copies(allowed) if (hit.event.occurred_at, hit.event.identity) in stored]
    _count(new, before, counted, people)
    _engage(wrapped, new)
    store.add_counters(cursor, counted, people)


def _without_copies(hits: list[Hit]) -> list[Hit]:
    return list({(hit.event.occurred_at, hit.event.identity): hit for hit in reversed(hits)}.values())[::-1]


def _ask_consent(cursor: store.Cursor, hits: list[Hit], counted: People) -> None:
    """Before anything of an open or click is stored: is it allowed? If not, a number remains."""
    ids = {hit.subscriber_id for hit in hits if hit.subscriber_id is not None}
    existing = store.existing_people(cursor, ids)
    # All profiles that this transaction will touch are locked here, in one go: a second go could deadlock.
    touched = {
        hit.subscriber_id for hit in hits if hit.event.kind in _TOUCHES and hit.subscriber_id is not None
    }
    consent = store.lock_consent(cursor, touched)
    for hit in hits:
        hit.person_exists = hit.subscriber_id in existing
        if not hit.event.is_engagement:
            continue
        opens, clicks = consent.get(hit.subscriber_id or 0, (False, False))
        allowed = opens if hit.event.kind is Kind.OPEN else clicks
        hit.is_allowed = allowed and hit.person_exists and hit.run_id is not None
        if hit.is_allowed:
            hit.machine_reason = by_user_agent(hit.event.kind, hit.event.user_agent)
        elif not hit.is_inert:
            counted[hit.run_id or 0, hit.hour, f"{hit.event.kind.value}_untracked", 0, False] += 1


def _stand(cursor: store.Cursor, hits: list[Hit], people: People) -> None:
    """Raise the outcomes, under lock, and note who moved."""
    by_person: dict[tuple[int, int], list[Hit]] = {}
    for hit in hits:
        if hit.key is not None:
            by_person.setdefault(hit.key, []).append(hit)
    fresh: dict[tuple[int, int], tuple[Standing, People]] = {}
    for key, events in by_person.items():
        standing, moved = Standing(*key), People()
        _apply_all(standing, events, moved)
        if standing.state:
            fresh[key] = standing, moved
    inserted = store.insert_outcomes(cursor, [fresh[key][0] for key in sorted(fresh)])
    for key in inserted:
        _add(people, fresh[key][1])
    changed = []
    for standing in store.lock_outcomes(cursor, sorted(fresh.keys() - inserted)):
        before = standing.values()
        _apply_all(standing, by_person[standing.run_id, standing.subscriber_id], people)
        if standing.values() != before:
            changed.append(standing)
    store.update_outcomes(cursor, changed)


def _apply_all(standing: Standing, hits: list[Hit], people: People) -> None:
    for hit in hits:
        apply(standing, hit, people, provider=providers.provider_of(hit.event.recipient))


def _add(total: People, more: People) -> None:
    for place, number in more.items():
        total[place] += number


def _name_links(cursor: store.Cursor, hits: list[Hit]) -> None:
    wanted: dict[tuple[int, bytes], str] = {}
    places: list[tuple[Hit, tuple[int, bytes]]] = []
    for hit in hits:
        if hit.event.kind is Kind.CLICK and hit.event.link and hit.run_id is not None:
            address = links.shared_address(hit.event.link, hit.event.recipient)
            place = hit.run_id, links.digest(address)
            wanted[place] = address
            places.append((hit, place))
    ids = store.link_ids(cursor, wanted)
    for hit, place in places:
        hit.link_id = ids[place]


def _count(new: list[Hit], before: set[tuple[int, int, int, bool]], counted: People, people: People) -> None:
    """Count new events; and people who followed a link for the first time."""
    seen = set(before)
    for hit in new:
        is_machine = bool(hit.machine_reason)
        place = (hit.run_id or 0, hit.hour, hit.event.kind.value, hit.link_id, is_machine)
        counted[place] += 1
        if hit.link_id and hit.key is not None:
            click = (*hit.key, hit.link_id, is_machine)
            if click not in seen:
                seen.add(click)
                people[place] += 1


def _engage(wrapped: CursorWrapper, new: list[Hit]) -> None:
    """Tell the profiles: when a person last got, opened or clicked something. Machines do not count."""
    rows: dict[int, Engagement] = {}
    for hit in new:
        if (
            hit.event.kind in _TOUCHES
            and hit.key is not None
            and hit.person_exists
            and not hit.machine_reason
        ):
            rows.setdefault(hit.key[1], Engagement(hit.key[1])).add(hit)
    if rows:
        profiles.touch_engagement(wrapped, [rows[key].row() for key in sorted(rows)])


def _suppress(wrapped: CursorWrapper, hits: list[Hit]) -> None:
    """Hard bounces and complaints end all mail to the address, by its keyed hash, known person or not."""
    rows = []
    for hit in hits:
        event = hit.event
        reason = suppression_reason(event.kind, event.subtype)
        if reason and event.recipient:
            detail = event.detail or event.subtype
            rows.append((keys.email_key(event.recipient), reason, "ses_event", detail, event.occurred_at))
    if rows:
        suppression.suppress_keys(wrapped, rows)
