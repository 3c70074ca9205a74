"""Cut MJML into tags, contents and Handlebars without parsing the HTML that stands inside its components.

MJML's "ending" components hold HTML, which need not be XML: `<br>`, `&nbsp;`, a table row inside `{{#each}}`. Their
contents are one token each, so that nothing ever parses, moves or rewrites them. Every token knows its line.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

# Components whose content is HTML or words. https://documentation.mjml.io/#ending-tags
ENDING: Final = frozenset(
    {
        "mj-accordion-text",
        "mj-accordion-title",
        "mj-button",
        "mj-navbar-link",
        "mj-preview",
        "mj-raw",
        "mj-social-element",
        "mj-style",
        "mj-table",
        "mj-text",
        "mj-title",
    }
)

# The search for a comment's end stops where another one begins: thousands that are never closed cost one pass.
_HANDLEBARS = r"\{\{!--(?:(?!\{\{!--).)*?--~?\}\}|\{\{\{[^{}]*\}\}\}|\{\{[^{}]*\}\}"
HANDLEBARS: Final = re.compile(_HANDLEBARS, re.DOTALL)
# As browsers read it: what is never closed (`open`) reaches to the end.
HTML_COMMENT: Final = r"<!--(?:-?>|.*?(?:--!?>|(?P<open>\Z)))"
# Conditions, loops, their ends, and comments: what prints nothing by itself.
PRINTS_NOTHING: Final = re.compile(r"\{\{~?\s*(?:[#/!^]|else\b)")
_COMMENT = re.compile(rf"{HTML_COMMENT}|<\?.*?(?:\?>|\Z)|<!DOCTYPE[^>]*>", re.DOTALL | re.IGNORECASE)


def whole(name: str, pattern: str) -> str:
    """A group that, once matched, gives nothing back: a tag which is never closed costs one pass over it.

    Possessive quantifiers say the same, but not in Python 3.11.2, where they are wrong around groups
    (https://github.com/python/cpython/issues/106052).
    """
    return f"(?=(?P<{name}>{pattern}))(?P={name})"


_START = re.compile(
    r"<(?P<name>[A-Za-z][\w:.-]*)(?![\w:.-])"
    + whole("rest", rf"(?:{_HANDLEBARS}|\"[^\"]*\"|'[^']*'|[^<>\"'])*")
    + ">",
    re.DOTALL,
)
_END = re.compile(r"</(?P<name>[A-Za-z][\w:.-]*)\s*>")
# Looked for once at each run of spaces and at each word, not at each of their letters.
_ATTRIBUTE = re.compile(
    r"(?<!\s)\s*(?<![\w:.-])(?P<name>[A-Za-z_:][\w:.-]*)\s*=\s*(?:\"(?P<double>[^\"]*)\"|'(?P<single>[^']*)')",
    re.DOTALL,
)


@dataclass(slots=True)
class Token:
    """`kind` is start, empty, end, content, handlebars, comment or text; `raw` is the source as it stands."""

    kind: str
    raw: str
    line: int
    name: str = ""
    attributes: dict[str, str] = field(default_factory=dict)
    leftover: str = ""


def scan(source: str) -> Iterator[Token]:
    """Yield the tokens of `source`; joined, their `raw` is the source again, byte for byte."""
    position, line = 0, 1
    while position < len(source):
        for token in _next(source, position, line):
            yield token
            position += len(token.raw)
            line += token.raw.count("\n")


def _next(source: str, at: int, line: int) -> list[Token]:
    if match := HANDLEBARS.match(source, at):
        return [Token("handlebars", match.group(), line)]
    if match := _COMMENT.match(source, at):
        kind = "comment" if match["open"] is None else "text"  # which is refused, with its line
        return [Token(kind, match.group(), line)]
    if match := _END.match(source, at):
        return [Token("end", match.group(), line, match["name"])]
    if match := _START.match(source, at):
        return _start(source, match, line)
    following = re.search(r"<|\{\{", source[at + 1 :])
    end = at + 1 + following.start() if following else len(source)
    return [Token("text", source[at:end], line)]


def _start(source: str, match: re.Match[str], line: int) -> list[Token]:
    name, raw = match["name"], match.group()
    kind = "empty" if match["rest"].endswith("/") else "start"
    attributes, leftover = _attributes(match["rest"].removesuffix("/"))
    token = Token(kind, raw, line, name, attributes, leftover)
    if kind == "empty" or name not in ENDING:
        return [token]
    closing = re.compile(rf"</{name}\s*>").search(source, match.end())
    if closing is None or closing.start() == match.end():
        return [token]
    return [token, Token("content", source[match.end() : closing.start()], line + raw.count("\n"), name)]


def _attributes(rest: str) -> tuple[dict[str, str], str]:
    found = {
        m["name"]: m["double"] if m["double"] is not None else m["single"] for m in _ATTRIBUTE.finditer(rest)
    }
    return found, _ATTRIBUTE.sub("", rest).strip()
