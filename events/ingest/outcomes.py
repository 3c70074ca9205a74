"""Raising the outcomes of people: lock those that are there, merge, write back the changed and insert the missing."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import psycopg

from mailplatform.core import arrays

from .merging import COLUMNS, People, Standing, count_move, places_of

Key = tuple[int, int]
# Applies one person's events to what is known of the person.
Merge = Callable[[Standing], None]

_TYPES: Final = ("bigint", "bigint", "smallint", "timestamptz", "text", "text", "text", *("timestamptz",) * 7)
_NAMES: Final = ", ".join(COLUMNS)
_ARRAYS: Final = ", ".join(f"%s::{name}[]" for name in _TYPES)
_LOCK: Final = f"""
    SELECT {", ".join(f"o.{name}" for name in COLUMNS)} FROM events_outcome o
    JOIN unnest(%s::bigint[], %s::bigint[]) AS x (r, s) ON o.run_id = x.r AND o.subscriber_id = x.s
    ORDER BY o.run_id, o.subscriber_id FOR NO KEY UPDATE OF o
"""  # noqa: S608 - put together from names of columns in our code; every value is a parameter
_INSERT: Final = f"""
    INSERT INTO events_outcome ({_NAMES}) SELECT * FROM unnest({_ARRAYS}) AS x ({_NAMES})
    ORDER BY run_id, subscriber_id ON CONFLICT DO NOTHING RETURNING run_id, subscriber_id
"""  # noqa: S608 - put together from names of columns in our code; every value is a parameter
_UPDATE: Final = f"""
    UPDATE events_outcome o SET {", ".join(f"{name} = x.{name}" for name in COLUMNS[2:])}
    FROM unnest({_ARRAYS}) AS x ({_NAMES}) WHERE o.run_id = x.run_id AND o.subscriber_id = x.subscriber_id
"""  # noqa: S608 - put together from names of columns in our code; every value is a parameter


def raise_outcomes(cursor: psycopg.Cursor[Any], merges: dict[Key, Merge], people: People) -> None:
    """Merge events into the table, one entry per run and person, and note in `people` who moved.

    Another writer may insert the same person between our look and our insert; then we look again, and find the row.
    """
    while merges:
        known = _lock(cursor, sorted(merges))
        _write_back(cursor, [(row, merges[row.run_id, row.subscriber_id]) for row in known], people)
        found = {(row.run_id, row.subscriber_id) for row in known}
        fresh = [Standing(*key) for key in sorted(merges) if key not in found]
        for standing in fresh:
            merges[standing.run_id, standing.subscriber_id](standing)
        fresh = [standing for standing in fresh if standing.state]
        inserted = _insert(cursor, fresh)
        for standing in fresh:
            if (standing.run_id, standing.subscriber_id) in inserted:
                people.update(places_of(standing))
        missed = {(row.run_id, row.subscriber_id) for row in fresh} - inserted
        merges = {key: merges[key] for key in missed}


def _write_back(cursor: psycopg.Cursor[Any], rows: Sequence[tuple[Standing, Merge]], people: People) -> None:
    changed = []
    for standing, merge in rows:
        before, places = standing.values(), places_of(standing)
        merge(standing)
        if standing.values() != before:
            changed.append(standing)
            count_move(people, places, places_of(standing))
    if changed:
        cursor.execute(_UPDATE, _columns(changed), prepare=True)


def _lock(cursor: psycopg.Cursor[Any], keys: Sequence[Key]) -> list[Standing]:
    runs, people = arrays.plain([key[0] for key in keys]), arrays.plain([key[1] for key in keys])
    cursor.execute(_LOCK, (runs, people), prepare=True)
    return [Standing(*row) for row in cursor.fetchall()]


def _insert(cursor: psycopg.Cursor[Any], rows: Sequence[Standing]) -> set[Key]:
    if not rows:
        return set()
    cursor.execute(_INSERT, _columns(rows), prepare=True)
    if cursor.rowcount == len(rows):
        return {(row.run_id, row.subscriber_id) for row in rows}
    return set(cursor.fetchall())


def _columns(rows: Sequence[Standing]) -> list[str]:
    columns = zip(*(row.values() for row in rows), strict=True)
    return [_literal(kind, column) for kind, column in zip(_TYPES, columns, strict=True)]


def _literal(kind: str, column: tuple[Any, ...]) -> str:
    if kind == "text":
        return arrays.texts(column)
    return arrays.times(column) if kind == "timestamptz" else arrays.plain(column)
