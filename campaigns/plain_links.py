"""Web links of a mail that `own_links` leaves as they are, hence uncounted: for the check before launch. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from .link_elements import BLOCK, ELEMENT, TAG, Depth, Depths, href_of
from .link_targets import OF_A_PERSON, VARIABLE, host_of, settled
from .own_links import CLICK, PERSONAL, target_of, with_own_links
from .rendering.entities import attribute_text
from .rendering.parser import MAX_DEPTH

_IS_PERSONAL: Final = re.compile(rf"\bhtml\.(?:{'|'.join(sorted(PERSONAL))})\b")
_WEB: Final = re.compile(r"https?://", re.IGNORECASE)
_AUTHORITY: Final = re.compile(r"(?:https?://)?[^/?#]*", re.IGNORECASE)
_HAS_HREF: Final = re.compile(r"(?<![\w-])href\s*=", re.IGNORECASE)
_ANY_ADDRESS: Final = re.compile(r"https?://(?:\{\{[^{}#/]*\}\}|[^\s\"'<>{}])+", re.IGNORECASE)


class Why(StrEnum):
    """Why a link of the web is not counted; each stands after "because"."""

    HOST = "the host hangs on a value that the campaign does not set for everybody"
    CONDITION = "a condition stands in the address"
    REPEATED = "a value of a block (each, with) stands in the address"
    DOUBT = "the address cannot be read beyond doubt"
    ROOM = "the mail would become too large"


@dataclass(frozen=True, slots=True)
class PlainLink:
    """A link that `with_own_links` leaves as it is, as its author wrote it."""

    address: str
    why: Why


def find(html: str, *, public_url: str, constants: Mapping[str, Any]) -> list[PlainLink]:
    """The web links of a stored HTML part that `with_own_links` leaves uncounted, each address once, in their order.

    Not among them: our own pages, what the author marked as not to be counted, and what is no web address.
    """
    if not public_url:
        return []
    made, _ = with_own_links(html, public_url=public_url, constants=constants)
    depths = Depths(made)
    found = (_plain(element, depths, public_url, constants) for element in ELEMENT.finditer(made))
    return list(dict.fromkeys(link for link in found if link is not None))


def _plain(
    element: re.Match[str], depths: Depths, public_url: str, constants: Mapping[str, Any]
) -> PlainLink | None:
    """Say why an element of rewritten HTML is not counted; None where it is, or need not be."""
    rest, found = element["rest"], href_of(element)
    if "ses:no-track" in rest.lower() or _IS_PERSONAL.search(rest if found is None else found.value):
        return None
    if found is None:
        address = _ANY_ADDRESS.search(rest)
        is_chosen = _HAS_HREF.search(rest) and BLOCK.search(rest) and address
        return PlainLink(_written(address[0]), Why.CONDITION) if is_chosen and address else None
    if f"html.{CLICK}}}}}" in found.value:
        return None
    why = _why(found.value, depths.at(found.start), public_url, constants)
    return PlainLink(_written(found.value.strip()), why) if why else None


def _why(value: str, depth: Depth, public_url: str, constants: Mapping[str, Any]) -> Why | None:
    text = attribute_text(value.strip())
    is_web = bool(_WEB.match(text))
    if BLOCK.search(value):
        return Why.CONDITION if _WEB.search(text) else None
    target = target_of(value, depth.contexts)
    if not target:
        if depth.contexts and "{{" in value and (is_web or text.startswith("{{")):
            return Why.REPEATED
        trimmed = settled(target_of(value.replace("~", ""), depth.contexts), constants)
        return Why.DOUBT if is_web or _WEB.match(trimmed) else None
    if any(name in constants and not constants[name] for name in VARIABLE.findall(target)):
        return None  # a value of the campaign that is still missing
    return _why_not(settled(target, constants), depth, public_url)


def _why_not(address: str, depth: Depth, public_url: str) -> Why | None:
    authority = _AUTHORITY.match(address)
    if authority and OF_A_PERSON in authority[0]:
        return Why.HOST if _WEB.match(address) or address.startswith(OF_A_PERSON) else None
    host = host_of(address).partition(":")[0]
    if not _WEB.match(address) or host == host_of(public_url).partition(":")[0]:
        return None
    if not host or "\\" in address or depth.blocks >= MAX_DEPTH:
        return Why.DOUBT
    return Why.ROOM


def _written(stored: str) -> str:
    """An address of a stored part as its author wrote it."""
    return attribute_text(TAG.sub(lambda tag: tag[0].replace("html.", ""), stored))
