"""Cut a template into literal text and Handlebars tags, each with its line, without interpreting anything."""

import re
from collections.abc import Iterator
from typing import NamedTuple

_OPEN = re.compile(r"\\?\{\{")
_COMMENT = re.compile(r"\{\{~?!(?:--(?P<long>.*?)--|(?P<short>.*?))~?\}\}", re.DOTALL)
_TAG = re.compile(
    r"\{\{\{(?P<t1>~?)\s*(?P<triple>[^{}]*?)\s*(?P<t2>~?)\}\}\}"
    r"|\{\{(?P<d1>~?)\s*(?P<double>[^{}]*?)\s*(?P<d2>~?)\}\}"
)


class Token(NamedTuple):
    """`kind` is text, tag or broken; a tag's `value` is what stands between its braces, trimmed."""

    kind: str
    value: str
    line: int
    opened: bool = False
    closed: bool = False
    triple: bool = False


def tokenize(source: str) -> Iterator[Token]:
    """Yield the tokens of `source`. Braces that open no complete tag come back as `broken`."""
    position, line = 0, 1
    while True:
        opening = _OPEN.search(source, position)
        end = opening.start() if opening else len(source)
        if end > position:
            yield Token("text", source[position:end], line)
            line += source.count("\n", position, end)
        if opening is None:
            return
        token, position = _tag(source, end, line)
        if token is not None:
            yield token
        line += source.count("\n", end, position)


def _tag(source: str, start: int, line: int) -> tuple[Token | None, int]:
    if source[start] == "\\" or source.startswith("{{{{", start):
        return Token("broken", source[start : start + 20], line), start + 3
    comment = _COMMENT.match(source, start) if "!" in source[start + 2 : start + 4] else None
    if comment:
        return None, comment.end()
    match = _TAG.match(source, start)
    if match is None:
        return Token("broken", source[start : start + 20], line), start + 2
    if match["triple"] is not None:
        return Token("tag", match["triple"], line, bool(match["t1"]), bool(match["t2"]), True), match.end()
    return Token("tag", match["double"], line, bool(match["d1"]), bool(match["d2"])), match.end()
