"""Opening an uploaded file as a table, whatever its format."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from .csv_table import read_csv
from .errors import FileRefusedError
from .json_table import read_json
from .records import Record, Table
from .sniffing import Dialect, sniff


@contextmanager
def open_table(
    stream: BinaryIO, *, encoding: str = "", delimiter: str = ""
) -> Iterator[tuple[Table, Dialect]]:
    """Open a seekable byte stream as a table; the stream is left open.

    ``encoding`` and ``delimiter`` overrule the guess. Raises FileRefusedError, also while rows are read.
    """
    dialect = sniff(stream, encoding=encoding, delimiter=delimiter)
    stream.seek(0)
    text = io.TextIOWrapper(stream, encoding=dialect.encoding, newline="")
    try:
        table = read_json(text) if dialect.format == "json" else read_csv(text, dialect.delimiter)
        table.records = _guarded(table.records)
        yield table, dialect
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
