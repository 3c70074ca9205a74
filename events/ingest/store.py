"""The SQL of taking in: each function is one statement over a whole batch, in order of key.

`cursor` is psycopg's own (parameters are bound on the server) inside the transaction of Django's connection.
"""

import weakref
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, cast
from uuid import UUID

import orjson
import psycopg
from django.db import connection
from psycopg.types.datetime import TimestamptzLoader

from events.machines import agent_class
from mailplatform.core import arrays, keys

from .links import impersonal
from .merging import People, Place
from .reading import Digested, Hit

Cursor = psycopg.Cursor[Any]
Identity = tuple[datetime, bytes]
# (person, link, is machine) of a run's click -> when it was first made
Clicks = dict[tuple[int, int, int, bool], datetime]

# Generic plans: for the partitioned tables Postgres would plan every statement anew, which costs more than running it.
# A plan that is kept must be right for tables of any size, also where it was made while they were empty: by index.
_LIMITS: Final = """
    SELECT set_config('lock_timeout', '5s', %(local)s), set_config('statement_timeout', '10s', %(local)s),
           set_config('plan_cache_mode', 'force_generic_plan', %(local)s),
           set_config('enable_seqscan', 'off', %(local)s), set_config('enable_hashjoin', 'off', %(local)s),
           set_config('enable_mergejoin', 'off', %(local)s)
"""
_INBOX = """
    INSERT INTO events_inboundmessage (timestamp, message_id, kind, received_at)
    SELECT t, m, 'notification', %s FROM unnest(%s::timestamptz[], %s::uuid[]) AS x (t, m) ORDER BY t, m
    ON CONFLICT DO NOTHING RETURNING timestamp, message_id
"""
_UNTAGGED = """
    SELECT s.email_key, s.id, d.run_id, d.message_id FROM subscribers_subscriber s LEFT JOIN LATERAL (
        SELECT here.run_id, here.message_id FROM campaigns_run r CROSS JOIN LATERAL (
            SELECT run_id, message_id FROM campaigns_delivery
            WHERE run_id = r.id AND subscriber_id = s.id OFFSET 0) here
        WHERE r.launched_at > %s AND here.message_id = ANY(%s::text[])) d ON true
    WHERE s.email_key = ANY(%s::bytea[])
"""
_PEOPLE = """
    WITH locked AS MATERIALIZED (
        SELECT subscriber_id, opens_allowed, clicks_allowed FROM subscribers_profile
        WHERE subscriber_id = ANY(%s::bigint[]) ORDER BY subscriber_id FOR NO KEY UPDATE)
    SELECT s.id, coalesce(p.opens_allowed, false), coalesce(p.clicks_allowed, false)
    FROM subscribers_subscriber s LEFT JOIN locked p ON p.subscriber_id = s.id WHERE s.id = ANY(%s::bigint[])
"""
_LINKS = """
    INSERT INTO events_link (run_id, url_hash, url)
    SELECT r, h, u FROM unnest(%s::bigint[], %s::bytea[], %s::text[]) AS x (r, h, u) ORDER BY r, h
    ON CONFLICT DO NOTHING
"""
_READ_LINKS = """
    SELECT l.run_id, l.url_hash, l.id FROM events_link l
    JOIN unnest(%s::bigint[], %s::bytea[]) AS x (r, h) ON l.run_id = x.r AND l.url_hash = x.h
"""
# A click cannot be older than the mail: the bound leaves the partitions before it alone.
_CLICKED = """
    SELECT e.run_id, e.subscriber_id, e.link_id, e.is_machine, min(e.occurred_at) FROM events_event e
    JOIN unnest(%s::bigint[], %s::bigint[]) AS x (r, s) ON e.run_id = x.r AND e.subscriber_id = x.s
    WHERE e.type = 'click' AND e.link_id IS NOT NULL AND e.occurred_at >= %s GROUP BY 1, 2, 3, 4
"""
_EVENTS = """
    INSERT INTO events_event (occurred_at, identity, type, run_id, subscriber_id, message_id, link_id, is_machine,
                              machine_reason, detail, received_at)
    SELECT t, i, ty, r, s, m, l, ma, mr, d::jsonb, %s
    FROM unnest(%s::timestamptz[], %s::bytea[], %s::text[], %s::bigint[], %s::bigint[], %s::text[], %s::bigint[],
                %s::boolean[], %s::text[], %s::text[]) AS x (t, i, ty, r, s, m, l, ma, mr, d)
    ORDER BY t, i ON CONFLICT DO NOTHING RETURNING occurred_at, identity
"""
_COUNTERS = """
    INSERT INTO events_counter AS c (run_id, hour, type, link_id, is_machine, events, people)
    SELECT * FROM unnest(%s::bigint[], %s::timestamptz[], %s::text[], %s::bigint[], %s::boolean[], %s::bigint[],
                         %s::bigint[]) AS x (r, h, t, l, m, e, p) ORDER BY r, h, t, l, m
    ON CONFLICT (run_id, hour, type, link_id, is_machine)
    DO UPDATE SET events = c.events + excluded.events, people = c.people + excluded.people
"""
_HEARTBEAT = """
    INSERT INTO events_heartbeat AS h (slot, accepted, refused)
    VALUES (date_bin('10 seconds', clock_timestamp(), 'epoch'::timestamptz), %s, %s)
    ON CONFLICT (slot) DO UPDATE
        SET accepted = h.accepted + excluded.accepted, refused = h.refused + excluded.refused
"""
BEFORE_THE_MAIL: Final = timedelta(days=1)
RECENT_RUNS: Final = timedelta(days=60)
PREPARE_AFTER: Final = 5  # executions of a statement that does not ask for it itself
KNOWN_LINKS: Final = 5_000


@dataclass
class _Known:
    """What a writer's own connection has read and what never changes: our id, the numbers of links."""

    installation: str = ""
    links: dict[tuple[int, bytes], int] = field(default_factory=dict)


_steady: "weakref.WeakKeyDictionary[psycopg.Connection[Any], _Known]" = weakref.WeakKeyDictionary()


@contextmanager
def raw_cursor() -> Iterator[Cursor]:
    """Open psycopg's own cursor on Django's connection; errors come out as Django's."""
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        # psycopg's own reader of times is written in C, Django's around it is not; both give aware times.
        cursor.adapters.register_loader("timestamptz", TimestamptzLoader)
        yield cursor


def limit_waits(cursor: Cursor) -> None:
    """Let no statement of this transaction wait for long; a connection made steady needs no telling."""
    if cursor.connection not in _steady:
        cursor.execute(_LIMITS, {"local": True})


def make_steady(cursor: Cursor) -> None:
    """Set the limits once for a connection that does nothing but take in events."""
    if cursor.connection not in _steady:
        cursor.execute(_LIMITS, {"local": False})
        # Django switches prepared statements off; without them `prepare=True` does nothing.
        cursor.connection.prepare_threshold = PREPARE_AFTER
        _steady[cursor.connection] = _Known()


def remember(cursor: Cursor, messages: Sequence[Digested], now: datetime) -> list[Digested]:
    """Insert the dedupe rows and return the messages that we had not seen."""
    times, ids = [m.key[0] for m in messages], [m.uuid for m in messages]
    cursor.execute(_INBOX, (now, arrays.times(times), arrays.plain(ids)), prepare=True)
    if cursor.rowcount == len(messages):
        return list(messages)
    fresh: set[tuple[datetime, UUID]] = set(cursor.fetchall())
    return [message for message in messages if message.key in fresh]


def own_installation(cursor: Cursor) -> str:
    """Return the hex id that our mails bear in the tag `mp-epoch`."""
    known = _steady.get(cursor.connection)
    if known is not None and known.installation:
        return known.installation
    row = cursor.execute("SELECT public_id FROM accounts_installation WHERE id = 1", prepare=True).fetchone()
    own = row[0].hex if row else ""
    if known is not None:
        known.installation = own
    return own


def match_untagged(cursor: Cursor, hits: Iterable[Hit], now: datetime) -> None:
    """Find person and run of events without tags by address and by the message id of what we sent to it lately."""
    wanted = [hit for hit in hits if not hit.is_foreign and not hit.is_inert and hit.key is None]
    if not wanted:
        return
    by_key = {
        keys.email_key(hit.event.recipient): hit.event.recipient for hit in wanted if hit.event.recipient
    }
    messages = [hit.event.message_id for hit in wanted if hit.event.message_id]
    cursor.execute(_UNTAGGED, (now - RECENT_RUNS, messages, list(by_key)))
    people: dict[str, int] = {}
    runs: dict[tuple[str, str], int] = {}
    for key, subscriber_id, run_id, message_id in cursor.fetchall():
        address = by_key[bytes(key)]
        people[address] = subscriber_id
        if run_id is not None:
            runs[address, message_id] = run_id
    for hit in wanted:
        hit.subscriber_id = people.get(hit.event.recipient)
        hit.run_id = runs.get((hit.event.recipient, hit.event.message_id))


def lock_people(
    cursor: Cursor, ids: Collection[int], touched: Collection[int]
) -> dict[int, tuple[bool, bool]]:
    """Return (opens allowed, clicks allowed) of those of `ids` who were not erased.

    The profiles of `touched` are locked, so that a withdrawal waits for us or we for it. Only of these the answer
    is more than (False, False).
    """
    if not ids:
        return {}
    cursor.execute(_PEOPLE, (arrays.plain(sorted(touched)), arrays.plain(sorted(ids))), prepare=True)
    return {row[0]: (row[1], row[2]) for row in cursor.fetchall()}


def link_ids(cursor: Cursor, links: dict[tuple[int, bytes], str]) -> dict[tuple[int, bytes], int]:
    """Return the id of each (run, hash of the address); new ones are made."""
    known = _steady.get(cursor.connection)
    numbers = known.links if known is not None else {}
    found = {place: numbers[place] for place in links if place in numbers}
    if len(found) == len(links):
        return found
    read = _read_links(cursor, [place for place in links if place not in found])
    found |= read
    if known is not None:
        # Only what was there before this transaction, which may yet fail.
        if len(numbers) > KNOWN_LINKS:
            numbers.clear()
        numbers |= read
    missing = [place for place in links if place not in found]
    if missing:
        runs, hashes = (
            arrays.plain([run for run, _ in missing]),
            arrays.blobs([digest for _, digest in missing]),
        )
        cursor.execute(_LINKS, (runs, hashes, arrays.texts([links[place] for place in missing])))
        found |= _read_links(cursor, missing)
    return found


def _read_links(cursor: Cursor, links: Collection[tuple[int, bytes]]) -> dict[tuple[int, bytes], int]:
    runs, hashes = arrays.plain([run for run, _ in links]), arrays.blobs([digest for _, digest in links])
    cursor.execute(_READ_LINKS, (runs, hashes), prepare=True)
    return {(row[0], row[1]): row[2] for row in cursor.fetchall()}


def clicked_before(cursor: Cursor, hits: Sequence[Hit]) -> Clicks:
    """Return when the people of these clicks first followed which link of the run, as stored."""
    keys_ = sorted({hit.key for hit in hits if hit.key})
    if not keys_:
        return {}
    oldest = min(min(hit.event.mailed_at or hit.event.occurred_at, hit.event.occurred_at) for hit in hits)
    runs, people = arrays.plain([key[0] for key in keys_]), arrays.plain([key[1] for key in keys_])
    cursor.execute(_CLICKED, (runs, people, oldest - BEFORE_THE_MAIL), prepare=True)
    return {(row[0], row[1], row[2], row[3]): row[4] for row in cursor.fetchall()}


def insert_events(cursor: Cursor, hits: Sequence[Hit], now: datetime) -> list[Hit]:
    """Insert events, each of another identity, and return those that were not there yet."""
    if not hits:
        return []
    events = [hit.event for hit in hits]
    known = [hit.person_exists or hit.subscriber_id is None for hit in hits]
    details = [orjson.dumps(_detail(h)).decode() if k else "{}" for h, k in zip(hits, known, strict=True)]
    columns = (
        arrays.times([event.occurred_at for event in events]),
        arrays.blobs([event.identity for event in events]),
        arrays.plain([event.kind.value for event in events]),
        arrays.plain([hit.run_id for hit in hits]),
        # Of an erased person nothing is left but that something happened.
        arrays.plain([h.subscriber_id if k else None for h, k in zip(hits, known, strict=True)]),
        arrays.texts([e.message_id if k else "" for e, k in zip(events, known, strict=True)]),
        arrays.plain([hit.link_id or None for hit in hits]),
        arrays.plain([bool(hit.machine_reason) for hit in hits]),
        arrays.texts([hit.machine_reason for hit in hits]),
        arrays.texts(details),
    )
    cursor.execute(_EVENTS, (now, *columns), prepare=True)
    if cursor.rowcount == len(hits):
        return list(hits)
    stored = cast("set[Identity]", set(cursor.fetchall()))
    return [hit for hit in hits if hit.identity in stored]


def _detail(hit: Hit) -> dict[str, str]:
    event = hit.event
    if event.is_engagement:
        return {"agent": agent_class(event.user_agent)}
    found = {"type": event.raw_type}
    if event.subtype:
        found["subtype"] = event.subtype
    if event.detail:
        found["detail"] = event.detail
    if event.diagnostic:
        found["diagnostic"] = impersonal(event.diagnostic, event.recipient)
    return found


def add_counters(cursor: Cursor, events: People, people: People) -> None:
    """Add to the counters, in order of their key."""
    places: list[Place] = sorted({place for place in (*events, *people) if events[place] or people[place]})
    if not places:
        return
    runs, hours, kinds, links, machines = zip(*places, strict=True)
    columns = (
        arrays.plain(runs),
        arrays.times(hours),
        arrays.texts(kinds),
        arrays.plain(links),
        arrays.plain(machines),
        arrays.plain([events[place] for place in places]),
        arrays.plain([people[place] for place in places]),
    )
    cursor.execute(_COUNTERS, columns, prepare=True)


def beat(cursor: Cursor, accepted: int, refused: int) -> None:
    """Note that the endpoint was up in these ten seconds, by Postgres's clock: a wrong one here would fill gaps."""
    cursor.execute(_HEARTBEAT, (accepted, refused), prepare=True)
