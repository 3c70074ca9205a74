"""From a row of the file to a person, or to the reason why not. The hot loop of every import: no I/O in here."""

import zoneinfo
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache, lru_cache

from .addresses import AddressRefusedError, normalise_email
from .cells import Cell, as_text
from .columns import Column
from .columns import field_key as mapping_key
from .exports import departure
from .records import Record
from .values import (
    NO,
    READERS,
    YES,
    JsonValue,
    ValueRefusedError,
    read_list,
    read_moment,
    read_text,
)

BASES = ("consent", "soft_opt_in", "contract", "legitimate_interest")
_BASIS_WORDS = {
    **{basis: basis for basis in BASES},
    "soft opt-in": "soft_opt_in",
    "soft opt in": "soft_opt_in",
    "legitimate interest": "legitimate_interest",
    "opt-in": "consent",
    "opt_in": "consent",
    "double opt-in": "consent",
    "none": "",
    "": "",
}
_MAX_NAME = 200
_MAX_SOURCE = 200
_MAX_TAG = 60
_MAX_LANGUAGE = 10
# Types whose values repeat in a file: what short cells come to is remembered, column by column.
_REPEATING = frozenset({"choice", "list", "number", "boolean", "date"})
_REMEMBERED = 512
_SHORT_CELL = 60
_CLOCK_SLACK = timedelta(minutes=5)


@dataclass(slots=True)
class ConsentCells:
    """The evidence of one row. ``basis`` None means that no such column is mapped, empty that its cell is empty."""

    basis: str | None = None
    at: datetime | None = None
    at_is_mapped: bool = False
    source: str = ""
    wording: str = ""
    reference: str = ""
    opens: bool | None = None
    clicks: bool | None = None
    ip: str = ""
    requested_at: datetime | None = None
    requested_ip: str = ""


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
        self._latest = now + _CLOCK_SLACK
        self._email = next(index for index, column in enumerate(columns) if column.target == "email")
        targets = {column.target for column in columns}
        self._has_moment = "consent_at" in targets
        self._default_basis = "" if "consent_basis" in targets else None
        self._names = [column.name for column in columns]
        self._setters = [
            (index, self._setter(column))
            for index, column in enumerate(columns)
            if column.target and column.target != "email"
        ]

    def read(self, record: Record) -> Person | RefusedRow:
        """Return the person of a record, or the refusal."""
        if record.problem:
            return RefusedRow(record.line, record.problem, record.cells)
        cells = record.cells
        try:
            email = normalise_email(as_text(cells[self._email]))
        except AddressRefusedError as error:
            return RefusedRow(record.line, str(error), cells)
        consent = ConsentCells(self._default_basis, at_is_mapped=self._has_moment)
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

    def _setter(self, column: Column) -> _Setter:
        key = column.field_key
        if key:
            return _field_setter(key, column.type)
        if column.target == "consent_at":
            return self._set_moment
        if column.target == "status":
            return _status_setter(mapping_key(column.name))
        return _SETTERS[column.target]

    def _set_moment(self, person: Person, cell: Cell) -> None:
        moment = read_moment(cell)
        if moment > self._latest:
            raise ValueRefusedError("the moment of consent lies in the future")
        person.consent.at = moment


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
        if value not in ("", []):
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
    person.name = _short(cell, _MAX_NAME)


def _set_first_name(person: Person, cell: Cell) -> None:
    person.fields["first_name"] = _short(cell, _MAX_NAME)


def _set_last_name(person: Person, cell: Cell) -> None:
    person.fields["last_name"] = _short(cell, _MAX_NAME)


def _set_language(person: Person, cell: Cell) -> None:
    text = _short(cell, _MAX_LANGUAGE).replace("_", "-")
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


def _set_basis(person: Person, cell: Cell) -> None:
    word = as_text(cell).strip().lower()
    basis = _BASIS_WORDS.get(word)
    if basis is None and word in YES:
        basis = "consent"
    if basis is None and word in NO:
        basis = ""
    if basis is None:
        raise ValueRefusedError(f"“{word[:40]}” is not one of {', '.join(BASES)}")
    person.consent.basis = basis


def _set_source(person: Person, cell: Cell) -> None:
    person.consent.source = _short(cell, _MAX_SOURCE)


def _set_wording(person: Person, cell: Cell) -> None:
    person.consent.wording = read_text(cell)


def _set_reference(person: Person, cell: Cell) -> None:
    person.consent.reference = _short(cell, _MAX_SOURCE)


def _set_ip(person: Person, cell: Cell) -> None:
    person.consent.ip = as_text(cell).strip()


def _set_requested_at(person: Person, cell: Cell) -> None:
    person.consent.requested_at = read_moment(cell)


def _set_requested_ip(person: Person, cell: Cell) -> None:
    person.consent.requested_ip = as_text(cell).strip()


def _set_opens(person: Person, cell: Cell) -> None:
    person.consent.opens = bool(READERS["boolean"](cell))


def _set_clicks(person: Person, cell: Cell) -> None:
    person.consent.clicks = bool(READERS["boolean"](cell))


def _short(cell: Cell, limit: int) -> str:
    text = " ".join(read_text(cell).split())
    if len(text) > limit:
        raise ValueRefusedError(f"the text is longer than {limit} characters")
    return text


_SETTERS: dict[str, _Setter] = {
    "name": _set_name,
    "first_name": _set_first_name,
    "last_name": _set_last_name,
    "language": _set_language,
    "time_zone": _set_time_zone,
    "tags": _set_tags,
    "consent_basis": _set_basis,
    "consent_source": _set_source,
    "consent_wording": _set_wording,
    "consent_reference": _set_reference,
    "consent_ip": _set_ip,
    "requested_at": _set_requested_at,
    "requested_ip": _set_requested_ip,
    "opens": _set_opens,
    "clicks": _set_clicks,
}
