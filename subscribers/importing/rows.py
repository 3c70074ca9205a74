"""From a row of the file to a person, or to the reason why not. The hot loop of every import: no I/O in here."""

import zoneinfo
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, lru_cache

from .addresses import AddressRefusedError, normalise_email
from .cells import Cell, as_text
from .columns import Column
from .columns import field_key as mapping_key
from .consent_cells import CONSENT_TARGETS, ConsentCells, ConsentReader
from .exports import departure
from .records import Record
from .values import READERS, JsonValue, ValueRefusedError, read_list, read_short, read_text

_MAX_NAME = 200
_MAX_TAG = 60
_MAX_LANGUAGE = 10
# Types whose values repeat in a file: what short cells come to is remembered, column by column.
_REPEATING = frozenset({"choice", "list", "number", "boolean", "date"})
_REMEMBERED = 512
_SHORT_CELL = 60


@dataclass(slots=True)
class Person:
    """A row that can be imported."""

    line: int
    email: str
    name: str = ""
    language: str = ""
    time_zone: str = ""
    fields: dict[str, JsonValue] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    consent: ConsentCells = field(default_factory=ConsentCells)


@dataclass(slots=True)
class RefusedRow:
    """A row that cannot be imported, as it stood in the file, and why, in words for the person who mends it."""

    line: int
    reason: str
    cells: list[Cell]


_Setter = Callable[[Person, Cell], None]


@cache
def available_timezones() -> frozenset[str]:
    """The names of the IANA database that this machine knows."""
    return frozenset(zoneinfo.available_timezones())


class RowReader:
    """Turns records into people by one mapping; ``read`` is called once per row."""

    def __init__(self, columns: Sequence[Column], *, now: datetime) -> None:
        """Prepare the readers of the mapped columns; ``now`` bounds the dates of consent."""
        self._email = next(index for index, column in enumerate(columns) if column.target == "email")
        self._evidence = ConsentReader(columns, now=now)
        self._names = [column.name for column in columns]
        self._setters = [
            (index, _setter(column))
            for index, column in enumerate(columns)
            if column.target not in {"", "email", *CONSENT_TARGETS}
        ]

    def read(self, record: Record) -> Person | RefusedRow:
        """Return the person of a record, or the refusal."""
        if record.problem:
            return RefusedRow(record.line, record.problem, record.cells)
        cells = record.cells
        try:
            email = normalise_email(as_text(cells[self._email]))
            consent = self._evidence.read(cells)
        except (AddressRefusedError, ValueRefusedError) as error:
            return RefusedRow(record.line, str(error), cells)
        person = Person(record.line, email, consent=consent)
        for index, setter in self._setters:
            cell = cells[index]
            if cell:
                try:
                    setter(person, cell)
                except ValueRefusedError as error:
                    return RefusedRow(record.line, f"{self._names[index]}: {error}", cells)
        if not person.name:
            person.name = _joined_name(person.fields)
        return person


def _setter(column: Column) -> _Setter:
    if column.field_key:
        return _field_setter(column.field_key, column.type)
    return _status_setter(mapping_key(column.name)) if column.target == "status" else _SETTERS[column.target]


def _status_setter(key: str) -> _Setter:
    def setter(_: Person, cell: Cell) -> None:
        word = as_text(cell)
        why = departure(key, word)
        if why is None:
            raise ValueRefusedError(f"“{word[:40]}” is no status that is known here")
        if why:
            raise ValueRefusedError(f"the file says that this person {why}")

    return setter


def _field_setter(key: str, kind: str) -> _Setter:
    read = _remembering(READERS[kind]) if kind in _REPEATING else READERS[kind]

    def setter(person: Person, cell: Cell) -> None:
        value = read(cell)
        if value or value not in ("", []):  # no and 0 are values
            person.fields[key] = value

    return setter


def _remembering(read: Callable[[Cell], JsonValue]) -> Callable[[Cell], JsonValue]:
    """The same reader with a memory; people share a value that repeats, so nobody may change it."""
    recall = lru_cache(maxsize=_REMEMBERED)(read)

    def remembering(cell: Cell) -> JsonValue:
        return recall(cell) if isinstance(cell, str) and len(cell) <= _SHORT_CELL else read(cell)

    return remembering


def _joined_name(fields: dict[str, JsonValue]) -> str:
    return " ".join(str(fields[key]) for key in ("first_name", "last_name") if fields.get(key))[:_MAX_NAME]


def _set_name(person: Person, cell: Cell) -> None:
    person.name = read_short(cell, _MAX_NAME)


def _set_first_name(person: Person, cell: Cell) -> None:
    person.fields["first_name"] = read_short(cell, _MAX_NAME)


def _set_last_name(person: Person, cell: Cell) -> None:
    person.fields["last_name"] = read_short(cell, _MAX_NAME)


def _set_language(person: Person, cell: Cell) -> None:
    text = read_short(cell, _MAX_LANGUAGE).replace("_", "-")
    if not text.replace("-", "").isalnum() or not text.isascii():
        raise ValueRefusedError(f"“{text}” is not a language code such as en or pt-BR")
    person.language = text.lower()


def _set_time_zone(person: Person, cell: Cell) -> None:
    name = read_text(cell)
    if name not in available_timezones():
        raise ValueRefusedError(f"“{name[:40]}” is not a time zone such as Europe/Berlin")
    person.time_zone = name


def _set_tags(person: Person, cell: Cell) -> None:
    person.tags = read_list(cell)
    if any(len(tag) > _MAX_TAG for tag in person.tags):
        raise ValueRefusedError(f"a tag is longer than {_MAX_TAG} characters")


_SETTERS: dict[str, _Setter] = {
    "name": _set_name,
    "first_name": _set_first_name,
    "last_name": _set_last_name,
    "language": _set_language,
    "time_zone": _set_time_zone,
    "tags": _set_tags,
}
