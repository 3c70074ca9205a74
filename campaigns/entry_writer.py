"""The entries of `SendBulkEmail` calls as JSON text: pieces prepared once per run, joined with what is a person's own.

`entries.build_entry` and `entries.request` say what is sent; this says the same in a fifth of the time, and a property
test holds the two together. A value that is plain ASCII without special characters reads the same in the subject, in
HTML and inside JSON inside JSON, so it is put in as it stands; everything else takes the careful way.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import orjson

from . import entries, own_links, tokens
from .rendering.compiling import ESCAPED_ROOT
from .rendering.data import MAX_DATA_CHARS, Step, complete, escape_html, escaped, plain

_PLAIN: Final = re.compile(r"[ !#-%(-;=?-\[\]-~]*").fullmatch
_PLAIN_ADDRESS: Final = re.compile(r"[A-Za-z0-9.+_-]{1,64}@[A-Za-z0-9.-]{1,255}").fullmatch
_NOBODY: Final = UUID(int=0)
_LINKS: Final = {
    "unsubscribe_url": entries.UNSUBSCRIBE_PATH,
    "preferences_url": entries.PREFERENCES_PATH,
    "view_url": entries.VIEW_PATH,
}
_OWN: Final = {"email": 0, "name": 1, "language": 2}
_PLACE: Final = re.compile(r"\x00(\w+)\x00")  # JSON never holds a NUL, so no value can look like a place


class EntryWriter:
    """Writes the entries of one run and template version."""

    def __init__(self, context: entries.RunContext) -> None:
        """Prepare everything that is the same for all recipients."""
        self._context = context
        self._heads: dict[str, bytes] = {}
        self._make_token = tokens.codec().make
        steps = context.builder.steps
        # A template that reads inside a link, which is text, is rare enough for the slow way.
        self._is_odd = any(step.root in _LINKS and step.is_nested for step in steps)
        # Literal text and, at every second position, a place to be filled.
        self._pieces = _PLACE.split(self._prepare(steps))
        self._steps = [
            (
                step.root,
                self._places(_key("plain", step.root)),
                self._places(_key("html", step.root)),
                step.is_nested,
                step.default,
                _OWN.get(step.root),
            )
            for step in steps
            if step.root not in _LINKS
        ]
        self.needs_fields = any(own is None for *_, own in self._steps)
        self._to, self._subscriber = self._places("to"), self._places("subscriber")
        self._token = self._places("token")
        self._make_tracking_token = tokens.tracking_codec().make
        self._opens = self._places(_key("html", own_links.OPEN))
        self._clicks = self._places(_key("html", own_links.CLICK))
        # Empty, unless this person may be counted by ourselves.
        _fill(self._pieces, self._opens + self._clicks, _twice(""))
        self._open_start, self._click_start = (
            _twice(escape_html(context.public_url + path))[:-2]
            for path in (own_links.PIXEL_PATH, own_links.LINK_PATH)
        )

    def write(
        self,
        subscriber_id: int,
        email: str,
        name: str,
        language: str,
        fields: Mapping[str, Any],
        *,
        opens: bool = False,
        clicks: bool = False,
    ) -> str:
        """One `BulkEmailEntries` item. Raises `UnmailableEntry` when this person alone cannot be mailed.

        `fields` may be empty unless `needs_fields`. `opens` and `clicks` say what we count of this person by ourselves.
        """
        if self._is_odd:
            return self._slowly(subscriber_id, email, name, language, fields, opens=opens, clicks=clicks)
        pieces = self._pieces.copy()
        if opens or clicks:
            self._fill_tracking(pieces, subscriber_id, opens=opens, clicks=clicks)
        to = email if _PLAIN_ADDRESS(email) else orjson.dumps(entries.mailable_address(email)).decode()[1:-1]
        _fill(pieces, self._to, to)
        _fill(pieces, self._subscriber, str(subscriber_id))
        _fill(pieces, self._token, self._make_token(self._context.run_id, subscriber_id))
        person = (email, name, language)
        for root, plain_at, html_at, is_nested, default, own in self._steps:
            value = fields.get(root) if own is None else person[own]
            if not value and root == "first_name":
                value = name.split(" ", 1)[0]
            if value is None or value == "":
                value = default
            if type(value) is str and not is_nested and _PLAIN(value):
                _fill(pieces, plain_at + html_at, f'\\"{value}\\"')
                continue
            if is_nested:
                value = complete(value, root, self._context.builder.names)
            _fill(pieces, plain_at, _twice(plain(value)))
            _fill(pieces, html_at, _twice(escaped(value)))
        entry = "".join(pieces)
        # Encoding only ever lengthens: what is short here was short before.
        if len(entry) > MAX_DATA_CHARS:
            return self._slowly(subscriber_id, email, name, language, fields, opens=opens, clicks=clicks)
        return entry

    def _fill_tracking(self, pieces: list[str], subscriber_id: int, *, opens: bool, clicks: bool) -> None:
        token = self._make_tracking_token(self._context.run_id, subscriber_id)
        if opens:
            _fill(pieces, self._opens, f'{self._open_start}{token}.gif\\"')
        if clicks:
            _fill(pieces, self._clicks, f'{self._click_start}{token}/\\"')

    def request(self, configuration_set: str, items: Sequence[str]) -> bytes:
        """The whole call for at most 50 entries."""
        head = self._heads.get(configuration_set)
        if head is None:
            call = entries.request(self._context, configuration_set, [])
            del call["BulkEmailEntries"]
            head = self._heads[configuration_set] = orjson.dumps(call)[:-1] + b',"BulkEmailEntries":['
        return b"%b%b]}" % (head, ",".join(items).encode())

    def _slowly(
        self,
        subscriber_id: int,
        email: str,
        name: str,
        language: str,
        fields: Mapping[str, Any],
        *,
        opens: bool,
        clicks: bool,
    ) -> str:
        person = entries.Person(subscriber_id, _NOBODY, email, name, language, fields)
        entry = entries.build_entry(self._context, person, opens=opens, clicks=clicks)
        return orjson.dumps(entry).decode()

    def _places(self, key: str) -> tuple[int, ...]:
        return tuple(n for n in range(1, len(self._pieces), 2) if self._pieces[n] == key)

    def _prepare(self, steps: Sequence[Step]) -> str:
        head, tail = orjson.dumps(entries.skeleton(self._context)).decode().split(entries.DATA_PLACE)
        head = head.replace(entries.ADDRESS_PLACE, _place("to"))
        head = head.replace(entries.SUBSCRIBER_PLACE, _place("subscriber"))
        return head + self._data(steps) + tail.replace(entries.TOKEN_PLACE, _place("token"))

    def _data(self, steps: Sequence[Step]) -> str:
        """The template data, encoded twice, with places for what is a person's own."""
        builder = self._context.builder
        outer = [_pair(root, value) for root, value in builder.fixed_plain.items()]
        outer += [self._own("plain", step.root) for step in steps if step.is_plain]
        inner = [
            self._own("html", root) if root in own_links.NAMES else _pair(root, value)
            for root, value in builder.fixed_html.items()
        ]
        inner += [self._own("html", step.root) for step in steps if step.is_html]
        outer.append(f"{_twice(ESCAPED_ROOT)}:{{{','.join(inner)}}}")
        return "{" + ",".join(outer) + "}"

    def _own(self, part: str, root: str) -> str:
        if root not in _LINKS:
            return f"{_twice(root)}:{_place(_key(part, root))}"
        start = self._context.public_url + _LINKS[root]
        # Character by character, so the encoding of the whole is that of its parts.
        text = _twice(escape_html(start) if part == "html" else start)
        return f'{_twice(root)}:{text[:-2]}{_place("token")}/\\"'


def _fill(pieces: list[str], places: tuple[int, ...], text: str) -> None:
    for place in places:
        pieces[place] = text


def _key(part: str, root: str) -> str:
    """The name of a place; a variable's name may hold anything."""
    return f"{part}_{root.encode().hex()}"


def _place(key: str) -> str:
    return f"\x00{key}\x00"


def _twice(value: Any) -> str:
    """JSON as it stands within a JSON string."""
    return orjson.dumps(orjson.dumps(value).decode()).decode()[1:-1]


def _pair(root: str, value: Any) -> str:
    return f"{_twice(root)}:{_twice(value)}"
