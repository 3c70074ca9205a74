"""Run a part's tree with one person's data, as handlebars.js does without escaping.

Only what the guard accepts exists in a tree: values, `if`, `unless`, `each`, `with`, `else`, white space control. A
value that the data lack is an error, as it is at Amazon SES.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from .compiling import Rewrite
from .nodes import THIS, Block, Mustache, Node, Path, Text

_LINE_ENDS = re.compile(r"\r?\n\s*?\Z")
_LINE_ENDS_OR_BEGINS = re.compile(r"(?:\A|\r?\n)\s*?\Z")
_LINE_BEGINS = re.compile(r"\s*?\r?\n")
_LINE_BEGINS_OR_ENDS = re.compile(r"\s*?(?:\r?\n|\Z)")
_REST_OF_LINE = re.compile(r"\A[ \t]*\r?\n?")
_SPACES = re.compile(r"\A\s+")
# From here on JavaScript writes a number with an exponent.
_LARGEST_PLAIN: Final = Decimal("1e21")
_SMALLEST_PLAIN: Final = Decimal("1e-6")


class MissingValueError(LookupError):
    """The data hold nothing under a name that the template reads."""


@dataclass(slots=True)
class _Words:
    """Literal text: as written, and what is left of it once white space around tags was taken away."""

    written: str
    value: str
    begin_cut: bool = False
    end_cut: bool = False


@dataclass(slots=True)
class _Value:
    path: Path
    trims: list[tuple[bool, bool]]


@dataclass(slots=True)
class _Section:
    helper: str
    path: Path
    body: "_Program"
    inverse: "_Program | None"
    trims: list[tuple[bool, bool]]

    @property
    def end(self) -> "_Program":
        """The part that the closing tag ends."""
        return self.body if self.inverse is None else self.inverse


_Program = list[_Words | _Value | _Section]


@dataclass(slots=True)
class _Scope:
    """Where a path is looked up: the values entered so far, the data itself first, and the loop around."""

    contexts: list[Any]
    loop: dict[str, Any] = field(default_factory=dict)


def run(nodes: list[Node], rewrite: Rewrite, data: Mapping[str, Any]) -> str:
    """The part as text. Raises `MissingValueError`."""
    program = _prepare(nodes, rewrite, 0)
    _tidy(program, is_root=True)
    out: list[str] = []
    _run(program, _Scope([data]), out)
    return "".join(out)


def _prepare(nodes: list[Node], rewrite: Rewrite, depth: int) -> _Program:
    program: _Program = []
    for node in nodes:
        if isinstance(node, Text):
            before = program[-1] if program else None
            if isinstance(before, _Words):  # a comment or a partial stood between them
                before.written = before.value = before.written + node.value
            elif node.value:
                program.append(_Words(node.value, node.value))
        elif isinstance(node, Mustache):
            program.append(_Value(rewrite(node.path, depth), [(node.opened, node.closed)]))
        elif isinstance(node, Block):
            inner = depth + 1 if node.enters else depth
            body = _prepare(node.body, rewrite, inner)
            inverse = None if node.inverse is None else _prepare(node.inverse, rewrite, depth)
            program.append(_Section(node.helper, rewrite(node.path, depth), body, inverse, node.trims))
    return program


def _tidy(program: _Program, *, is_root: bool = False) -> None:
    """Take away what `~` trims, and the lines on which nothing but a block's tag stands."""
    for place, item in enumerate(program):
        if isinstance(item, _Words):
            continue
        opens = closes = False
        if isinstance(item, _Section):
            opens, closes = _tidy_section(item)
            opens = opens and _ends_line(program, place, is_root=is_root)
            closes = closes and _begins_line(program, place, is_root=is_root)
        if item.trims[-1][1]:
            _cut_begin(program, place + 1, _SPACES)
        if item.trims[0][0]:
            _cut_end(program, place, None)
        if opens and isinstance(item, _Section):
            _cut_begin(item.body, 0)
            _cut_end(program, place)
        if closes and isinstance(item, _Section):
            _cut_begin(program, place + 1)
            _cut_end(item.end, len(item.end))


def _tidy_section(section: _Section) -> tuple[bool, bool]:
    """Tidy the inside of a block; whether its opening and its closing tag have their lines to themselves there."""
    body, inverse, end = section.body, section.inverse, section.end
    _tidy(body)
    if inverse is not None:
        _tidy(inverse)
    alone = _begins_line(body, -1), _ends_line(end, len(end))
    if section.trims[0][1]:
        _cut_begin(body, 0, _SPACES)
    if inverse is not None:
        _tidy_else(body, inverse, section.trims[1])
    if section.trims[-1][0]:
        _cut_end(end, len(end), None)
    return alone


def _tidy_else(body: _Program, inverse: _Program, trims: tuple[bool, bool]) -> None:
    if trims[0]:
        _cut_end(body, len(body), None)
    if trims[1]:
        _cut_begin(inverse, 0, _SPACES)
    if _ends_line(body, len(body)) and _begins_line(inverse, -1):
        _cut_end(body, len(body))
        _cut_begin(inverse, 0)


def _ends_line(program: _Program, place: int, *, is_root: bool = False) -> bool:
    """Whether what stands before `place` leaves a tag there at the beginning of a line."""
    if place == 0:
        return is_root
    before = program[place - 1]
    pattern = _LINE_ENDS_OR_BEGINS if is_root and place == 1 else _LINE_ENDS
    return isinstance(before, _Words) and pattern.search(before.written) is not None


def _begins_line(program: _Program, place: int, *, is_root: bool = False) -> bool:
    """Whether what stands after `place` begins with the end of a line."""
    if place + 1 == len(program):
        return is_root
    after = program[place + 1]
    pattern = _LINE_BEGINS_OR_ENDS if is_root and place + 2 == len(program) else _LINE_BEGINS
    return isinstance(after, _Words) and pattern.match(after.written) is not None


def _cut_begin(program: _Program, place: int, what: re.Pattern[str] = _REST_OF_LINE) -> None:
    """Take white space from the beginning of an item: the rest of a line but once, or all of it."""
    words = program[place] if place < len(program) else None
    if isinstance(words, _Words) and (what is _SPACES or not words.begin_cut):
        rest = what.sub("", words.value, count=1)
        words.begin_cut, words.value = rest != words.value, rest


def _cut_end(program: _Program, place: int, what: str | None = " \t") -> None:
    """Take white space from the end of what stands before `place`: that of a line but once, or (`None`) all of it."""
    words = program[place - 1] if place else None
    if isinstance(words, _Words) and (what is None or not words.end_cut):
        rest = words.value.rstrip(what)
        words.end_cut, words.value = rest != words.value, rest


def _run(program: _Program, scope: _Scope, out: list[str]) -> None:
    for item in program:
        if isinstance(item, _Words):
            out.append(item.value)
        elif isinstance(item, _Value):
            out.append(_written(_find(item.path, scope)))
        else:
            _run_section(item, scope, out)


def _run_section(section: _Section, scope: _Scope, out: list[str]) -> None:
    value = _find(section.path, scope)
    shown = False
    for inner in _scopes(section, value, scope):
        _run(section.body, inner, out)
        shown = True
    if not shown and section.inverse is not None:
        _run(section.inverse, scope, out)


def _scopes(section: _Section, value: Any, scope: _Scope) -> Iterator[_Scope]:
    """One scope for each time that the body of a block is shown."""
    if section.helper == "each":
        yield from _loops(value, scope)
    elif section.helper == "with":
        if not _is_empty(value):
            yield scope if section.path == THIS else _Scope([*scope.contexts, value], scope.loop)
    elif (not _is_empty(value) and value != 0) == (section.helper == "if"):
        yield scope


def _loops(value: Any, scope: _Scope) -> Iterator[_Scope]:
    if isinstance(value, Mapping):
        items = list(value.items())
    elif isinstance(value, list | tuple):
        items = list(enumerate(value))
    else:
        return
    for index, (key, item) in enumerate(items):
        loop = {"index": index, "key": key, "first": index == 0, "last": index == len(items) - 1}
        yield _Scope([*scope.contexts, item], loop)


def _find(path: Path, scope: _Scope) -> Any:
    if path.data and path.data != "root":
        if path.data not in scope.loop:
            raise MissingValueError(str(path))
        return scope.loop[path.data]
    value = scope.contexts[0] if path.data else scope.contexts[-1 - path.ups]
    for name in path.segments:
        if not isinstance(value, Mapping) or name not in value:
            raise MissingValueError(str(path))
        value = value[name]
    return value


def _is_empty(value: Any) -> bool:
    """What `if` takes for nothing; a zero is something to `with`."""
    if isinstance(value, list | tuple):
        return not value
    return value is None or value is False or value == ""


def _written(value: Any) -> str:
    """A value as JavaScript turns it into text."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return ",".join(_written(item) for item in value)
    if isinstance(value, Mapping):
        return "[object Object]"
    return _number(value)


def _number(value: float) -> str:
    if isinstance(value, int):
        return str(value)
    if not math.isfinite(value):
        return ""  # JSON holds none
    exact = Decimal(repr(value))
    if exact == 0:
        return "0"
    if _SMALLEST_PLAIN <= abs(exact) < _LARGEST_PLAIN:
        return format(exact.normalize(), "f")
    mantissa, exponent = f"{exact.normalize():e}".split("e")
    return f"{mantissa}e{int(exponent):+d}"
