"""Build the template data of one recipient: complete, escaped, and within the limits of SES.

SES escapes nothing and fails a mail whose data lacks a variable, so each variable that the template reads is
always present: plain with line breaks stripped for subject and text, escaped under `html` for the HTML part.
Limit: ReplacementTemplateData is a JSON string of at most 262,144 characters (SES v2 API model).
"""

import html
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import orjson

from .compiling import ESCAPED_ROOT
from .variables import TemplateVariables, root_of

MAX_DATA_CHARS: Final = 262_144

_MAX_INTEGER: Final = 2**53 - 1

_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})

Value = Any  # A JSON value: str, bool, int, float, None, list or dict of these.

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_SPECIAL = re.compile(r"[&<>\"']")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]+")


class TemplateDataTooLarge(ValueError):
    """One recipient's data passes the limit of SES; nobody else's mail may fail for it."""


def one_line(value: str) -> str:
    """The value with line breaks and control characters turned into single spaces."""
    return value if value.isprintable() else _UNPRINTABLE.sub(" ", value).strip()


def escape_html(value: str) -> str:
    """The value, safe in HTML text and in quoted attributes."""
    if not value.isprintable():
        value = _CONTROL.sub(" ", value)
    return html.escape(value) if _SPECIAL.search(value) else value


def plain(value: Value) -> Value:
    """A JSON value for subject and text: every string on one line, keys kept."""
    return one_line(value) if isinstance(value, str) else _deep(value, one_line)


def escaped(value: Value) -> Value:
    """A JSON value for the HTML part: every string escaped."""
    return escape_html(value) if isinstance(value, str) else _deep(value, escape_html)


def _deep(value: Value, leaf: Callable[[str], str]) -> Value:
    if isinstance(value, list | tuple):
        return [_deep(item, leaf) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _deep(item, leaf) for key, item in value.items()}
    single = _single(value)
    return leaf(single) if isinstance(single, str) else single


def _single(value: Value) -> Value:
    if value is None:
        return ""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) <= _MAX_INTEGER else value
    # What a number of JavaScript cannot hold is shown as it was written.
    is_number = isinstance(value, int) and abs(value) <= _MAX_INTEGER
    return value if is_number else str(value)


def shape_of(root: str, names: Iterable[str]) -> Value:
    """An empty value of the form in which a template reads `root`: text, list or nested names."""
    rests = sorted(n[len(root) :] for n in names if root_of(n) == root)
    return _shape([r for r in rests if r])


def _shape(rests: list[str]) -> Value:
    if any(r.startswith("[]") for r in rests):
        return []
    heads: dict[str, list[str]] = {}
    for rest in rests:
        head = re.split(r"[.\[]", rest[1:], maxsplit=1)[0]
        heads.setdefault(head, []).append(rest[1 + len(head) :])
    return {head: _shape([r for r in tails if r]) for head, tails in heads.items()} if heads else ""


def complete(value: Value, root: str, names: Iterable[str]) -> Value:
    """The value with every nested name the template reads put in where it is missing."""
    rests = sorted(n[len(root) :] for n in names if root_of(n) == root)
    return _complete(value, [r for r in rests if r])


def _complete(value: Value, rests: list[str]) -> Value:
    if not rests:
        return value
    if any(r.startswith("[]") for r in rests):
        inner = [r[2:] for r in rests if r.startswith("[]") and len(r) > 2]
        items = list(value) if isinstance(value, list | tuple) else [value] if value else []
        return [_complete(item, inner) for item in items]
    found = dict(value) if isinstance(value, Mapping) else {}
    for rest in rests:
        head = re.split(r"[.\[]", rest[1:], maxsplit=1)[0]
        tails = [r[1 + len(head) :] for r in rests if re.split(r"[.\[]", r[1:], maxsplit=1)[0] == head]
        found[head] = _complete(found.get(head, _shape([t for t in tails if t])), [t for t in tails if t])
    return found


class Step(NamedTuple):
    """One top-level name that is looked up per person."""

    root: str
    is_plain: bool
    is_html: bool
    is_nested: bool
    default: Value


class DataBuilder:
    """Builds `ReplacementTemplateData` for every recipient of one template version.

    `constants` are the values that are the same for everybody (campaign variables, postal address); they are
    prepared once. `defaults` stand in for values that a person does not have.
    """

    def __init__(
        self,
        variables: TemplateVariables,
        *,
        constants: Mapping[str, Value] | None = None,
        defaults: Mapping[str, Value] | None = None,
    ) -> None:
        constants = constants or {}
        self.names = variables.all
        self._defaults = {root: self._default(root, defaults or {}) for root in variables.roots()}
        plain_roots = frozenset(root_of(n) for n in variables.plain)
        html_roots = frozenset(root_of(n) for n in variables.html)
        self._nested = frozenset(root_of(n) for n in self.names if n != root_of(n))
        fixed = {r: self._completed(r, constants[r]) for r in variables.roots() if r in constants}
        self.fixed_plain = {r: plain(v) for r, v in fixed.items() if r in plain_roots}
        self.fixed_html = {r: escaped(v) for r, v in fixed.items() if r in html_roots}
        # Sorted, because equal data must give equal text.
        self.steps = [
            Step(root, root in plain_roots, root in html_roots, root in self._nested, self._defaults[root])
            for root in sorted((plain_roots | html_roots) - fixed.keys())
        ]

    def _default(self, root: str, defaults: Mapping[str, Value]) -> Value:
        value = defaults.get(root)
        return shape_of(root, self.names) if value in (None, "") else value

    def _completed(self, root: str, value: Value) -> Value:
        if value is None or value == "":
            value = self._defaults[root]
        return complete(value, root, self.names) if root in self._nested else value

    @property
    def person_names(self) -> frozenset[str]:
        """The top-level names to be looked up per person; the rest is constant."""
        return frozenset(step[0] for step in self.steps)

    def as_dict(self, values: Mapping[str, Value]) -> dict[str, Value]:
        """The data of one recipient, as the renderer reads it."""
        data, inner = self.fixed_plain.copy(), self.fixed_html.copy()
        find, special = values.get, _SPECIAL.search
        for root, is_plain, is_html, is_nested, default in self.steps:
            value = find(root)
            if value is None or value == "":
                value = default
            if is_nested:
                value = complete(value, root, self.names)
            if type(value) is str and value.isprintable():
                # Nearly every value of nearly everybody: nothing to take out of it, at most to escape.
                if is_plain:
                    data[root] = value
                if is_html:
                    inner[root] = html.escape(value) if special(value) else value
                continue
            if is_plain:
                data[root] = plain(value)
            if is_html:
                inner[root] = escaped(value)
        data[ESCAPED_ROOT] = inner
        return data

    def build(self, values: Mapping[str, Value], own: Mapping[str, str] = _NOTHING) -> str:
        """The JSON string for SES. Raises `TemplateDataTooLarge` above 262,144 characters.

        `own` stands in for constants of the HTML part, where the template reads them.
        """
        data = self.as_dict(values)
        inner = data[ESCAPED_ROOT]
        inner |= {root: escape_html(value) for root, value in own.items() if root in self.fixed_html}
        text = orjson.dumps(data).decode()
        if len(text) > MAX_DATA_CHARS:
            message = f"template data of {len(text)} characters; Amazon SES takes {MAX_DATA_CHARS}"
            raise TemplateDataTooLarge(message)
        return text
