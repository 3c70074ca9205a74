"""What filters take for spam in a mail's own markup. Pure; none of it blocks, as no filter says what it counts.

Taken from what senders are told: https://support.google.com/a/answer/81126 (formatting, links that say where they
lead), https://senders.yahooinc.com/best-practices/ and the rules of Apache SpamAssassin that look at markup.
"""

import re
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from . import links
from .checks import Checked
from .compiling import serialize
from .plain_text import text_from_html
from .problems import Finding, Level, Part

# An address that hides where it leads is what phishing uses; filters know the public ones by name.
SHORTENERS: Final = frozenset(
    {
        "bit.ly",
        "tinyurl.com",
        "t.co",
        "goo.gl",
        "ow.ly",
        "is.gd",
        "buff.ly",
        "rebrand.ly",
        "cutt.ly",
        "shorturl.at",
    }
)
FEW_WORDS: Final = 20
LOUD_LETTERS: Final = 8
_REPLY: Final = re.compile(r"^\s*(?:re|aw|fw|fwd|wg)\s*:", re.IGNORECASE)
_MARKS: Final = re.compile(r"[!?$€]{3,}|!.*!.*!")
_TAG: Final = re.compile(r"\{\{[^{}]*\}\}")
_WEB: Final = re.compile(r"^(?:https?://)?((?:[a-z0-9-]+\.)+[a-z]{2,})(?:[/?#]\S*)?$", re.IGNORECASE)
_HANDLER: Final = re.compile(r"<[a-z][^<>]*\son[a-z]+\s*=", re.IGNORECASE)
_STYLE: Final = re.compile(
    r"<(?P<name>[a-z0-9]+)\b(?P<rest>[^<>]*\bstyle\s*=\s*\"(?P<style>[^\"]*)\"[^<>]*)>", re.IGNORECASE
)
_COLOUR: Final = re.compile(
    r"(?:^|;)\s*(?P<name>color|background(?:-color)?)\s*:\s*(?P<value>[^;!]+)", re.IGNORECASE
)


def find_spam(checked: Checked, *, subject: str) -> list[Finding]:
    """Return what a filter may take for spam in a checked template under this subject."""
    html = serialize(checked.html)
    document = links.read_document(html)
    return [*_of_subject(subject), *_of_links(document), *_of_words(html, document), *_of_markup(html)]


def _of_subject(subject: str) -> Iterator[Finding]:
    words = _TAG.sub("", subject)
    letters = [letter for letter in words if letter.lower() != letter.upper()]
    if _REPLY.match(words):
        message = (
            "The subject begins like an answer (Re:, Fwd:). To people who never wrote it reads as a trick."
        )
        yield _finding("false_reply", message, Part.SUBJECT)
    if len(letters) >= LOUD_LETTERS and all(map(str.isupper, letters)):
        yield _finding(
            "loud_subject",
            "The subject is all in capitals: filters and people take it for shouting.",
            Part.SUBJECT,
        )
    if _MARKS.search(words):
        yield _finding(
            "loud_marks", "The subject has many exclamation marks or signs of money.", Part.SUBJECT
        )


def _of_links(document: links.Document) -> Iterator[Finding]:
    for link in document.links:
        host = _host(link.href)
        if host in SHORTENERS:
            yield _finding("short_link", f"“{link.href[:80]}” hides where it leads: link to the page itself.")
        elif _is_address(host):
            yield _finding("numeric_link", f"“{link.href[:80]}” leads to a number in place of a name.")
        shown = _WEB.match(_TAG.sub("", link.text).strip())
        if shown and host and not _same_site(shown[1].lower(), host):
            message = f"The link reads “{shown[1]}” and leads to {host}: that is how phishing looks."
            yield _finding("false_link", message)


def _of_words(html: str, document: links.Document) -> Iterator[Finding]:
    words = [word for word in text_from_html(html).split() if any(letter.isalpha() for letter in word)]
    if document.images and len(words) < FEW_WORDS:
        message = f"Pictures with {len(words)} words: filters cannot read pictures, and many people do not load them."
        yield _finding("few_words", message)


def _of_markup(html: str) -> Iterator[Finding]:
    if _HANDLER.search(html):
        yield _finding("handler", "An attribute such as onclick holds a script: mail programs remove it.")
    for element in _STYLE.finditer(html):
        colours = {
            "color" if found["name"].lower() == "color" else "background": found["value"].strip().lower()
            for found in _COLOUR.finditer(element["style"])
        }
        if colours.get("color") and colours.get("color") == colours.get("background"):
            message = (
                f"A <{element['name']}> has its text in the colour of its background ({colours['color']})."
            )
            yield _finding("hidden_text", message)
            return


def _finding(code: str, message: str, part: Part = Part.HTML) -> Finding:
    return Finding(Level.WARNING, code, message, part)


def _host(href: str) -> str:
    if links.is_variable(href):
        return ""
    try:
        parts = urlsplit(href)
        return (parts.hostname or "").lower() if parts.scheme in {"http", "https"} else ""
    except ValueError:
        return ""


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _same_site(shown: str, host: str) -> bool:
    """Tell whether both belong together: one is the other or a part of it, www aside."""
    shown, host = shown.removeprefix("www."), host.removeprefix("www.")
    return shown == host or host.endswith(f".{shown}") or shown.endswith(f".{host}")
