"""The links and images of an HTML part, read without disturbing its Handlebars tags."""

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from lxml import etree, html

from .plain_text import protect, restore

NO_TRACK_VARIABLES = ("unsubscribe_url", "preferences_url", "view_url", "privacy_url", "imprint_url")

_ANCHOR = re.compile(r"<a(?=\s)(?P<rest>(?:[^>\"']|\"[^\"]*\"|'[^']*')*)>", re.IGNORECASE)
_REMOTE_STYLE = re.compile(
    r"<link\b[^>]*\bhref\s*=\s*[\"']?((?:https?:)?//[^\"'\s>]+)|@import\s+(?:url\()?\s*[\"']?((?:https?:)?//[^\"'\s);]+)",
    re.IGNORECASE,
)
_LOCAL_NAMES = ("localhost", ".local", ".internal", ".test", ".invalid")


@dataclass(frozen=True, slots=True)
class Link:
    """One `<a href>`: its address as written, its visible words, its line."""

    href: str
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Image:
    """One `<img>`; `alt` is None when the attribute is missing, which is not the same as empty."""

    src: str
    alt: str | None
    line: int


@dataclass(frozen=True, slots=True)
class Document:
    """What the checks need to know of an HTML part."""

    links: list[Link]
    images: list[Image]
    elements: dict[str, int]


def read_document(source: str) -> Document:
    """Parse a copy of the HTML whose Handlebars tags are protected. Never raises for bad HTML."""
    marked, tags = protect(source)
    try:
        root = html.document_fromstring(marked.encode(), parser=html.HTMLParser(encoding="utf-8"))
    except (etree.ParserError, etree.XMLSyntaxError, ValueError):
        return Document([], [], {})
    links = [
        Link(restore(a.get("href", ""), tags).strip(), restore(_words(a), tags).strip(), _line(a))
        for a in root.iter("a")
        if a.get("href") is not None
    ]
    images = [
        Image(restore(i.get("src", ""), tags).strip(), i.get("alt"), _line(i)) for i in root.iter("img")
    ]
    elements: dict[str, int] = {}
    for element in root.iter(etree.Element):
        name = str(element.tag)  # the parser writes them small
        if name not in elements:
            elements[name] = _line(element)
    return Document(links, images, elements)


def with_lines_of(document: Document, source: str) -> Document:
    """The document with the lines of the source that it was compiled from; 0 where an address is not found there."""

    def line_of(address: str) -> int:
        at = source.find(address) if address else -1
        return source.count("\n", 0, at) + 1 if at >= 0 else 0

    return Document(
        [replace(link, line=line_of(link.href)) for link in document.links],
        [replace(image, line=line_of(image.src)) for image in document.images],
        {name: line_of(f"<{name}") for name in document.elements},
    )


def font_hosts(source: str) -> list[str]:
    """The hosts whose style sheets or fonts a mail would load when it is opened."""
    found = (match[1] or match[2] for match in _REMOTE_STYLE.finditer(source))
    return sorted({urlsplit(address).hostname or address for address in found})


def _line(element: Any) -> int:
    return int(element.sourceline or 0)


def _words(element: Any) -> str:
    return "".join(element.itertext())


def is_variable(href: str) -> bool:
    """Whether the address begins with a variable, so that its form is known only per person."""
    return href.startswith("{{")


def is_local(href: str) -> bool:
    """Whether the address points at a machine that no recipient can reach."""
    return is_local_host(urlsplit(href).hostname or "")


@lru_cache(maxsize=1000)
def is_local_host(host: str) -> bool:
    """Whether a name or number is one that only this machine or its network knows."""
    if any(host == name.lstrip(".") or host.endswith(name) for name in _LOCAL_NAMES):
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return not address.is_global


def mark_untracked(source: str, variables: tuple[str, ...] = NO_TRACK_VARIABLES) -> str:
    """Put `ses:no-track` on links that must never be rewritten: leaving, preferences, legal pages.

    https://docs.aws.amazon.com/ses/latest/dg/faqs-metrics.html
    """
    names = re.compile(
        rf"href\s*=\s*[\"']?\s*\{{\{{\{{?[~\s]*(?:html\.)?(?:{'|'.join(variables)})[~\s]*\}}\}}",
        re.IGNORECASE,
    )

    def mark(match: re.Match[str]) -> str:
        rest = match["rest"]
        if not names.search(rest) or "ses:no-track" in rest:
            return match.group()
        return f"<a ses:no-track{rest}>"

    return _ANCHOR.sub(mark, source)
