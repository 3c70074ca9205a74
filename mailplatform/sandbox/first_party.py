"""Pixel and links of a mail whose sender counts opens and clicks itself, as any mail program finds them in it.

Nothing is known of the sender but the two paths and that the host is one that readers may call.
"""

import html
import re
from collections.abc import Container
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from .message import Link

PIXEL_PATH, LINK_PATH = "/o/", "/l/"
_TAG = re.compile(r"<(img|a|area)\b[^>]*>", re.IGNORECASE)
_ADDRESS = re.compile(r"""\b(?:href|src)\s*=\s*(?:"([^"]*)"|'([^']*)')""", re.IGNORECASE)


@dataclass
class Carried:
    """What a mail carries: the pixel's address, empty without one, and the redirects in their order."""

    pixel: str = ""
    links: list[Link] = field(default_factory=list)


def carried_by(text: str | None, hosts: Container[str]) -> Carried:
    """Find pixel and redirects on `hosts` in the HTML of a mail; the addresses come unescaped."""
    found = Carried()
    if not text or not may_carry(text):
        return found
    for tag in _TAG.finditer(text):
        address = _ADDRESS.search(tag[0])
        url = html.unescape((address[1] or address[2] or "").strip()) if address else ""
        try:
            parts = urlsplit(url)
        except ValueError:
            continue
        if parts.scheme not in {"http", "https"} or (parts.hostname or "") not in hosts:
            continue
        if tag[1].lower() == "img":
            if parts.path.startswith(PIXEL_PATH) and not found.pixel:
                found.pixel = url
        elif parts.path.startswith(LINK_PATH):
            found.links.append(Link(url, is_empty=text[tag.end() : tag.end() + 4].lower() == "</a>"))
    return found


def may_carry(text: str | None) -> bool:
    """Return, fast, whether it is worth looking closer."""
    return bool(text) and (PIXEL_PATH in str(text) or LINK_PATH in str(text))
