"""Links as they stand in a stored HTML part: their elements, their addresses and the blocks around them. Pure."""

import re
from bisect import bisect_right
from dataclasses import dataclass
from typing import Final

from .rendering.mjml_tokens import HANDLEBARS, whole

# Links of HTML, and the buttons that Outlook draws from VML. As browsers read them: quotes mean something only after
# an equals sign.
ELEMENT: Final = re.compile(
    r"<(?:a|area|v:\w+)(?=\s)" + whole("rest", r"(?:=\s*\"[^\"]*\"|=\s*'[^']*'|[^<>])*") + ">", re.IGNORECASE
)
_ATTRIBUTE: Final = re.compile(
    r"\{\{[^{}]*\}\}|(?P<name>[^\s\"'<>/={}]+)"
    r"(?:\s*=\s*(?:\"(?P<double>[^\"]*)\"|'(?P<single>[^']*)'|(?P<bare>[^\s\"'<>{}`]+)(?=[\s>]|\Z)))?"
)
TAG: Final = re.compile(r"\{\{([^{}]*)\}\}")
# What hangs on a condition begins or goes on here.
BLOCK: Final = re.compile(r"\{\{[~\s]*(?:[#/^]|else\b)")


@dataclass(frozen=True, slots=True)
class Href:
    """Where an address stands in the source, quotes left out, and what it says there."""

    start: int
    end: int
    value: str
    is_bare: bool


@dataclass(frozen=True, slots=True)
class Depth:
    """How many contexts and how many blocks surround a place."""

    contexts: int = 0
    blocks: int = 0


class Depths:
    """The blocks of a stored part by place. `{{else}}` of a loop runs where the loop stands."""

    def __init__(self, html: str) -> None:
        self._ends, self._depths = [0], [Depth()]
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
            self._depths.append(Depth(sum(stack), len(stack)))

    def at(self, place: int) -> Depth:
        return self._depths[bisect_right(self._ends, place) - 1]


def href_of(element: re.Match[str]) -> Href | None:
    """Where the element leads; None where that hangs on a condition, or nothing may be rewritten."""
    found: list[Href] = []
    for attribute in _ATTRIBUTE.finditer(element["rest"]):
        name = (attribute["name"] or "").lower()
        if name == "ses:no-track":
            return None
        if name == "href":
            kind = next((k for k in ("double", "single", "bare") if attribute[k] is not None), None)
            if kind is None:
                return None
            start, end = (element.start("rest") + place for place in attribute.span(kind))
            found.append(Href(start, end, attribute[kind], kind == "bare"))
    return found[0] if len(found) == 1 else None
