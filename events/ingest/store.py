"""The SQL of taking in: each function is one or two statements over a whole batch, in order of key.

`cursor` is psycopg's own (parameters are bound on the server) inside the transaction of Django's connection.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson
import psycopg
from django.db import connection

from events.machines import agent_class
from mailplatform.core import keys

from .links import impersonal
from .merging import COLUMNS, People, Place, Standing
from .reading import Hit

Cursor = psycopg.Cursor[Any]

TIMEOUTS: Final = (
    "SELECT set_config('lock_timeout', '5s', true), set_config('statement_timeout', '10s', true)"
)

_INBOX = """
    INSERT INTO events_inboundmessage (timestamp, message_id, kind, received_at)
    SELECT t, m, 'notification', %s FROM unnest(%s::timestamptz[], %s::uuid[]) AS x (t, m) ORDER BY t, m
    ON CONFLICT DO NOTHING RETURNING timestamp, message_id
"""
_UNTAGGED = """
    SELECT s.email_key, s.id, d.run_id, d.message_id
    FROM subscribers_subscriber s LEFT JOIN campaigns_delivery d
      ON d.subscriber_id = s.id AND d.message_id = ANY(%s::text[]) AND d.message_id <> ''
    WHERE s.email_key = ANY(%s::bytea[])
"""
_LOCK_CONSENT = """
    SELECT subscriber_id, opens_allowed, clicks_allowed FROM subscribers_profile
    WHERE subscriber_id = ANY(%s::bigint[]) ORDER BY subscriber_id FOR NO KEY UPDATE
"""
_OUTCOME_TYPES: Final = ("bigint", "bigint", "smallint", "text", "text", "text", *("timestamptz",) * 7)
_UNNEST_OUTCOMES = ", ".join(f"%s::{name}[]" for name in _OUTCOME_TYPES)
_COLUMN_LIST = ", ".join(COLUMNS)
_INSERT_OUTCOMES = f"""
    INSERT INTO events_outcome ({_COLUMN_LIST}) SELECT * FROM unnest({_UNNEST_OUTCOMES}) AS x ({_COLUMN_LIST})
    ORDER BY run_id, subscriber_id ON CONFLICT DO NOTHING RETURNING run_id, subscriber_id
"""  # noqa: S608 - names of columns
_LOCK_OUTCOMES = f"""
    SELECT {", ".join(f"o.{name}" for name in COLUMNS)} FROM events_outcome o
    JOIN unnest(%s::bigint[], %s::bigint[]) AS x (r, s) ON o.run_id = x.r AND o.subscriber_id = x.s
    ORDER BY o.run_id, o.subscriber_id FOR NO KEY UPDATE OF o
"""  # noqa: S608 - names of columns
_UPDATE_OUTCOMES = f"""
    UPDATE events_outcome o SET {", ".join(f"{name} = x.{name}" for name in COLUMNS[2:])}
    FROM unnest({_UNNEST_OUTCOMES}) AS x ({_COLUMN_LIST})
    WHERE o.run_id = x.run_id AND o.subscriber_id = x.subscriber_id
"""  # noqa: S608 - names of columns
_LINKS = """
    INSERT INTO events_link (run_id, url_hash, url)
    SELECT r, h, u FROM unnest(%s::bigint[], %s::bytea[], %s::text[]) AS x (r, h, u) ORDER BY r, h
    ON CONFLICT DO NOTHING
"""
_READ_LINKS = """
    SELECT l.run_id, l.url_hash, l.id FROM events_link l
    JOIN unnest(%s::bigint[], %s::bytea[]) AS x (r, h) ON l.run_id = x.r AND l.url_hash = x.h
"""
_CLICKED = """
    SELECT DISTINCT e.run_id, e.subscriber_id, e.link_id, e.is_machine FROM events_event e
    JOIN (SELECT DISTINCT * FROM unnest(%s::bigint[], %s::bigint[]) AS y (r, s)) x
      ON e.run_id = x.r AND e.subscriber_id = x.s
    WHERE e.type = 'click'
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
    DO UPDATE SET events = c.events + EXCLUDED.events, people = c.people + EXCLUDED.people
"""
_HEARTBEAT = """
    INSERT INTO events_heartbeat AS h (minute, accepted, refused) VALUES (date_trunc('minute', %s::timestamptz), %s, %s)
    ON CONFLICT (minute) DO UPDATE SET accepted = h.accepted + EXCLUDED.accepted, refused = h.refused + EXCLUDED.refused
"""


@contextmanager
def raw_cursor() -> Iterator[Cursor]:
    """Open psycopg's own cursor on Django's connection; errors come out as Django's."""
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        yield cursor


def columns(rows: Sequence[Sequence[object]], width: int) -> list[list[object]]:
    """Turn rows into one list per column, as `unnest` wants them."""
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]


def remember(
    cursor: Cursor, messages: Sequence[tuple[datetime, UUID]], now: datetime
) -> set[tuple[datetime, str]]:
    """Insert the dedupe rows and return the keys of messages that we had not seen."""
    times, ids = columns(messages, 2)
    cursor.execute(_INBOX, (now, times, ids), prepare=True)
    return {(time, str(message)) for time, message in cursor.fetchall()}


def own_installation(cursor: Cursor) -> str:
    """Return the hex id that our mails bear in the tag `mp-epoch`."""
    row = cursor.execute("SELECT public_id FROM accounts_installation WHERE id = 1").fetchone()
    return row[0].hex if row else ""


def match_untagged(cursor: Cursor, hits: Iterable[Hit]) -> None:
    """Find person and run of events without tags by address and by the message id of what we sent to it."""
    wanted = [hit for hit in hits if not hit.is_foreign and not hit.is_inert and hit.key is None]
    if not wanted:
        return
    by_key = {
        keys.email_key(hit.event.recipient): hit.event.recipient for hit in wanted if hit.event.recipient
    }
    messages = [hit.event.message_id for hit in wanted]
    cursor.execute(_UNTAGGED, (messages, list(by_key)))
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


def existing_people(cursor: Cursor, ids: Collection[int]) -> set[int]:
    """Return those of `ids` who were not erased."""
    if not ids:
        return set()
    cursor.execute(
        "SELECT id FROM subscribers_subscriber WHERE id = ANY(%s::bigint[])", (sorted(ids),), prepare=True
    )
    return {row[0] for row in cursor.fetchall()}


def lock_consent(cursor: Cursor, ids: Collection[int]) -> dict[int, tuple[bool, bool]]:
    """Return (opens allowed, clicks allowed) per person, locked so that a withdrawal waits for us or we for it."""
    if not ids:
        return {}
    cursor.execute(_LOCK_CONSENT, (sorted(ids),), prepare=True)
    return {row[0]: (row[1], row[2]) for row in cursor.fetchall()}


def insert_outcomes(cursor: Cursor, rows: Sequence[Standing]) -> set[tuple[int, int]]:
    """Insert outcomes of people of whom nothing was known and return whose were new."""
    if not rows:
        return set()
    values = columns([row.values() for row in rows], len(COLUMNS))
    cursor.execute(_INSERT_OUTCOMES, values, prepare=True)
    return {(row[0], row[1]) for row in cursor.fetchall()}


def lock_outcomes(cursor: Cursor, keys_: Sequence[tuple[int, int]]) -> list[Standing]:
    """Lock and read outcomes that exist."""
    if not keys_:
        return []
    cursor.execute(_LOCK_OUTCOMES, columns(keys_, 2), prepare=True)
    return [Standing(*row) for row in cursor.fetchall()]


def update_outcomes(cursor: Cursor, rows: Sequence[Standing]) -> None:
    """Write back outcomes that `lock_outcomes` read."""
    if rows:
        cursor.execute(_UPDATE_OUTCOMES, columns([row.values() for row in rows], len(COLUMNS)), prepare=True)


def link_ids(cursor: Cursor, links: dict[tuple[int, bytes], str]) -> dict[tuple[int, bytes], int]:
    """Return the id of each (run, hash of the address); new ones are made."""
    if not links:
        return {}
    runs, hashes = columns(list(links), 2)
    found = _read_links(cursor, runs, hashes)
    missing = [(run, digest, links[run, digest]) for run, digest in links if (run, digest) not in found]
    if missing:
        cursor.execute(_LINKS, columns(missing, 3))
        found = _read_links(cursor, runs, hashes)
    return found


def _read_links(cursor: Cursor, runs: list[object], hashes: list[object]) -> dict[tuple[int, bytes], int]:
    cursor.execute(_READ_LINKS, (runs, hashes), prepare=True)
    return {(row[0], bytes(row[1])): row[2] for row in cursor.fetchall()}


def clicked_before(cursor: Cursor, keys_: Collection[tuple[int, int]]) -> set[tuple[int, int, int, bool]]:
    """Return (run, person, link, is machine) of the clicks stored for these people."""
    if not keys_:
        return set()
    cursor.execute(_CLICKED, columns(sorted(keys_), 2), prepare=True)
    return set(cursor.fetchall())


def insert_events(cursor: Cursor, hits: Sequence[Hit], now: datetime) -> set[tuple[datetime, bytes]]:
    """Insert events and return the identities of those that were not there yet."""
    if not hits:
        return set()
    cursor.execute(_EVENTS, (now, *columns([_event_row(hit) for hit in hits], 10)), prepare=True)
    return {(row[0], bytes(row[1])) for row in cursor.fetchall()}


def _event_row(hit: Hit) -> tuple[object, ...]:
    """One row; of an erased person nothing is left but that something happened."""
    event, known = hit.event, hit.person_exists or hit.subscriber_id is None
    return (
        event.occurred_at,
        event.identity,
        event.kind.value,
        hit.run_id,
        hit.subscriber_id if known else None,
        event.message_id if known else "",
        hit.link_id or None,
        bool(hit.machine_reason),
        hit.machine_reason,
        orjson.dumps(_detail(hit) if known else {}).decode(),
    )


def _detail(hit: Hit) -> dict[str, str]:
    event = hit.event
    if event.is_engagement:
        return {"agent": agent_class(event.user_agent)}
    found = {
        "type": event.raw_type,
        "subtype": event.subtype,
        "detail": event.detail,
        "diagnostic": impersonal(event.diagnostic, event.recipient),
    }
    return {name: value for name, value in found.items() if value}


def add_counters(cursor: Cursor, events: People, people: People) -> None:
    """Add to the counters, in order of their key."""
    places: list[Place] = sorted({place for place in (*events, *people) if events[place] or people[place]})
    if places:
        rows = [(*place, events[place], people[place]) for place in places]
        cursor.execute(_COUNTERS, columns(rows, 7), prepare=True)


def beat(cursor: Cursor, now: datetime, accepted: int, refused: int) -> None:
    """Note that the endpoint was up in this minute."""
    cursor.execute(_HEARTBEAT, (now, accepted, refused), prepare=True)
