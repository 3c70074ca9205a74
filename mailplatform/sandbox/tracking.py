"""SES's open pixel and click rewriting.

docs.aws.amazon.com/ses/latest/dg/faqs-metrics.html: ``{{ses:openTracker}}`` places the pixel, else it goes to
the end; ``ses:no-track`` leaves a link alone; ``ses:tags="k:v;"`` names it; at most 250 links; HTML only.
"""

import html
import re
from collections.abc import Callable

from .constants import OPEN_TRACKER
from .message import Link

PIXEL = (
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\x00\x00\x00!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00"
    b"\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
)
_MAX_LINKS = 250
_ANCHOR = re.compile(r"<a\b[^>]*>", re.IGNORECASE)
_HREF = re.compile(r"""(\bhref\s*=\s*)("([^"]*)"|'([^']*)')""", re.IGNORECASE)
_NO_TRACK = re.compile(r"""\s+ses:no-track(?:\s*=\s*("[^"]*"|'[^']*'))?""", re.IGNORECASE)
_TAGS = re.compile(r"""\s+ses:tags\s*=\s*("([^"]*)"|'([^']*)')""", re.IGNORECASE)
_END = re.compile(r"</body\s*>", re.IGNORECASE)


def add_pixel(text: str, url: str) -> str:
    """Put the pixel where the placeholder is, else at the end of the body."""
    image = f'<img alt="" src="{html.escape(url)}" style="display: none; width: 1px; height: 1px;">'
    if OPEN_TRACKER in text:
        return text.replace(OPEN_TRACKER, image, 1).replace(OPEN_TRACKER, "")
    ends = list(_END.finditer(text))
    at = ends[-1].start() if ends else len(text)
    return f"{text[:at]}{image}{text[at:]}"


def drop_placeholder(text: str) -> str:
    """An untracked mail shows no placeholder."""
    return text.replace(OPEN_TRACKER, "") if OPEN_TRACKER in text else text


def rewrite_links(text: str, url_of: Callable[[int], str]) -> tuple[str, list[Link]]:
    """Point links at ``url_of(number)``; returns the text and the links by number."""
    links: list[Link] = []

    def anchor(found: re.Match[str]) -> str:
        tag = found[0]
        if _NO_TRACK.search(tag):
            return _NO_TRACK.sub("", tag)
        href = _HREF.search(tag)
        target = html.unescape((href[3] or href[4] or "").strip()) if href else ""
        if not target.lower().startswith(("http://", "https://")) or len(links) >= _MAX_LINKS:
            return tag
        tags = _TAGS.search(tag)
        is_empty = text[found.end() : found.end() + 4].lower() == "</a>"
        links.append(Link(target, link_tags((tags[2] or tags[3] or "") if tags else ""), is_empty))
        address = html.escape(url_of(len(links) - 1))
        return _TAGS.sub("", _HREF.sub(lambda part: f'{part[1]}"{address}"', tag, count=1))

    return _ANCHOR.sub(anchor, text), links


def strip_attributes(text: str) -> str:
    """Without click tracking SES's own attributes still do not reach the reader."""
    if "ses:" not in text:
        return text
    return _ANCHOR.sub(lambda found: _TAGS.sub("", _NO_TRACK.sub("", found[0])), text)


def link_tags(text: str) -> dict[str, list[str]]:
    """``k:v;k2:v2;`` as event payloads show it."""
    tags: dict[str, list[str]] = {}
    for pair in text.split(";"):
        name, separator, value = pair.partition(":")
        if separator and name.strip():
            tags.setdefault(name.strip(), []).append(value.strip())
    return tags
