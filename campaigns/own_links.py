"""Links and a pixel of our own in a stored HTML part: what lets this site count clicks and opens. Pure.

A link becomes a condition: people whose clicks may be counted get our redirect, everybody else (no consent, test mails,
previews, the archive, the copy in the browser) the plain address, because the variable is empty unless the sender fills
it. The redirect leads only where the author wrote: a host that hangs on a person's data is never ours to redirect to.
Any doubt about a link leaves it plain, hence uncounted.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Any, Final

from .link_elements import ELEMENT, TAG, Depth, Depths, href_of
from .link_targets import NAME, OF_A_PERSON, may_lead
from .rendering.entities import attribute_text
from .rendering.mjml_tokens import HTML_COMMENT
from .rendering.parser import MAX_DEPTH, parse_part
from .rendering.problems import Part

LINK_PATH: Final = "/l/"
PIXEL_PATH: Final = "/o/"
# Variables of the HTML part alone. Nobody else's value ever has these names.
CLICK, OPEN = "mp_click", "mp_open"
NAMES: Final = frozenset({CLICK, OPEN})
KEY_LENGTH: Final = 12
# Addresses of one person: neither stored nor sent on to others.
PERSONAL: Final = frozenset({"unsubscribe_url", "preferences_url", "view_url"})
_ROOT: Final = re.compile(rf"(?:(?P<ups>(?:\.\./)*)|@root\.)html\.(?P<name>{NAME})")
_WRAPPED: Final = re.compile(
    rf"\{{\{{#if (?P<up>[./]*)html\.{CLICK}\}}\}}\{{\{{(?P=up)html\.{CLICK}\}}\}}[0-9a-f]{{{KEY_LENGTH}}}"
    r"\{\{else\}\}(?P<plain>.*?)\{\{/if\}\}",
    re.DOTALL,
)
_END: Final = re.compile(rf"{HTML_COMMENT}|(?P<end></body\b)", re.IGNORECASE | re.DOTALL)
_PIXEL: Final = (
    "{{{{#if {name}}}}}"
    '<img src="{{{{{name}}}}}" width="1" height="1" alt="" style="display:block;width:1px;height:1px;border:0">'
    "{{{{/if}}}}"
)


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
    depths, targets = Depths(html), dict[str, str]()
    parts, at = [], 0
    for element in ELEMENT.finditer(html):
        found = href_of(element)
        depth = depths.at(found.start) if found else Depth()
        target = target_of(found.value, depth.contexts) if found and depth.blocks < MAX_DEPTH else ""
        if not found or not target or not may_lead(target, public_url, constants):
            continue
        key = key_of(target)
        if targets.setdefault(key, target) != target:
            continue
        mark = '"' if found.is_bare else ""
        name = "../" * depth.contexts + f"html.{CLICK}"
        link = f"{{{{#if {name}}}}}{{{{{name}}}}}{key}{{{{else}}}}{found.value.strip()}{{{{/if}}}}"
        parts += [html[at : found.start], mark, link, mark]
        at = found.end
    made = "".join([*parts, html[at:]])
    return (made, targets) if targets and parse_part(made, Part.HTML).is_valid else (html, {})


def with_own_pixel(html: str) -> str:
    """The stored HTML with our pixel as the last thing in its body; unchanged where there is no room for it."""
    ends = [found.start() for found in _END.finditer(html) if found["end"]]
    at = ends[-1] if ends else len(html)
    name = "../" * Depths(html).at(at).contexts + f"html.{OPEN}"
    made = html[:at] + _PIXEL.format(name=name) + html[at:]
    return made if parse_part(made, Part.HTML).is_valid else html


def without_own_links(html: str) -> str:
    """The HTML as it was before `with_own_links`."""
    return _WRAPPED.sub(lambda match: match["plain"], html)


def target_of(value: str, contexts: int) -> str:
    """The address in an attribute, unescaped, its variables written from the root; empty where it holds more."""
    parts: list[str] = []
    for place, piece in enumerate(TAG.split(value.strip())):
        if place % 2 == 0:
            text = attribute_text(piece)
            if "{" in text or "}" in text or OF_A_PERSON in text:
                return ""
            parts.append(text)
            continue
        variable = _ROOT.fullmatch(piece)
        if variable is None or (variable["ups"] is not None and len(variable["ups"]) // 3 != contexts):
            return ""
        if variable["name"].split(".", 1)[0] in PERSONAL | NAMES:
            return ""
        parts.append(f"{{{{html.{variable['name']}}}}}")
    return "".join(parts)
