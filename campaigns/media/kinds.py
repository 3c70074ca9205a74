"""Which files the library takes, told by their first bytes, and what is wrong with the others.

A name proves nothing: a file is what its bytes say, and a name that says something else is refused, because the mail
program that gets it would believe the name.
"""

import io
import re
import unicodedata
import zipfile
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Final

MAX_IMAGE_BYTES: Final = 20 * 1024 * 1024
MAX_DOCUMENT_BYTES: Final = 5 * 1024 * 1024
LONGEST_NAME: Final = 120
_ZIP: Final = b"PK\x03\x04"
# What a PDF needs to run something by itself; what is packed inside a stream is not seen here.
_PDF_PROGRAM: Final = re.compile(rb"/(?:JavaScript|JS|Launch|EmbeddedFiles?)\b")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f<>:\"/\\|?*]+")


class Family(StrEnum):
    """A picture stands in a mail; a document hangs on one."""

    IMAGE = "image"
    DOCUMENT = "document"


class UnusableFile(ValueError):
    """The library does not take this file; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of file: its family, its content type, and the endings that its name may have."""

    family: Family
    content_type: str
    endings: tuple[str, ...]

    @property
    def ending(self) -> str:
        """The ending that we give it."""
        return self.endings[0]


PNG: Final = Kind(Family.IMAGE, "image/png", ("png",))
JPEG: Final = Kind(Family.IMAGE, "image/jpeg", ("jpg", "jpeg", "jpe", "jfif"))
GIF: Final = Kind(Family.IMAGE, "image/gif", ("gif",))
WEBP: Final = Kind(Family.IMAGE, "image/webp", ("webp",))
PDF: Final = Kind(Family.DOCUMENT, "application/pdf", ("pdf",))
ICS: Final = Kind(Family.DOCUMENT, "text/calendar", ("ics",))
VCF: Final = Kind(Family.DOCUMENT, "text/vcard", ("vcf",))
TEXT: Final = Kind(Family.DOCUMENT, "text/plain", ("txt",))
CSV: Final = Kind(Family.DOCUMENT, "text/csv", ("csv",))
_OFFICE: Final = "application/vnd.openxmlformats-officedocument."
DOCX: Final = Kind(Family.DOCUMENT, f"{_OFFICE}wordprocessingml.document", ("docx",))
XLSX: Final = Kind(Family.DOCUMENT, f"{_OFFICE}spreadsheetml.sheet", ("xlsx",))
PPTX: Final = Kind(Family.DOCUMENT, f"{_OFFICE}presentationml.presentation", ("pptx",))
IMAGES: Final = (PNG, JPEG, GIF, WEBP)
DOCUMENTS: Final = (PDF, ICS, VCF, TEXT, CSV, DOCX, XLSX, PPTX)
ENDINGS: Final = tuple(ending for kind in (*IMAGES, *DOCUMENTS) for ending in kind.endings)
WORDS: Final = (
    "PNG, JPEG, GIF or WebP pictures, and PDF, Word, Excel, PowerPoint, calendar, contact, text or CSV files"
)

_IMAGE_HEADS: Final = (
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"\xff\xd8\xff", JPEG),
    (b"GIF87a", GIF),
    (b"GIF89a", GIF),
)
_OFFICE_PARTS: Final = (
    ("word/document.xml", DOCX),
    ("xl/workbook.xml", XLSX),
    ("ppt/presentation.xml", PPTX),
)
_TEXT_HEADS: Final = (("BEGIN:VCALENDAR", ICS), ("BEGIN:VCARD", VCF))
_BY_ENDING: Final = {"txt": TEXT, "csv": CSV}


def clean_name(name: str) -> str:
    """A file's name as we keep it: its last part, without characters that some system refuses, not too long.

    Raises `UnusableFile` where nothing is left.
    """
    plain = unicodedata.normalize("NFC", name.replace("\\", "/").rpartition("/")[2])
    path = PurePosixPath(_CONTROL.sub(" ", plain).strip(" ."))
    stem = " ".join(path.stem.split())
    if not stem or not path.suffix:
        raise UnusableFile(f"“{name[:60]}” needs a name with an ending, such as picture.png.")
    return f"{stem[: LONGEST_NAME - len(path.suffix)]}{path.suffix.lower()}"


def check_size(name: str, size: int, most: int = MAX_IMAGE_BYTES) -> None:
    """Raise `UnusableFile` for a file of more than `most` bytes."""
    if size > most:
        raise UnusableFile(f"“{name[:60]}” is larger than {most // 1024**2} MB.")


def kind_of(content: bytes, name: str) -> Kind:
    """The kind of a file by its bytes. Raises `UnusableFile` for what is unknown, risky or wrongly named."""
    ending = PurePosixPath(name).suffix.lower().lstrip(".")
    kind = _by_content(content, ending)
    if kind is None:
        raise UnusableFile(f"“{name}”: {_why_not(content, ending)}")
    if ending not in kind.endings:
        raise UnusableFile(
            f"“{name}” is named .{ending}, but holds {kind.content_type}. Save it again under the right ending."
        )
    check_size(name, len(content), MAX_IMAGE_BYTES if kind.family is Family.IMAGE else MAX_DOCUMENT_BYTES)
    if kind is PDF and _PDF_PROGRAM.search(content):
        raise UnusableFile(f"“{name}” holds a program or another file. Print it to a plain PDF first.")
    return kind


def _by_content(content: bytes, ending: str) -> Kind | None:
    for head, kind in _IMAGE_HEADS:
        if content.startswith(head):
            return kind
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return WEBP
    if content.startswith(b"%PDF-"):
        return PDF
    return _office(content) if content.startswith(_ZIP) else _text(content, ending)


def _office(content: bytes) -> Kind | None:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, ValueError, OSError):
        return None
    if any(name.endswith("vbaProject.bin") for name in names):
        return None
    return next((kind for part, kind in _OFFICE_PARTS if part in names), None)


def _text(content: bytes, ending: str) -> Kind | None:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    if "\x00" in text or text.lstrip().startswith("<"):
        return None  # markup and programs of browsers, whatever they are called
    for head, kind in _TEXT_HEADS:
        if text.lstrip().upper().startswith(head):
            return kind
    return _BY_ENDING.get(ending)


def _why_not(content: bytes, ending: str) -> str:
    start = content[:2_000].lstrip().lower()
    if ending == "svg" or b"<svg" in start:
        return "an SVG can hold a program, and most mail programs do not show it. Save it as PNG."
    if content[4:12] in {b"ftypheic", b"ftypheix", b"ftypmif1", b"ftypavif"}:
        return "mail programs do not show HEIC and AVIF. Save it as JPEG."
    if not content:
        return "the file is empty."
    if content.startswith(_ZIP):
        return (
            "a file with macros, or an archive. The library takes Word, Excel and PowerPoint without macros."
        )
    return f"the library takes {WORDS}."
