"""Reading a JSON array of objects (or one object per line) entry by entry, with flat memory.

The standard scanner finds the end of each entry inside a growing window of text, so nothing but one entry is ever
held. The columns are the keys of the first entries, in order of appearance.
"""

import json
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any, NoReturn, TextIO

from .cells import MAX_CELL, Cell, check_column_count
from .errors import FileRefusedError, megabytes
from .records import MAX_COLUMNS, Record, Table

WINDOW = 1 << 18  # characters read at a time
MAX_ENTRY = 1 << 24  # characters; one entry may not be longer
COLUMN_SAMPLE = 5_000  # entries whose keys become the columns
_SPACE = " \t\r\n\ufeff"


class _Entries:
    """Iterates over the entries of the stream as Python values."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._window = ""
        self._at = 0
        self._ended = False
        self.count = 0
        self._decode = json.JSONDecoder(parse_constant=_refuse_constant).raw_decode

    def __iter__(self) -> Iterator[Any]:
        in_array = self._peek() == "["
        if in_array:
            self._at += 1
            if self._peek() == "]":
                return self._finish()
        while self._peek() or in_array:
            yield self._entry()
            if in_array and self._separator() == "]":
                return self._finish()
        return None

    def _finish(self) -> None:
        self._at += 1
        if self._peek():
            raise FileRefusedError(
                "trailing", f"There is more text after the end of the list ({self._where()})."
            )

    def _where(self) -> str:
        return f"after entry {self.count:,}" if self.count else "at the start"

    def _next(self) -> str:
        return f"Entry {self.count + 1:,}"

    def _more(self) -> bool:
        """Read on, at least doubling what is left of the window; return whether anything came."""
        self._window = self._window[self._at :]
        self._at = 0
        block = "" if self._ended else self._stream.read(max(WINDOW, len(self._window)))
        self._ended = not block
        self._window += block
        return bool(block)

    def _peek(self) -> str:
        """Return the next character that is not space, or an empty string at the end."""
        while True:
            while self._at < len(self._window):
                if self._window[self._at] not in _SPACE:
                    return self._window[self._at]
                self._at += 1
            if not self._more():
                return ""

    def _separator(self) -> str:
        mark = self._peek()
        if mark == ",":
            self._at += 1
            if self._peek() == "]":
                raise FileRefusedError("bad_json", f"There is a comma too many {self._where()}.")
        elif not mark:
            raise FileRefusedError(
                "truncated", f"The file is cut off {self._where()}: the list is not closed."
            )
        elif mark != "]":
            raise FileRefusedError("bad_json", f"A comma is missing {self._where()}.")
        return mark

    def _entry(self) -> Any:
        self._peek()
        while True:
            try:
                value, end = self._decode(self._window, self._at)
            except json.JSONDecodeError as error:
                if len(self._window) - self._at > MAX_ENTRY:
                    self._refuse_size()
                if not self._more():
                    self._refuse_syntax(error)
            except (RecursionError, ValueError) as error:
                message = f"{self._next()} cannot be read: {_reason(error)}."
                raise FileRefusedError("bad_json", message) from None
            else:
                self._at = end
                self.count += 1
                return value

    def _refuse_size(self) -> NoReturn:
        message = f"{self._next()} is larger than {megabytes(MAX_ENTRY)} or is not valid JSON."
        raise FileRefusedError("entry_too_large", message)

    def _refuse_syntax(self, error: json.JSONDecodeError) -> NoReturn:
        left = self._window[self._at :]
        if error.pos >= len(self._window.rstrip()) or error.msg.startswith("Unterminated string"):
            message = f"The file is cut off: {self._next().lower()} is not complete."
            raise FileRefusedError("truncated", message) from None
        shown = left[max(0, error.pos - self._at - 10) :][:40]
        message = f"{self._next()} is not valid JSON near “{shown}”: {error.msg}."
        raise FileRefusedError("bad_json", message) from None


def _refuse_constant(name: str) -> NoReturn:
    message = f"{name} is not JSON"
    raise ValueError(message)


def _reason(error: Exception) -> str:
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)


def read_json(stream: TextIO) -> Table:
    """Return the table of an open text stream that holds a JSON array of objects, or objects one after another.

    A value that is an object becomes columns named ``outer.inner``; a list of plain values stays a list. Raises
    FileRefusedError, also while the rows are read, when the text is cut off or not JSON.
    """
    entries = _Entries(stream)
    values = iter(entries)
    first = list(islice(values, COLUMN_SAMPLE))
    if not first:
        raise FileRefusedError("empty", "The list in the file is empty.")
    columns = _columns(first)
    table = Table(columns, iter(()))
    table.records = _records(chain(first, values), table)
    return table


def _columns(entries: list[Any]) -> list[str]:
    names = list(dict.fromkeys(key for entry in entries if isinstance(entry, dict) for key in _flat(entry)))
    if not names:
        message = "The file must hold a list of objects such as {“email”: “ann@example.com”, “name”: “Ann”}."
        raise FileRefusedError("not_objects", message)
    check_column_count(len(names), MAX_COLUMNS)
    return names


def _flat(entry: dict[str, Any]) -> dict[str, Any]:
    if not any(type(value) is dict for value in entry.values()):
        return entry
    flat: dict[str, Any] = {}
    for key, value in entry.items():
        if isinstance(value, dict):
            flat.update({f"{key}.{inner}": leaf for inner, leaf in value.items()})
        else:
            flat[key] = value
    return flat


def _records(values: Iterator[Any], table: Table) -> Iterator[Record]:
    columns, known, late = table.columns, set(table.columns), set[str]()
    for number, value in enumerate(values, start=1):
        if not isinstance(value, dict):
            yield Record(number, [_cell(value)[:200]], "the entry is not an object with named values")
            continue
        entry = _flat(value)
        late |= entry.keys() - known
        cells = [_cell(entry.get(name)) for name in columns]
        large = any(len(cell) > MAX_CELL for cell in cells)
        problem = "the row holds a cell that is too large" if large else ""
        yield Record(number, _shortened(cells) if large else cells, problem)
    if late:
        names = ", ".join(sorted(late)[:5])
        table.warnings.append(f"Values named {names} first appear late in the file and were left out.")


def _shortened(cells: list[Cell]) -> list[Cell]:
    return [cell[:200] for cell in cells]


def _cell(value: Any) -> Cell:
    match value:
        case str():
            return value.strip()
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case list() if all(isinstance(item, str | int | float | bool) for item in value):
            return [str(_cell(item)) for item in value]
        case _:
            return json.dumps(value, ensure_ascii=False)
