"""Cut a template into literal text and Handlebars tags, each with its line, without interpreting anything."""

import re
from collections.abc import Iterator
from typing import NamedTuple

_OPEN = re.compile(r"\\?\{\{")
_LONG = re.compile(r"\{\{~?!--.*?--~?\}\}", re.DOTALL)
_SHORT = re.compile(r"\{\{~?!.*?\}\}", re.DOTALL)
# Trimmed afterwards: spaces that three parts of a pattern can take cost the cube of their number.
_TAG = re.compile(
    r"\{\{\{(?P<t1>~?)(?P<triple>[^{}]*?)(?P<t2>~?)\}\}\}|\{\{(?P<d1>~?)(?P<double>[^{}]*?)(?P<d2>~?)\}\}"
)


class Token(NamedTuple):
    """`kind` is text, tag or broken; a tag's `value` is what stands between its braces, trimmed."""

    kind: str
    value: str
    line: int
    opened: bool = False
    closed: bool = False
    triple: bool = False


class _Ends(NamedTuple):
    """Where comments end last. Behind it none is looked for: thousands never closed would each cost a pass."""

    long: int
    short: int


def tokenize(source: str) -> Iterator[Token]:
    """Yield the tokens of `source`. Braces that open no complete tag come back as `broken`."""
    position, line = 0, 1
    ends = _Ends(max(source.rfind("--}}"), source.rfind("--~}}")), source.rfind("}}"))
    while True:
        opening = _OPEN.search(source, position)
        end = opening.start() if opening else len(source)
        if end > position:
            yield Token("text", source[position:end], line)
            line += source.count("\n", position, end)
        if opening is None:
            return
        token, position = _tag(source, end, line, ends)
        if token is not None:
            yield token
        line += source.count("\n", end, position)


def _tag(source: str, start: int, line: int, ends: _Ends) -> tuple[Token | None, int]:
    if source[start] == "\\" or source.startswith("{{{{", start):
        return Token("broken", source[start : start + 20], line), start + 3
    if "!" in source[start + 2 : start + 4] and (comment := _comment(source, start, ends)):
        return None, comment.end()
    match = _TAG.match(source, start)
    if match is None:
        return Token("broken", source[start : start + 20], line), start + 2
    if match["triple"] is not None:
        value = match["triple"].strip()
        return Token("tag", value, line, bool(match["t1"]), bool(match["t2"]), True), match.end()
    return Token("tag", match["double"].strip(), line, bool(match["d1"]), bool(match["d2"])), match.end()


def _comment(source: str, start: int, ends: _Ends) -> re.Match[str] | None:
    found = _LONG.match(source, start) if start < ends.long else None
    return found or (_SHORT.match(source, start) if start < ends.short else None)
