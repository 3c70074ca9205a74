"""Opening an uploaded file as a table, whatever its format."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import BinaryIO

from .containers import unwrapped
from .csv_table import read_csv
from .errors import FileRefusedError
from .expanding import Expansion, expand
from .json_table import read_json
from .records import Record, Table
from .sniffing import Dialect, sniff


@contextmanager
def open_table(
    stream: BinaryIO,
    *,
    encoding: str = "",
    delimiter: str = "",
    sheet: str = "",
    expansion: Expansion | None = None,
    may_lack_header: bool = False,
) -> Iterator[tuple[Table, Dialect]]:
    """Open a seekable byte stream as a table; the stream is left open.

    ``encoding``, ``delimiter`` and ``sheet`` overrule the guess; ``expansion`` names the keys that become columns;
    with ``may_lack_header`` a CSV may begin with an address or a keyed hash.
    Raises FileRefusedError, also while rows are read.
    """
    with unwrapped(stream, sheet=sheet) as contents:
        is_sheet = contents.kind == "xlsx"
        dialect = sniff(
            contents.stream,
            encoding="utf-8" if is_sheet else encoding,
            delimiter="," if is_sheet else delimiter,
        )
        if contents.kind:
            dialect = replace(dialect, container=contents.kind, sheet=contents.sheet, sheets=contents.sheets)
        with _as_table(contents.stream, dialect, may_lack_header=may_lack_header) as table:
            yield expand(table, expansion or {}), dialect


@contextmanager
def _as_table(stream: BinaryIO, dialect: Dialect, *, may_lack_header: bool) -> Iterator[Table]:
    stream.seek(0)
    text = io.TextIOWrapper(stream, encoding=dialect.encoding, newline="")
    try:
        is_json = dialect.format == "json"
        table = (
            read_json(text) if is_json else read_csv(text, dialect.delimiter, may_lack_header=may_lack_header)
        )
        table.records = _guarded(table.records)
        yield table
    except UnicodeError as error:
        raise _cut_off(error) from None
    finally:
        text.detach()


def _guarded(records: Iterator[Record]) -> Iterator[Record]:
    try:
        yield from records
    except UnicodeError as error:
        raise _cut_off(error) from None


def _cut_off(error: UnicodeError) -> FileRefusedError:
    return FileRefusedError("wrong_encoding", f"The file cannot be read in its encoding: {error}.")
