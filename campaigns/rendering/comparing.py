"""What differs between two states of a template, part by part, line by line."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

PARTS: Final = {"subject": "Subject", "preheader": "Preheader", "html": "Source", "text": "Text part"}
CONTEXT_LINES: Final = 2


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a comparison: `kind` is added, removed, same or gap (lines that are alike are left out)."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Change:
    """One part that differs."""

    part: str
    lines: list[Line]


def compare(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """The parts that differ, in the order of the editor; empty when nothing does."""
    found = []
    for part, title in PARTS.items():
        before, after = str(old.get(part) or ""), str(new.get(part) or "")
        if before != after:
            found.append(Change(title, _lines(before.splitlines(), after.splitlines())))
    return found


def _lines(before: list[str], after: list[str]) -> list[Line]:
    kinds = {"+": "added", "-": "removed", " ": "same", "@": "gap"}
    changed = list(difflib.unified_diff(before, after, lineterm="", n=CONTEXT_LINES))[2:]
    lines = [Line(kinds[line[0]], "" if line[0] == "@" else line[1:]) for line in changed]
    if not lines:
        return [Line("same", "Only line ends differ.")]
    return lines[1:] if lines[0].kind == "gap" else lines
