"""What is looked for in the links, images and elements of an HTML part, and in its size."""

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from . import links
from .problems import Finding, Level, Part

CLIP_BYTES: Final = 102_000
_UNSAFE_ELEMENTS: Final = ("script", "iframe", "form", "object", "embed", "video", "audio")
_SCHEMES: Final = ("https", "http", "mailto", "tel", "sms")


def check_markup(document: links.Document, page: str, public_host: str) -> Iterator[Finding]:
    """What is wrong with the HTML `page`, which was read as `document`. `public_host` is our own host."""
    for host in links.font_hosts(page):
        message = f"A font from {host} tells that host who opens the mail, without consent: leave it out."
        yield _found(Level.WARNING, "remote_font", message)
    for link in document.links:
        yield from _check_link(link, public_host)
    for image in document.images:
        yield from _check_image(image)
    for name in _UNSAFE_ELEMENTS:
        if name in document.elements:
            message = f"<{name}> is removed or blocked by mail programs."
            yield _found(Level.WARNING, "unsafe_element", message, document.elements[name])
    size = len(page.encode())
    if size > CLIP_BYTES:
        message = f"The HTML has {size // 1000} KB; Gmail cuts mail off after 102 KB, the way out included."
        yield _found(Level.WARNING, "clipped", message)


def _found(level: Level, code: str, message: str, line: int = 0) -> Finding:
    return Finding(level, code, message, Part.HTML, line)


def _check_link(link: links.Link, public_host: str) -> Iterator[Finding]:
    href, line = link.href, link.line
    if links.is_variable(href):
        return
    try:
        parts = urlsplit(href)
        host = parts.hostname or ""
    except ValueError:
        yield _found(Level.BLOCKING, "broken_link", f"“{href[:80]}” is not an address.", line)
        return
    if not href or href.startswith("#"):
        message = f"The link “{link.text[:40] or href}” leads nowhere."
        yield _found(Level.WARNING if href else Level.BLOCKING, "empty_link", message, line)
    elif parts.scheme not in _SCHEMES or (parts.scheme in ("http", "https") and not host):
        message = f"“{href[:80]}” is not a full web address: begin it with https://."
        yield _found(Level.BLOCKING, "broken_link", message, line)
    elif "{{" in host:
        message = f"“{href[:80]}”: who has another value is led to another host. Write the host out."
        yield _found(Level.WARNING, "variable_host", message, line)
    elif parts.scheme in ("http", "https") and host != public_host and links.is_local_host(host):
        message = f"“{href[:80]}” cannot be reached by anybody outside."
        yield _found(Level.BLOCKING, "local_link", message, line)
    elif parts.scheme == "http" and host != public_host:
        yield _found(Level.WARNING, "http_link", f"“{href[:80]}” is not encrypted: use https.", line)


def _check_image(image: links.Image) -> Iterator[Finding]:
    source, line = image.src, image.line
    if image.alt is None:
        message = f"The image {source[:60] or '(no address)'} has no alternative text."
        yield _found(Level.WARNING, "no_alt", message, line)
    if links.is_variable(source):
        return
    if source.startswith("data:"):
        message = "An embedded image (data:) is blocked by Gmail and Outlook: link to it instead."
        yield _found(Level.WARNING, "data_image", message, line)
    elif not source.startswith(("https://", "http://")):
        message = f"The image address “{source[:60]}” is not a full web address."
        yield _found(Level.BLOCKING, "broken_image", message, line)
    elif source.startswith("http://"):
        yield _found(Level.WARNING, "http_image", f"“{source[:60]}” is not encrypted: use https.", line)
