"""A register row and its two file forms, CSV and JSON.

The cells of a row are the canonical texts that the leaf hashes, plus the personal data that the commitment
binds; a reader gets back exactly what was written. In CSV a cell that a spreadsheet would run as a formula
(it begins with = + - @, their full-width forms, a tab or a line break) is written with an apostrophe in
front, and so is one that begins with an apostrophe, so the reader can always take exactly one away.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO, Any, ClassVar, Final, Protocol

from .encoding import Record, canonical_json, canonical_text, commitment, leaf

PERSONAL: Final = ("email", "ip", "evidence")
COLUMNS: Final = (*Record._fields, *PERSONAL, "salt")
DANGEROUS: Final = tuple("=+-@\t\r\n'＝＋－＠")  # noqa: RUF001 - the full-width forms are meant
_FIRST: Final = frozenset(DANGEROUS)
CELL_LIMIT: Final = 1_000_000


class RowError(ValueError):
    """A line of a register file that cannot be read."""


@dataclass(frozen=True, slots=True)
class Row:
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


class RowWriter(Protocol):
    """Writes rows in one of the two forms."""

    name: ClassVar[str]

    def __init__(self, file: IO[str]) -> None: ...

    def write(self, rows: Iterable[Row]) -> None:
        """Write some rows."""

    def close(self) -> None:
        """Write what follows the last row; the file stays open."""


class CsvWriter:
    """Writes rows as CSV, UTF-8 with a byte-order mark, so that spreadsheets read it as such."""

    name: ClassVar[str] = "register.csv"

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        file.write("\ufeff")
        csv.writer(file, lineterminator="\r\n").writerow(COLUMNS)

    def write(self, rows: Iterable[Row]) -> None:
        """Write some rows, in one go: each write to a file costs more than the row."""
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\r\n").writerows(
            [f"'{cell}" if cell[:1] in _FIRST else cell for cell in cells(row)] for row in rows
        )
        self._file.write(text.getvalue())

    def close(self) -> None:
        """Nothing follows the last row."""


class JsonWriter:
    """Writes rows as one JSON array, a row per line."""

    name: ClassVar[str] = "register.json"

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._separator = "[\n"

    def write(self, rows: Iterable[Row]) -> None:
        """Write some rows."""
        for row in rows:
            fields: dict[str, Any] = dict(zip(COLUMNS, cells(row), strict=True))
            fields["evidence"] = json.loads(row.evidence) if row.evidence else None
            self._file.write(self._separator + json.dumps(fields, separators=(",", ":"), ensure_ascii=False))
            self._separator = ",\n"

    def close(self) -> None:
        """End the array."""
        self._file.write("[]\n" if self._separator == "[\n" else "\n]\n")


WRITERS: Final[dict[str, type[RowWriter]]] = {"csv": CsvWriter, "json": JsonWriter}


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
            yield reader.line_num, _row([_unguard(cell) for cell in line])


def read_json(file: Iterable[str]) -> Iterator[tuple[int, Row | RowError]]:
    """Yield (line, row) of a JSON file as `JsonWriter` laid it out, one row per line."""
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


def _row(texts: list[str]) -> Row | RowError:
    width = len(Record._fields)
    if not (texts[0].isascii() and texts[0].isdigit() and len(texts[0]) < 20):
        return RowError(f"{texts[0][:20]!r} is not a record number")
    email, ip, evidence, salt = texts[width:]
    return Row(Record(*texts[:width]), email, ip, evidence, salt)


def _unguard(cell: str) -> str:
    return cell.removeprefix("'")
