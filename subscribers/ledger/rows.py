"""A register row and its two file forms, CSV and JSON.

The cells of a row are the canonical texts that the leaf hashes, plus the personal data that the commitment
binds; a reader gets back exactly what was written. In CSV a cell that a spreadsheet would run as a formula
(it begins with = + - @, their full-width forms, a tab or a line break) is written with an apostrophe in
front, and so is one that begins with an apostrophe, so the reader can always take exactly one away.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar, Final, NamedTuple

import orjson

from .encoding import Record, canonical_json, canonical_stored, canonical_text, commitment, leaf

PERSONAL: Final = ("email", "ip", "evidence")
COLUMNS: Final = (*Record._fields, *PERSONAL, "salt")
DANGEROUS: Final = tuple("=+-@\t\r\n'＝＋－＠")  # noqa: RUF001 - the full-width forms are meant
_FIRST: Final = frozenset(DANGEROUS)
CELL_LIMIT: Final = 1_000_000
COPY_MARK: Final = "\x1f"
_MARK: Final = f",{COPY_MARK},".encode()


class RowError(ValueError):
    """A line of a register file that cannot be read."""


class Row(NamedTuple):
    """A record with the personal data beside it; `salt` in hex. An erased record has neither."""

    record: Record
    email: str = ""
    ip: str = ""
    evidence: str = ""
    salt: str = ""

    @property
    def id(self) -> int:
        return int(self.record.id)

    @property
    def is_erased(self) -> bool:
        return not (self.salt or self.email or self.ip or self.evidence)

    def leaf(self) -> bytes:
        """Return the hash of the record as it stands here."""
        return leaf(self.record)

    def keeps_its_commitment(self) -> bool:
        """Tell whether the personal data is what the record's commitment was made of."""
        try:
            salt = bytes.fromhex(self.salt)
            return (
                commitment(salt, personal_text(self.email, self.ip, self.evidence)).hex()
                == self.record.commitment
            )
        except ValueError:
            return False


def personal_text(email: str, ip: str, evidence: str) -> str:
    """Return the canonical JSON of the personal data; `evidence` is itself canonical JSON, or empty.

    Assembled from its parts, in the order of their names, because it is made for every row of an import.
    """
    parts = []
    if email:
        parts.append(f'"email":{canonical_text(email)}')
    if evidence:
        parts.append(f'"evidence":{evidence}')
    if ip:
        parts.append(f'"ip":{canonical_text(ip)}')
    return f"{{{','.join(parts)}}}"


class Line(NamedTuple):
    """A row as it stands in a CSV file: UTF-8, without the end of the line."""

    id: int
    text: bytes

    @property
    def is_erased(self) -> bool:
        """Tell whether the last four cells, the personal data, are empty; a quoted cell ends with its quote."""
        return self.text.endswith(b",,,,")


def csv_line(row: Row) -> Line:
    """Return the line of a row: the rule, to which tests hold the lines that Postgres makes."""
    text = io.StringIO(newline="")
    csv.writer(text).writerow([f"'{cell}" if cell[:1] in _FIRST else cell for cell in cells(row)])
    return Line(row.id, text.getvalue().removesuffix("\r\n").encode())


def copied_line(raw: bytes) -> Line:
    """Return the line that one row of Postgres's COPY stands for.

    There the cell of evidence comes last, behind one that holds `COPY_MARK`, and is not canonical yet. A control
    character never stands in JSON as itself, so the last mark is ours.
    """
    head, _, evidence = raw.rpartition(_MARK)
    before, _, salt = head.rpartition(b",")
    if cell := evidence[1:-2]:
        cell = b'"%b"' % canonical_stored(cell.replace(b'""', b'"')).replace(b'"', b'""')
    return Line(int(before[: before.index(b",")]), b"%b,%b,%b" % (before, cell, salt))


class CsvForm:
    """Rows as CSV, UTF-8 with a byte-order mark, so that spreadsheets read it as such."""

    name: ClassVar[str] = "register.csv"

    def head(self) -> bytes:
        """Return what stands before the first row."""
        return f"\ufeff{','.join(COLUMNS)}\r\n".encode()

    def body(self, lines: Sequence[Line]) -> bytes:
        """Return some rows."""
        return b"".join([line.text + b"\r\n" for line in lines])

    def tail(self) -> bytes:
        """Return what follows the last row."""
        return b""


class JsonForm:
    """Rows as one JSON array, a row per line."""

    name: ClassVar[str] = "register.json"

    def __init__(self) -> None:
        self._separator = b"[\n"

    def head(self) -> bytes:
        """Nothing stands before the first row."""
        return b""

    def body(self, lines: Sequence[Line]) -> bytes:
        """Return some rows."""
        found = list[bytes]()
        for texts in _cells_of(lines):
            fields: dict[str, Any] = dict(zip(COLUMNS, _unguarded(texts), strict=True))
            fields["evidence"] = orjson.Fragment(fields["evidence"] or "null")
            found += (self._separator, orjson.dumps(fields))
            self._separator = b",\n"
        return b"".join(found)

    def tail(self) -> bytes:
        """End the array."""
        return b"[]\n" if self._separator == b"[\n" else b"\n]\n"


FORMS: Final[dict[str, type[CsvForm] | type[JsonForm]]] = {"csv": CsvForm, "json": JsonForm}


def cells(row: Row) -> tuple[str, ...]:
    """Return the texts of a row in the order of `COLUMNS`."""
    return (*row.record, row.email, row.ip, row.evidence, row.salt)


def read_csv(file: Iterable[str]) -> Iterator[tuple[int, Row | RowError]]:
    """Yield (line, row) of a CSV file; a line that cannot be read yields the error in its place."""
    csv.field_size_limit(CELL_LIMIT)
    reader = csv.reader(file, strict=True)
    columns: tuple[str, ...] | None = None
    while True:
        try:
            line = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield reader.line_num, RowError(str(error))
            return
        if columns is None:
            columns = tuple(line)
            if columns != COLUMNS:
                yield 1, RowError("the columns are not those of a register")
                return
        elif len(line) != len(COLUMNS):
            yield reader.line_num, RowError(f"{len(line)} cells instead of {len(COLUMNS)}")
        else:
            yield reader.line_num, _row(_unguarded(line))


def read_json(file: Iterable[str]) -> Iterator[tuple[int, Row | RowError]]:
    """Yield (line, row) of a JSON file as `JsonForm` lays it out, one row per line."""
    for number, line in enumerate(file, start=1):
        text = line.strip().removesuffix(",")
        if text in {"[", "]", "[]", ""}:
            continue
        try:
            fields = json.loads(text)
            evidence = fields["evidence"]
            fields["evidence"] = "" if evidence is None else canonical_json(evidence)
            texts = [fields[name] for name in COLUMNS]
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            yield number, RowError("this is not a row of a register")
            continue
        if len(fields) == len(COLUMNS) and all(isinstance(text, str) for text in texts):
            yield number, _row(texts)
        else:
            yield number, RowError("this is not a row of a register")


READERS: Final = {"csv": read_csv, "json": read_json}


def parse(lines: Iterable[Line]) -> Iterator[Row]:
    """Yield the rows that stand in some lines."""
    for texts in _cells_of(lines):
        row = _row(_unguarded(texts))
        assert isinstance(row, Row), row
        yield row


def _cells_of(lines: Iterable[Line]) -> Iterator[list[str]]:
    csv.field_size_limit(CELL_LIMIT)
    return csv.reader([line.text.decode() for line in lines], strict=True)


def _row(texts: list[str]) -> Row | RowError:
    width = len(Record._fields)
    if not (texts[0].isascii() and texts[0].isdigit() and len(texts[0]) < 20):
        return RowError(f"{texts[0][:20]!r} is not a record number")
    email, ip, evidence, salt = texts[width:]
    return Row(Record(*texts[:width]), email, ip, evidence, salt)


def _unguarded(cells: Sequence[str]) -> list[str]:
    return [cell[1:] if cell[:1] == "'" else cell for cell in cells]
