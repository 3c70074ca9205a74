"""Files for the media library: pictures and documents made on the spot."""

import io
import struct
import zipfile
import zlib
from typing import Any

from PIL import Image

from campaigns.models import MediaFile
from campaigns.services import media

PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"


def picture(
    size: tuple[int, int] = (40, 30), kind: str = "PNG", colour: str = "#1a5fb4", **how: Any
) -> bytes:
    """A picture of one colour."""
    return encoded(Image.new("RGB", size, colour), kind, **how)


def encoded(image: Image.Image, kind: str = "PNG", **how: Any) -> bytes:
    """A picture as the bytes of a file."""
    out = io.BytesIO()
    image.save(out, kind, **how)
    return out.getvalue()


def claimed_png(width: int, height: int) -> bytes:
    """A tiny PNG that says it has so many pixels: a decompression bomb."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b"\0"))
        + chunk(b"IEND", b"")
    )


def office(part: str, *more: str) -> bytes:
    """An Office document with these parts."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in ("[Content_Types].xml", part, *more):
            archive.writestr(name, "<x/>")
    return out.getvalue()


def make_media(name: str = "picture.png", content: bytes | None = None, **more: Any) -> MediaFile:
    """A file of the library, kept by the product's own service."""
    return media.add(
        actor=None, name=name, content=content or picture(), **{"alt": "A blue sky", **more}
    ).media
