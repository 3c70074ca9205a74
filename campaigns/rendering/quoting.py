"""Values inside of tags: each stands between quotes, or a space in it would make an attribute of the rest.

Escaping makes a value safe as text and between quotes, and nowhere else
(https://cheatsheetseries.owasp.org/cheatsheets/Cross_Site_Scripting_Prevention_Cheat_Sheet.html). HTML needs no
quotes around `href={{link}}`, and old sources have none; so they are put there.
"""

import re
from collections.abc import Iterator
from typing import Final

from .mjml_tokens import HANDLEBARS, HTML_COMMENT, PRINTS_NOTHING, whole

_HANDLEBARS: Final = HANDLEBARS.pattern
# As a browser reads them: quotes mean something only after an equals sign.
_QUOTED: Final = r"=\s*\"[^\"]*\"|=\s*'[^']*'"
# What stands in a style, script, title or text area is no markup, up to its end tag or the end of all.
_TAG: Final = re.compile(
    rf"{HTML_COMMENT}|{_HANDLEBARS}"
    r"|<(?P<name>(?P<opaque>style|script|title|textarea)(?![\w:-])|[A-Za-z][\w:-]*)(?![\w:-])"
    + whole("rest", rf"(?:{_HANDLEBARS}|{_QUOTED}|[^<>])*")
    + r">(?P<content>(?(opaque).*?(?:</(?P=opaque)(?=[\s/>])|\Z)|))",
    re.DOTALL | re.IGNORECASE,
)
_VALUE: Final = re.compile(
    rf"{_QUOTED}|(?P<equals>=\s*)(?P<bare>(?:{_HANDLEBARS}|[^\s<>\"'])(?:{_HANDLEBARS}|[^\s<>])*)"
    rf"|(?P<loose>{_HANDLEBARS})",
    re.DOTALL,
)
_BEGINS: Final = re.compile(r"\{\{~?\s*#")
_ELSE: Final = re.compile(r"\{\{~?\s*(?:\^|else\b)")
_ENDS: Final = re.compile(r"\{\{~?\s*/")
_IN_NAME: Final = re.compile(rf"</?(?P<loose>{_HANDLEBARS})", re.DOTALL)
# A tag with Handlebars outside of quotes: most sources have none, and need no second look.
_BARE: Final = re.compile(
    "<[A-Za-z]" + whole("before", rf"(?:[^<>={{]+|{_QUOTED}|=(?!\s*[\"'])=*|\{{(?!\{{))*") + r"\{\{"
)


def quote_values(page: str) -> str:
    """The HTML with quotes around every attribute that holds Handlebars and has none; all else as it stands."""
    return _TAG.sub(_quoted_tag, page) if _BARE.search(page) else page


def _quoted_tag(match: re.Match[str]) -> str:
    rest = match["rest"]
    if not rest or "{{" not in rest:
        return match.group()
    return f"<{match['name']}{_VALUE.sub(_quoted, rest)}>{match['content']}"


def _quoted(match: re.Match[str]) -> str:
    bare = match["bare"]
    if not bare or "{{" not in bare:
        return match.group()
    end = _end_of_value(bare)
    value, rest = bare[:end].replace('"', "&quot;"), _VALUE.sub(_quoted, bare[end:])
    return f'{match["equals"]}"{value}"{rest}' if "{{" in value else f"{match['equals']}{value}{rest}"


def _end_of_value(bare: str) -> int:
    """Where a value ends: at the latest at the end of the condition in which the whole attribute stands."""
    depth = 0
    for tag in HANDLEBARS.finditer(bare):
        begins, ends = bool(_BEGINS.match(tag.group())), bool(_ENDS.match(tag.group()))
        if depth == 0 and (ends or _ELSE.match(tag.group())):
            return tag.start()
        depth += begins - ends
    return len(bare)


def loose_values(source: str) -> Iterator[tuple[str, int]]:
    """Values in a tag's name or between its attributes, where nothing can make them safe, each with its line."""
    for found in _IN_NAME.finditer(source):
        yield found["loose"], source.count("\n", 0, found.start()) + 1
    for tag in _TAG.finditer(source) if _BARE.search(source) else ():
        if not tag["rest"] or "{{" not in tag["rest"]:
            continue
        for found in _VALUE.finditer(tag["rest"]):
            if found["loose"] and not PRINTS_NOTHING.match(found["loose"]):
                yield found["loose"], source.count("\n", 0, tag.start("rest") + found.start()) + 1
