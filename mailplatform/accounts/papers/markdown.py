"""A paper as Markdown (CommonMark, with the tables of GitHub's dialect). Every value is escaped."""

import re
from collections.abc import Sequence
from typing import Final

from .blocks import Block, Heading, Paper, Para, Points, Table

EMPTY: Final = "–"  # noqa: RUF001 - a dash is meant
# CommonMark 0.31, 2.4: a backslash before ASCII punctuation makes it plain. HTML, links (also those that GitHub makes
# of bare addresses), emphasis, code, formulas, tables.
_SPECIAL: Final = re.compile(r"([\\`*_\[\]<>|~&$@]|:(?=//)|(?<=www)\.)")
# What begins a list, a heading or an underline where it stands first: "1." or "1)", "-", "+", "=", "#".
_OPENING: Final = re.compile(r"^(\d{1,9})(?=[.)])|^(?=[-+=#])")


def escape(text: str) -> str:
    """Return one line in which nothing is markup; line breaks and control characters become spaces."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    line = _SPECIAL.sub(r"\\\1", line)
    return _OPENING.sub(lambda match: f"{match.group()}\\", line)


def render(paper: Paper) -> str:
    """Return the whole paper."""
    parts = [f"# {escape(paper.title)}"]
    parts += [_points([f"{name}: {value}" for name, value in paper.made])]
    if paper.warnings:
        parts.append("\n".join(f"> {escape(text)}  " for text in paper.warnings))
    parts += [_block(block) for block in paper.blocks]
    if paper.gaps:
        parts += ["## Still to be filled in", _points(paper.gaps)]
    parts += ["## Settings from which this was made", _table(paper.settings)]
    return "\n\n".join(parts) + "\n"


def _block(block: Block) -> str:
    match block:
        case Heading():
            return f"## {escape(block.text)}"
        case Para():
            return "  \n".join(escape(line) for line in block.text.splitlines() if line.strip())
        case Points():
            return _points(block.items)
        case Table():
            return _table(block)


def _points(items: Sequence[str]) -> str:
    return "\n".join(f"- {escape(text)}" for text in items)


def _table(table: Table) -> str:
    head, *rows = [[escape(cell) or EMPTY for cell in row] for row in (table.head, *table.rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows))
