"""Links and a pixel of our own in a stored HTML part: what lets this site count clicks and opens. Pure.

A link becomes a condition: people whose clicks may be counted get our redirect, everybody else (no consent, test mails,
previews, the archive, the copy in the browser) the plain address, because the variable is empty unless the sender fills
it. The redirect leads only where the author wrote: a host that hangs on a person's data is never ours to redirect to.
Any doubt about a link leaves it plain, hence uncounted.
"""

import hashlib
import re
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final
from urllib.parse import quote

from . import honeypot
from .rendering.entities import attribute_text
from .rendering.mjml_tokens import HANDLEBARS, HTML_COMMENT, whole
from .rendering.parser import MAX_DEPTH, parse_part
from .rendering.problems import Part

LINK_PATH: Final = "/l/"
PIXEL_PATH: Final = "/o/"
# Variables of the HTML part alone. Nobody else's value ever has these names.
CLICK, OPEN = "mp_click", "mp_open"
NAMES: Final = frozenset({CLICK, OPEN})
KEY_LENGTH: Final = 12
# Addresses of one person: neither stored nor sent on to others.
_PERSONAL: Final = frozenset({"unsubscribe_url", "preferences_url", "view_url"})
_OF_A_PERSON: Final = "\ue000"  # stands for a person's value; no part of a host

# As browsers read them: quotes mean something only after an equals sign.
_ELEMENT: Final = re.compile(
    r"<(?:a|area|v:\w+)(?=\s)" + whole("rest", r"(?:=\s*\"[^\"]*\"|=\s*'[^']*'|[^<>])*") + ">", re.IGNORECASE
)
_ATTRIBUTE: Final = re.compile(
    r"\{\{[^{}]*\}\}|(?P<name>[^\s\"'<>/={}]+)"
    r"(?:\s*=\s*(?:\"(?P<double>[^\"]*)\"|'(?P<single>[^']*)'|(?P<bare>[^\s\"'<>{}`]+)(?=[\s>]|\Z)))?"
)
_TAG: Final = re.compile(r"\{\{([^{}]*)\}\}")
_NAME: Final = r"[A-Za-z_][A-Za-z0-9_-]*"
_ROOT: Final = re.compile(rf"(?:(?P<ups>(?:\.\./)*)|@root\.)html\.(?P<name>{_NAME}(?:\.{_NAME})*)")
_VARIABLE: Final = re.compile(rf"\{{\{{html\.(?P<name>{_NAME}(?:\.{_NAME})*)\}}\}}")
_ADDRESS: Final = re.compile(
    r"(?P<scheme>https?)://(?P<host>[\w-]+(?:\.[\w-]+)*\.?)(?P<port>:\d{1,5})?"
    r"(?P<rest>[/?#][^\x00-\x1f\x7f]*)?",
    re.IGNORECASE,
)
_ASCII_HOST: Final = re.compile(r"[a-z0-9_.-]+")
_KEPT: Final = "%/?#[]@!$&'()*+,;=:~-._|"
_WRAPPED: Final = re.compile(
    rf"\{{\{{#if (?P<up>[./]*)html\.{CLICK}\}}\}}\{{\{{(?P=up)html\.{CLICK}\}}\}}[0-9a-f]{{{KEY_LENGTH}}}"
    r"\{\{else\}\}(?P<plain>.*?)\{\{/if\}\}",
    re.DOTALL,
)
_BLOCK: Final = re.compile(r"\{\{[~\s]*(?:[#/^]|else\b)")
_IS_PERSONAL: Final = re.compile(rf"\bhtml\.(?:{'|'.join(sorted(_PERSONAL))})\b")
_WEB: Final = re.compile(r"https?://", re.IGNORECASE)
_AUTHORITY: Final = re.compile(r"(?:https?://)?[^/?#]*", re.IGNORECASE)
_HAS_HREF: Final = re.compile(r"(?<![\w-])href\s*=", re.IGNORECASE)
_ANY_ADDRESS: Final = re.compile(r"https?://(?:\{\{[^{}#/]*\}\}|[^\s\"'<>{}])+", re.IGNORECASE)
_END: Final = re.compile(rf"{HTML_COMMENT}|(?P<end></body\b)", re.IGNORECASE | re.DOTALL)
_PIXEL: Final = (
    "{{{{#if {name}}}}}"
    '<img src="{{{{{name}}}}}" width="1" height="1" alt="" style="display:block;width:1px;height:1px;border:0">'
    "{{{{/if}}}}"
)


class Why(StrEnum):
    """Why a link of the web is not counted; each stands after "because"."""

    HOST = "the host hangs on a person's data"
    CONDITION = "a condition stands in the address"
    REPEATED = "a value of a repeated part stands in the address"
    DOUBT = "the address cannot be read beyond doubt"
    ROOM = "the mail would become too large"


@dataclass(frozen=True, slots=True)
class PlainLink:
    """A link that `with_own_links` leaves as it is, as its author wrote it."""

    address: str
    why: Why


@dataclass(frozen=True, slots=True)
class _Href:
    """Where an address stands in the source, quotes left out, and what it says there."""

    start: int
    end: int
    value: str
    is_bare: bool


@dataclass(frozen=True, slots=True)
class _Level:
    """How many contexts and how many blocks surround a place."""

    contexts: int = 0
    blocks: int = 0


class _Levels:
    """The blocks of a stored part by place. `{{else}}` of a loop runs where the loop stands."""

    def __init__(self, html: str) -> None:
        self._ends, self._levels = [0], [_Level()]
        stack: list[bool] = []
        for tag in HANDLEBARS.finditer(html):
            inner = tag.group().strip("{}~ ")
            if inner.startswith("#"):
                helper, _, path = inner[1:].partition(" ")
                stack.append(helper == "each" or (helper == "with" and path.strip() != "this"))
            elif inner in {"else", "^"} and stack:
                stack[-1] = False
            elif inner.startswith("/") and stack:
                stack.pop()
            else:
                continue
            self._ends.append(tag.end())
            self._levels.append(_Level(sum(stack), len(stack)))

    def at(self, place: int) -> _Level:
        return self._levels[bisect_right(self._ends, place) - 1]


def key_of(target: str) -> str:
    """The name of a target in our links: 12 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(target.encode()).hexdigest()[:KEY_LENGTH]


def with_own_links(html: str, *, public_url: str, constants: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    """The stored HTML with our redirect in its links, and where they lead by key (variables as `{{html.name}}`).

    `constants` are the campaign's values: what is the same for everybody may be part of a host. `public_url` is
    without a slash at the end. Where the result would be too large for a template, nothing is changed.
    """
    if not public_url:
        return html, {}
    levels, targets = _Levels(html), dict[str, str]()
    parts, at = [], 0
    for element in _ELEMENT.finditer(html):
        found = _href(element)
        level = levels.at(found.start) if found else _Level()
        target = _target(found.value, level.contexts) if found and level.blocks < MAX_DEPTH else ""
        if not found or not target or not _may_lead(target, public_url, constants):
            continue
        key = key_of(target)
        if targets.setdefault(key, target) != target:
            continue
        mark = '"' if found.is_bare else ""
        name = "../" * level.contexts + f"html.{CLICK}"
        link = f"{{{{#if {name}}}}}{{{{{name}}}}}{key}{{{{else}}}}{found.value.strip()}{{{{/if}}}}"
        parts += [html[at : found.start], mark, link, mark]
        at = found.end
    made = "".join([*parts, html[at:]])
    return (made, targets) if targets and parse_part(made, Part.HTML).is_valid else (html, {})


def plain_links(html: str, *, public_url: str, constants: Mapping[str, Any]) -> list[PlainLink]:
    """The web links of a stored HTML part that `with_own_links` leaves uncounted, each address once, in their order.

    Not among them: our own pages, what the author marked as not to be counted, and what is no web address.
    """
    if not public_url:
        return []
    made, _ = with_own_links(html, public_url=public_url, constants=constants)
    levels = _Levels(made)
    found = (_plain(element, levels, public_url, constants) for element in _ELEMENT.finditer(made))
    return list(dict.fromkeys(link for link in found if link is not None))


def with_own_pixel(html: str) -> str:
    """The stored HTML with our pixel as the last thing in its body; unchanged where there is no room for it."""
    ends = [found.start() for found in _END.finditer(html) if found["end"]]
    at = ends[-1] if ends else len(html)
    name = "../" * _Levels(html).at(at).contexts + f"html.{OPEN}"
    made = html[:at] + _PIXEL.format(name=name) + html[at:]
    return made if parse_part(made, Part.HTML).is_valid else html


def without_own_links(html: str) -> str:
    """The HTML as it was before `with_own_links`."""
    return _WRAPPED.sub(lambda match: match["plain"], html)


def settled(target: str, constants: Mapping[str, Any]) -> str:
    """The target with the campaign's values put in; a mark stands for each value of a person's own."""
    return _VARIABLE.sub(lambda match: _constant(match["name"], constants), target)


def is_personal(address: str) -> bool:
    """Whether a settled target hangs on the person who follows it."""
    return _OF_A_PERSON in address


def shared(address: str) -> str:
    """A settled target as reports show it: people's own values as `…`."""
    return address.replace(_OF_A_PERSON, "…")


def host_of(address: str) -> str:
    """The host and port of a web address in ASCII, in lower case; empty where it is none or cannot be trusted."""
    found = _ADDRESS.fullmatch(address)
    return _host(found) if found else ""


def as_header(address: str) -> str:
    """A web address as it stands in a `Location` header: ASCII, host in IDNA. Raises ValueError."""
    found = _ADDRESS.fullmatch(address)
    host = _host(found) if found else ""
    if not found or not host:
        message = "no web address"
        raise ValueError(message)
    return f"{found['scheme'].lower()}://{host}{quote(found['rest'] or '/', safe=_KEPT)}"


def _host(found: re.Match[str]) -> str:
    try:
        name = found["host"].rstrip(".").encode("idna").decode().lower()
    except UnicodeError:
        return ""
    return f"{name}{found['port'] or ''}" if _ASCII_HOST.fullmatch(name) else ""


def _constant(name: str, constants: Mapping[str, Any]) -> str:
    value = constants.get(name)
    return value if isinstance(value, str) and value else _OF_A_PERSON


def _plain(
    element: re.Match[str], levels: _Levels, public_url: str, constants: Mapping[str, Any]
) -> PlainLink | None:
    """Say why an element of rewritten HTML is not counted; None where it is, or need not be."""
    rest, found = element["rest"], _href(element)
    if "ses:no-track" in rest.lower() or _IS_PERSONAL.search(rest if found is None else found.value):
        return None
    if found is None:
        address = _ANY_ADDRESS.search(rest)
        is_chosen = _HAS_HREF.search(rest) and _BLOCK.search(rest) and address
        return PlainLink(_written(address[0]), Why.CONDITION) if is_chosen and address else None
    if f"html.{CLICK}}}}}" in found.value:
        return None
    why = _why(found.value, levels.at(found.start), public_url, constants)
    return PlainLink(_written(found.value.strip()), why) if why else None


def _why(value: str, level: _Level, public_url: str, constants: Mapping[str, Any]) -> Why | None:
    text = attribute_text(value.strip())
    is_web = bool(_WEB.match(text))
    if _BLOCK.search(value):
        return Why.CONDITION if _WEB.search(text) else None
    target = _target(value, level.contexts)
    if not target:
        if level.contexts and "{{" in value and (is_web or text.startswith("{{")):
            return Why.REPEATED
        return Why.DOUBT if is_web else None
    if any(name in constants and not constants[name] for name in _VARIABLE.findall(target)):
        return None  # a value of the campaign that is still missing
    return _why_not(settled(target, constants), level, public_url)


def _why_not(address: str, level: _Level, public_url: str) -> Why | None:
    authority = _AUTHORITY.match(address)
    if authority and _OF_A_PERSON in authority[0]:
        return Why.HOST if _WEB.match(address) or address.startswith(_OF_A_PERSON) else None
    host = host_of(address).partition(":")[0]
    if not _WEB.match(address) or host == host_of(public_url).partition(":")[0]:
        return None
    if not host or "\\" in address or level.blocks >= MAX_DEPTH:
        return Why.DOUBT
    return Why.ROOM


def _written(stored: str) -> str:
    """An address of a stored part as its author wrote it."""
    return attribute_text(_TAG.sub(lambda tag: tag[0].replace("html.", ""), stored))


def _href(element: re.Match[str]) -> _Href | None:
    """Where the element leads; None where that hangs on a condition, or nothing may be rewritten."""
    found: list[_Href] = []
    for attribute in _ATTRIBUTE.finditer(element["rest"]):
        name = (attribute["name"] or "").lower()
        if name == "ses:no-track":
            return None
        if name == "href":
            kind = next((k for k in ("double", "single", "bare") if attribute[k] is not None), None)
            if kind is None:
                return None
            start, end = (element.start("rest") + place for place in attribute.span(kind))
            found.append(_Href(start, end, attribute[kind], kind == "bare"))
    return found[0] if len(found) == 1 else None


def _target(value: str, contexts: int) -> str:
    """The address in an attribute, unescaped, its variables written from the root; empty where it holds more."""
    parts: list[str] = []
    for place, piece in enumerate(_TAG.split(value.strip())):
        if place % 2 == 0:
            text = attribute_text(piece)
            if "{" in text or "}" in text or _OF_A_PERSON in text:
                return ""
            parts.append(text)
            continue
        variable = _ROOT.fullmatch(piece)
        if variable is None or (variable["ups"] is not None and len(variable["ups"]) // 3 != contexts):
            return ""
        if variable["name"].split(".", 1)[0] in _PERSONAL | NAMES:
            return ""
        parts.append(f"{{{{html.{variable['name']}}}}}")
    return "".join(parts)


def _may_lead(target: str, public_url: str, constants: Mapping[str, Any]) -> bool:
    """Whether the target is an address of the web whose host is the same for everybody, and not our own."""
    if target == f"{public_url}{honeypot.PATH}":
        return True
    address = settled(target, constants)
    host = host_of(address).partition(":")[0]
    # What a backslash means in an address, browsers and servers disagree about.
    return bool(host) and "\\" not in address and host != host_of(public_url).partition(":")[0]
