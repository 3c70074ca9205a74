"""What a table may be wrapped in: a ZIP archive of one file, or an Excel workbook of which one sheet is read.

Nothing is unpacked under a name from the archive, and nothing beyond a limit: a ZIP of a gigabyte of zeros is a
megabyte. A workbook is packed anew from what was measured before its reader sees it, and sheets whose cells claim
far-away places are refused, because readers make room for everything in between.
"""

import csv
import datetime as dt
import io
import re
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Final, cast

from python_calamine import CalamineError, CalamineWorkbook

from .errors import FileRefusedError, megabytes

ZIP_MAGIC: Final = b"PK\x03\x04"
MAX_UNPACKED: Final = 1_000_000_000  # bytes of the one file in an archive
MAX_RATIO: Final = 200  # how many times its size a file may unpack to, beyond the first megabytes
RATIO_FROM: Final = 20_000_000
MAX_WORKBOOK: Final = 250_000_000  # bytes of all parts of a workbook
MAX_CELLS: Final = 20_000_000  # places between the first and the last cell of a sheet
MAX_MEMBERS: Final = 2_000
_BLOCK: Final = 1 << 20
_NAMES: Final = (".csv", ".tsv", ".txt", ".json")
_CELL: Final = re.compile(rb'<(?:\w+:)?c\b[^>]{0,200}?\br="([A-Z]{1,3})([0-9]{1,7})"')
_OVERLAP: Final = 256
_SYMLINK: Final = 0o120000


@dataclass(frozen=True)
class Contents:
    """What was found inside: the bytes of the table, and where they come from (`kind` is empty for a bare file)."""

    stream: BinaryIO
    kind: str = ""
    sheet: str = ""
    sheets: list[str] = field(default_factory=list)


@contextmanager
def unwrapped(stream: BinaryIO, *, sheet: str = "") -> Iterator[Contents]:
    """Open what the stream wraps; a bare file is handed through. Raises FileRefusedError."""
    stream.seek(0)
    is_zip = stream.read(4) == ZIP_MAGIC
    stream.seek(0)
    if not is_zip:
        yield Contents(stream)
        return
    with tempfile.TemporaryFile() as target:
        try:
            with zipfile.ZipFile(stream) as archive:
                contents = _opened(archive, cast("BinaryIO", target), sheet)
        except (
            zipfile.BadZipFile,
            zlib.error,
            EOFError,
            NotImplementedError,
            RuntimeError,
        ) as error:
            raise FileRefusedError("broken_zip", _BROKEN) from error
        except OSError as error:
            raise FileRefusedError("storage", NO_ROOM) from error
        yield contents


NO_ROOM: Final = (
    "The server could not keep the file; its disk may be full. Nothing was imported. Tell your operator."
)
_BROKEN: Final = (
    "This looks like a ZIP archive or an Excel workbook, but it is damaged or cut off. "
    "Save it again, or send it as CSV."
)


def _opened(archive: zipfile.ZipFile, target: BinaryIO, sheet: str) -> Contents:
    members = archive.infolist()
    if len(members) > MAX_MEMBERS:
        raise FileRefusedError(
            "too_many_files", "The archive holds too many files. Put one CSV file into it."
        )
    if any(member.flag_bits & 1 for member in members):
        raise FileRefusedError("encrypted", "The file is protected by a password. Save it without one.")
    names = {member.filename for member in members}
    if "xl/workbook.xml" in names:
        return _sheet(archive, members, target, sheet)
    if "[Content_Types].xml" in names or "mimetype" in names:
        message = "This document cannot be read as a table. Save it as CSV or as an Excel workbook (.xlsx)."
        raise FileRefusedError("not_a_table", message)
    _unpack(archive, _only_table(members), target)
    target.seek(0)
    return Contents(target, "zip")


def _only_table(members: list[zipfile.ZipInfo]) -> zipfile.ZipInfo:
    for member in members:
        name = member.filename
        is_link = (member.external_attr >> 16) & 0o170000 == _SYMLINK
        if name.startswith(("/", "\\")) or ".." in re.split(r"[/\\]", name) or ":" in name or is_link:
            message = "The archive holds a file with a path that leads out of it. It was not unpacked."
            raise FileRefusedError("path_trick", message)
    files = [
        member
        for member in members
        if not member.is_dir()
        and not member.filename.startswith("__MACOSX/")
        and ".DS_Store" not in member.filename
    ]
    tables = [member for member in files if member.filename.lower().endswith(_NAMES)]
    if len(tables) != 1 or len(files) != 1:
        message = f"The archive must hold exactly one CSV, TSV or JSON file; it holds {len(files)} files."
        raise FileRefusedError("not_one_file", message)
    return tables[0]


def _unpack(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: BinaryIO) -> None:
    written = 0
    with archive.open(member) as source:
        while block := source.read(_BLOCK):
            written += len(block)
            _refuse_bomb(written, member.compress_size, MAX_UNPACKED)
            target.write(block)


def _refuse_bomb(size: int, packed: int, limit: int) -> None:
    if size > limit:
        message = f"What the file unpacks to is larger than {megabytes(limit)}. Split it, or send CSV."
        raise FileRefusedError("too_large", message)
    if size > RATIO_FROM and size > MAX_RATIO * max(packed, 1):
        message = (
            f"The file unpacks to more than {MAX_RATIO} times its size; that is no table. It was not read."
        )
        raise FileRefusedError("zip_bomb", message)


def _sheet(
    archive: zipfile.ZipFile, members: list[zipfile.ZipInfo], target: BinaryIO, sheet: str
) -> Contents:
    with tempfile.NamedTemporaryFile(suffix=".xlsx") as clean:
        _repack(archive, members, cast("BinaryIO", clean))
        clean.flush()
        try:
            book = CalamineWorkbook.from_path(clean.name)
            if not book.sheet_names:
                raise FileRefusedError("empty", "The workbook holds no sheet.")
            chosen = sheet if sheet in book.sheet_names else _first_filled(book)
            rows = book.get_sheet_by_name(chosen)
            text = io.TextIOWrapper(target, encoding="utf-8", newline="", write_through=True)
            writer = csv.writer(text)
            # Rows above the first filled one count as lines, so that numbers are those of the sheet.
            text.write("\n" * (rows.start[0] if rows.start else 0))
            for row in rows.to_python():
                writer.writerow([cell_text(cell) for cell in row])
        except CalamineError as error:
            raise FileRefusedError("broken_workbook", _BROKEN) from error
    text.flush()
    text.detach()
    target.seek(0)
    return Contents(target, "xlsx", chosen, list(book.sheet_names))


def _first_filled(book: CalamineWorkbook) -> str:
    names = book.sheet_names
    return next((name for name in names if book.get_sheet_by_name(name).height), names[0])


def _repack(archive: zipfile.ZipFile, members: list[zipfile.ZipInfo], target: BinaryIO) -> None:
    """Copy the parts that a table needs, unpacked and measured."""
    total = 0
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as clean:
        for member in members:
            if member.is_dir() or member.filename.startswith(("xl/media/", "xl/drawings/", "xl/embeddings/")):
                continue
            is_sheet = member.filename.startswith("xl/worksheets/")
            with archive.open(member) as source, tempfile.SpooledTemporaryFile(_BLOCK) as part:
                far, tail, size = _Corner(), b"", 0
                while block := source.read(_BLOCK):
                    total += len(block)
                    size += len(block)
                    _refuse_bomb(total, sum(one.compress_size for one in members), MAX_WORKBOOK)
                    if is_sheet:
                        far.look(tail + block)
                        tail = block[-_OVERLAP:]
                    part.write(block)
                part.seek(0)
                with clean.open(member.filename, "w", force_zip64=True) as copy:
                    shutil.copyfileobj(part, copy, _BLOCK)


class _Corner:
    """The place farthest to the right and farthest down that the cells of a sheet name."""

    def __init__(self) -> None:
        self._columns: set[bytes] = {b"A"}
        self._row = 1

    def look(self, text: bytes) -> None:
        """Look at a part of the sheet. Raises FileRefusedError where the sheet becomes too large."""
        for column, row in _CELL.findall(text):
            self._columns.add(column)
            self._row = max(self._row, int(row))
        width = max(map(_column_number, self._columns))
        if width * self._row > MAX_CELLS:
            message = (
                f"A sheet of the workbook reaches to row {self._row:,} and column {width:,}. "
                "Delete what lies outside of the table, or save the sheet as CSV."
            )
            raise FileRefusedError("too_large", message)


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def cell_text(value: Any) -> str:
    """Return a cell of a workbook as it would stand in a CSV: days in ISO form, whole numbers without a point."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, dt.datetime):
        return value.date().isoformat() if value.time() == dt.time() else value.isoformat(sep=" ")
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    # One line per row, so that line numbers are those of the sheet.
    return " ".join(str(value).splitlines())
