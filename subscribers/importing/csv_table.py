"""Reading CSV and TSV, line by line, so that one monstrous or broken row costs itself and not the file.

The csv module's strict mode tells broken quoting; a count of the quotes tells whether a fault is contained in its
own row (the row is refused) or has swallowed what follows (the file is refused, with the line where it began).
"""

import csv
import re
from collections.abc import Iterator
from itertools import chain
from typing import TextIO

from .addresses import looks_like_address
from .cells import MAX_CELL, Cell, check_column_count, clean_text
from .errors import FileRefusedError
from .records import MAX_COLUMNS, Record, Table

Reader = Iterator[list[str]]
MAX_LINE = 1 << 20  # characters; longer lines are dropped while they are read
_KEPT_OF_LONG_LINE = 200
_KEY = re.compile(r"[0-9a-fA-F]{64}")
_LINE_ENDS = "\n\r"
_TOO_LONG = "the row holds a cell that is too large"


class _Lines:
    """Physical lines for csv.reader: counts them, watches the quotes, cuts what is too long."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.number = 0
        self.row_start = 1
        self.inside_quotes = False
        self.row_was_cut = False
        self.ended_with_newline = True

    def __iter__(self) -> Iterator[str]:
        while line := self._stream.readline(MAX_LINE):
            self.number += 1
            odd = line.count('"') % 2 if '"' in line else 0
            self.ended_with_newline = line[-1] in _LINE_ENDS
            if not self.ended_with_newline and len(line) == MAX_LINE:
                odd ^= self._skip_rest()
                self.row_was_cut = True
                line = self._stand_in(line)
            self.inside_quotes ^= bool(odd)
            yield line.replace("\x00", "") if "\x00" in line else line

    def _skip_rest(self) -> int:
        """Drop the rest of an over-long line; return whether it holds an odd number of quotes."""
        quotes = 0
        while rest := self._stream.readline(MAX_LINE):
            quotes += rest.count('"')
            self.ended_with_newline = rest[-1] in _LINE_ENDS
            if self.ended_with_newline:
                break
        return quotes % 2

    @staticmethod
    def _stand_in(line: str) -> str:
        return line[:_KEPT_OF_LONG_LINE].replace('"', "") + "\n"

    def next_row(self) -> None:
        self.row_start = self.number + 1
        self.inside_quotes = False
        self.row_was_cut = False


def read_csv(stream: TextIO, delimiter: str, *, may_lack_header: bool = False) -> Table:
    """Return the table of an open text stream (opened with ``newline=""``, at its start).

    With `may_lack_header`, a first line that holds an address or a keyed hash is the first row.
    Raises FileRefusedError for a missing, unusable or over-wide header, and while the rows are read when the rest
    of the file cannot be trusted. Broken rows come back with their ``problem``.
    """
    csv.field_size_limit(MAX_CELL)
    lines = _Lines(_without_mark(stream))
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    row = _header(reader)
    is_data = any(looks_like_address(cell) or _KEY.fullmatch(cell.strip()) for cell in row)
    if is_data and not may_lack_header:
        message = (
            "The first line already holds an address. Put a line with column names above it: email,name,…"
        )
        raise FileRefusedError("no_header", message)
    table = Table(unique_names([""] * len(row) if is_data else row), iter(()))
    first = [Record(lines.row_start, [cell.strip() for cell in row])] if is_data else []
    lines.next_row()
    table.records = chain(first, _records(reader, lines, table))
    return table


def _without_mark(stream: TextIO) -> TextIO:
    position = stream.tell()
    if stream.read(1) != "\ufeff":
        stream.seek(position)
    return stream


def _header(reader: Reader) -> list[str]:
    try:
        row = next((cells for cells in reader if any(cell.strip() for cell in cells)), None)
    except csv.Error as error:
        raise FileRefusedError("bad_header", f"The first line cannot be read: {error}.") from None
    if row is None:
        raise FileRefusedError("empty", "The file is empty.")
    while row and not row[-1].strip():
        row.pop()
    check_column_count(len(row), MAX_COLUMNS)
    return row


def unique_names(names: list[str]) -> list[str]:
    """Return clean, non-empty, distinct column names: ``Column 3`` for a nameless one, ``city (2)`` for a double."""
    seen: dict[str, int] = {}
    result = []
    for position, raw in enumerate(names, start=1):
        name = clean_text(raw)[:100] or f"Column {position}"
        seen[name] = seen.get(name, 0) + 1
        result.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return result


def _records(reader: Reader, lines: _Lines, table: Table) -> Iterator[Record]:
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield _after_error(error, lines)
        else:
            if cells is None:
                break
            if cells and (record := _record(cells, lines, table)):
                yield record
        lines.next_row()
    if not lines.ended_with_newline:
        table.warnings.append("The last line has no line end. Check that the file is complete.")


def _record(cells: list[str], lines: _Lines, table: Table) -> Record | None:
    width = len(table.columns)
    values: list[Cell] = list(map(str.strip, cells))
    if lines.row_was_cut:
        return Record(lines.row_start, values[:width], _TOO_LONG)
    if not any(values):
        return None
    if len(values) > width:
        extra = any(values[width:])
        problem = f"the row has {len(values)} cells where the header has {width}" if extra else ""
        return Record(lines.row_start, values[:width] if not extra else values, problem)
    if len(values) < width:
        if not lines.ended_with_newline:
            return Record(lines.row_start, values, "the file ends in the middle of this row")
        values.extend([""] * (width - len(values)))
    return Record(lines.row_start, values)


def _after_error(error: csv.Error, lines: _Lines) -> Record:
    """Return the refused row of an error that stayed in its row; refuse the file where it did not."""
    start = lines.row_start
    if "unexpected end of data" in str(error):
        message = f"The file is cut off: a quoted cell that begins in the row at line {start} never ends."
        raise FileRefusedError("truncated", message) from None
    too_large = "field larger" in str(error)
    if lines.inside_quotes:
        what = "holds a cell that is too large" if too_large else "has a broken quotation mark"
        message = f"The row at line {start} {what}, so the rows after it cannot be told apart. Mend it first."
        raise FileRefusedError("broken_quotes", message) from None
    return Record(start, [], _TOO_LONG if too_large else "the quotation marks of this row are broken")
