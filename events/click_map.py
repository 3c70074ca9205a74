"""Numbers on the links of a mail. Pure.

What is counted is an address as several recipients share it, so the links of the copy are reduced in the same way
before they are compared; where our own redirect counted, `…` in it stands for what is each person's own. Amazon SES
does not say which of two links with the same address was clicked: both carry their sum.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from campaigns.rendering.entities import attribute_text
from events.ingest.links import shared_address
from events.machines import is_trap

_ANCHOR: Final = re.compile(r"<a(?=\s)(?:[^>\"']|\"[^\"]*\"|'[^']*')*>", re.IGNORECASE)
_HREF: Final = re.compile(r"\shref\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s>]+))", re.IGNORECASE)
# As mails are: its own style, whatever the mail's is; no colour alone carries the meaning.
_MARK: Final = (
    '<span style="position:absolute;z-index:9;margin:-18px 0 0 -12px;padding:1px 6px;border:1px solid #fff;'
    "border-radius:9px;background:{colour};color:#fff;font:600 12px/16px Arial,sans-serif;text-decoration:none;"
    'letter-spacing:0;text-transform:none;white-space:nowrap">{words}</span>'
)
_STRONG, _SOME, _NONE = "#155724", "#1d4ed8", "#5b6270"
OF_A_PERSON: Final = "…"
_MUCH: Final = 25  # per cent of all who clicked


@dataclass(frozen=True, slots=True)
class Mark:
    """What stands on a link: its number in the table, people who followed it, people who clicked at all."""

    number: int
    people: int
    clicked: int

    @property
    def share(self) -> int:
        """Per cent of the people who clicked."""
        return round(100 * self.people / self.clicked) if self.clicked else 0

    @property
    def html(self) -> str:
        """The mark; numbers only, nothing of the mail's."""
        colour = _STRONG if self.share >= _MUCH else _SOME if self.people else _NONE
        return _MARK.format(colour=colour, words=f"{self.number} · {self.share} %")


def shown_links(mail: str, counted: Collection[str] = ()) -> set[str]:
    """Return the addresses of a mail's links, as they are counted; what is no web address is none."""
    return {counted_as(address, counted) for _, address in _links(mail)}


def counted_as(address: str, counted: Collection[str]) -> str:
    """Return the one of the `counted` addresses that an address of the copy belongs to, else the address itself."""
    if address in counted:
        return address
    for pattern in counted:
        if OF_A_PERSON in pattern:
            parts = map(re.escape, pattern.split(OF_A_PERSON))
            if re.fullmatch(".*".join(parts), address):
                return pattern
    return address


def annotate(mail: str, marks: Mapping[str, Mark]) -> str:
    """Return the mail with a mark in every link that was clicked, and “0 %” in the others."""
    parts, at = [], 0
    for end, address in _links(mail):
        mark = marks.get(counted_as(address, marks))
        words = mark.html if mark else _MARK.format(colour=_NONE, words="0 %")
        parts += [mail[at:end], words]
        at = end
    return "".join([*parts, mail[at:]])


def _links(mail: str) -> Iterator[tuple[int, str]]:
    """Yield where each opening tag ends and what it leads to. Links that never count for anybody are left out."""
    for anchor in _ANCHOR.finditer(mail):
        found = _HREF.search(anchor.group())
        if found is None or "ses:no-track" in anchor.group():
            continue
        address = attribute_text(found[1] or found[2] or found[3] or "").strip()
        if address.lower().startswith(("https://", "http://")) and not is_trap(address):
            yield anchor.end(), shared_address(address, "")
