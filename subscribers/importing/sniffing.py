"""Guessing what a file is: format, character encoding, delimiter. Guesses can be overruled by the importer.

UTF-8 is proven by decoding the whole file, in blocks; UTF-16 by its mark or its pattern of zero bytes. What is
neither is taken for Windows-1252, which contains every printable letter of Latin-1.
"""

import codecs
import csv
import re
from dataclasses import dataclass, field
from typing import BinaryIO

from .errors import FileRefusedError

BLOCK = 1 << 20
SAMPLE = 1 << 16
DELIMITERS = (",", ";", "\t", "|")
# The offer on the mapping page; labels are for people.
ENCODINGS = {
    "utf-8": "UTF-8",
    "utf-16": "UTF-16",
    "cp1252": "Windows-1252 / Latin-1 (Western Europe)",
    "cp1250": "Windows-1250 (Central Europe)",
    "cp1251": "Windows-1251 (Cyrillic)",
    "iso8859-15": "Latin-9 (Western Europe with the euro sign)",
    "shift_jis": "Shift JIS (Japanese)",
    "gb18030": "GB 18030 (Chinese)",
}
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_MAGIC = (
    (b"PK\x03\x04", "a ZIP archive within a ZIP archive; unpack it first"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook; save the sheet as CSV first"),
    (b"%PDF", "a PDF; export the table as CSV instead"),
    (b"\x1f\x8b", "a gzip archive; unpack it first"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"{\\rtf", "a text document; export the table as CSV instead"),
)
_MULTIBYTE = re.compile(rb"[\xc3-\xf4][\x80-\xbf]+")
_HIGH = re.compile(rb"[\x80-\xff]+")


@dataclass(frozen=True)
class Dialect:
    """How to read one file. ``format`` is ``csv`` or ``json``; JSON has no delimiter.

    ``container`` is ``zip`` or ``xlsx`` where the table stood in one; a workbook has its ``sheets``.
    """

    format: str
    encoding: str
    delimiter: str = ""
    container: str = ""
    sheet: str = ""
    sheets: list[str] = field(default_factory=list)


def sniff(stream: BinaryIO, *, encoding: str = "", delimiter: str = "") -> Dialect:
    """Return how to read the stream, from its own bytes and the choices a person made.

    Leaves the stream at its start. Raises FileRefusedError for empty, binary and undecodable files.
    """
    stream.seek(0)
    head = stream.read(SAMPLE)
    _refuse_binary(head)
    found = _check(stream, encoding) if encoding else _guess_encoding(stream, head)
    text = codecs.getincrementaldecoder(found)(errors="replace").decode(head).lstrip("\ufeff")
    stream.seek(0)
    if not text.strip():
        raise FileRefusedError("empty", "The file is empty.")
    if text.lstrip()[0] in "[{":
        return Dialect("json", found)
    return Dialect("csv", found, delimiter or guess_delimiter(text))


def _refuse_binary(head: bytes) -> None:
    if not head.strip():
        raise FileRefusedError("empty", "The file is empty.")
    for magic, what in _MAGIC:
        if head.startswith(magic):
            raise FileRefusedError("not_a_table", f"This is not a CSV or JSON file: it looks like {what}.")
    if not head.startswith(tuple(mark for mark, _ in _MARKS)) and b"\x00" in head and not _zero_pattern(head):
        raise FileRefusedError("binary", "This is not a CSV or JSON file: it holds binary data.")


def _zero_pattern(head: bytes) -> str:
    """Return the UTF-16 flavour that the zero bytes of the head betray, or an empty string."""
    if len(head) < 8:
        return ""
    even, odd, half = head[0::2].count(0), head[1::2].count(0), len(head) // 2
    if odd > half * 0.6 and even < half * 0.05:
        return "utf-16-le"
    if even > half * 0.6 and odd < half * 0.05:
        return "utf-16-be"
    return ""


def _guess_encoding(stream: BinaryIO, head: bytes) -> str:
    for mark, name in _MARKS:
        if head.startswith(mark):
            return _check(stream, name)
    if b"\x00" in head:
        return _check(stream, _zero_pattern(head))
    position = _first_undecodable(stream, "utf-8")
    if position is None:
        return "utf-8"
    _refuse_broken_utf8(stream, position)
    return "cp1252" if _first_undecodable(stream, "cp1252") is None else "latin-1"


def _check(stream: BinaryIO, encoding: str) -> str:
    try:
        codecs.lookup(encoding)
    except LookupError:
        raise FileRefusedError("unknown_encoding", f"“{encoding}” is not an encoding we know.") from None
    position = _first_undecodable(stream, encoding)
    if position is not None:
        message = f"The file is not {encoding}: the bytes near position {position:,} cannot be read as that."
        raise FileRefusedError("wrong_encoding", message)
    return encoding


def _first_undecodable(stream: BinaryIO, encoding: str) -> int | None:
    """Return the byte position near which decoding fails, or None when the whole file decodes."""
    stream.seek(0)
    decoder = codecs.getincrementaldecoder(encoding)()
    position = 0
    while True:
        block = stream.read(BLOCK)
        try:
            decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            return position + error.start
        except UnicodeError:
            return position
        if not block:
            return None
        position += len(block)


def _refuse_broken_utf8(stream: BinaryIO, position: int) -> None:
    """Refuse a file that is UTF-8 but for a broken spot: guessing another encoding would garble every name."""
    stream.seek(max(0, position - SAMPLE))
    around = stream.read(2 * SAMPLE)
    whole = sum(1 for run in _MULTIBYTE.findall(around) if _decodes(run))
    runs = len(_HIGH.findall(around))
    if whole >= 1 and whole >= (runs - 1) * 0.8 and runs > 1:
        message = (
            f"The file is UTF-8, but the bytes near position {position:,} are broken or cut off. "
            "Save it again as UTF-8, or choose its encoding by hand."
        )
        raise FileRefusedError("broken_encoding", message)


def _decodes(run: bytes) -> bool:
    try:
        run.decode()
    except UnicodeDecodeError:
        return False
    return True


def guess_delimiter(text: str) -> str:
    """Return the delimiter under which the first lines form the most regular table."""
    lines = text.splitlines()[:50]
    if len(text) >= SAMPLE // 4 and len(lines) > 1:
        lines = lines[:-1]  # the sample may end in the middle of a line
    return max(DELIMITERS, key=lambda delimiter: _regularity(lines, delimiter))


def _regularity(lines: list[str], delimiter: str) -> tuple[float, int]:
    try:
        widths = [len(row) for row in csv.reader(lines, delimiter=delimiter) if row]
    except csv.Error:
        return (0.0, 0)
    if not widths or widths[0] == 1:
        return (0.0, 0)
    same = sum(1 for width in widths if width == widths[0]) / len(widths)
    return (same, widths[0])
