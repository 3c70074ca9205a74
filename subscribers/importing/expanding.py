"""Columns that hold a JSON object per row, as listmonk (`attributes`) and Keila (`Data`) export them.

Their keys become columns of their own, behind those of the file, and from then on are columns like all others.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .cells import Cell, as_text
from .csv_table import unique_names
from .records import MAX_COLUMNS, Record, Table

Expansion = Mapping[str, Sequence[str]]


def json_columns(names: Sequence[str], rows: Sequence[Sequence[Cell]]) -> dict[str, list[str]]:
    """Return, by column, the keys of its objects, where every filled sample is a JSON object and one has a key."""
    found: dict[str, list[str]] = {}
    for index, name in enumerate(names):
        cells = [as_text(row[index]).strip() for row in rows if index < len(row)]
        objects = [_object(cell) for cell in cells if cell]
        if objects and all(each is not None for each in objects):
            keys = list(dict.fromkeys(str(key) for each in objects for key in each or {}))
            room = MAX_COLUMNS - len(names) - sum(map(len, found.values()))
            if keys and len(keys) <= room:
                found[name] = keys
    return found


def _object(text: str) -> dict[str, Any] | None:
    if not text.startswith("{"):
        return None
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def expand(table: Table, expansion: Expansion) -> Table:
    """Add the keys' columns to a table. A row whose object cannot be read comes with its problem."""
    places = [
        (table.columns.index(name), name, keys) for name, keys in expansion.items() if name in table.columns
    ]
    if not places:
        return table
    names = unique_names([*table.columns, *(key for _, _, keys in places for key in keys)])
    # A table of its own: the reader behind the records still asks the old one how wide a row is.
    return Table(names, _expanded(table.records, places), table.warnings)


def _expanded(
    records: Iterator[Record], places: Sequence[tuple[int, str, Sequence[str]]]
) -> Iterator[Record]:
    for record in records:
        cells = list(record.cells)
        for index, name, keys in places:
            text = as_text(record.cells[index]).strip() if index < len(record.cells) else ""
            value = _object(text) if text else {}
            if value is None and not record.problem:
                record.problem = f"{name}: this is not a JSON object"
            cells.extend(_cell((value or {}).get(key)) for key in keys)
        record.cells = cells
        yield record


def _cell(value: Any) -> Cell:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return [as_text(_cell(each)) for each in value]
    return json.dumps(value) if isinstance(value, dict) else str(value)
