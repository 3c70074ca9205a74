"""What a paper is made of, without any look: page, Markdown and PDF are made from the same blocks.

Texts are plain. Whoever renders them escapes them; none of them is ever markup.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Self

FILL_IN: Final = "to be filled in"


class Gap(str):
    """A text that stands for what only people know and have not said yet."""

    __slots__ = ()

    def __new__(cls, what: str) -> Self:
        """Say what is missing."""
        return super().__new__(cls, f"[{FILL_IN}: {what}]")


@dataclass(frozen=True, slots=True)
class Heading:
    """The title of a section."""

    text: str


@dataclass(frozen=True, slots=True)
class Para:
    """One paragraph; line breaks in it are kept."""

    text: str


@dataclass(frozen=True, slots=True)
class Points:
    """A list of sentences."""

    items: Sequence[str]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells, each as long as the head."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]

    def __post_init__(self) -> None:
        """Refuse a row that would shift the columns."""
        if any(len(row) != len(self.head) for row in self.rows):
            raise ValueError(f"a row of the table {self.head[0]!r} has another number of cells than its head")


Block = Heading | Para | Points | Table


@dataclass(frozen=True, slots=True)
class Paper:
    """A whole paper: who answers for it, what it says, and what it rests on. `made` and `notes` come at its head."""

    key: str
    title: str
    made: Sequence[tuple[str, str]]
    warnings: Sequence[str]
    blocks: Sequence[Block]
    settings: Table
    gaps: Sequence[str] = field(default=())


def texts(block: Block) -> list[str]:
    """Return every text of a block."""
    match block:
        case Heading() | Para():
            return [block.text]
        case Points():
            return list(block.items)
        case Table():
            return [cell for row in block.rows for cell in row]


def gaps(blocks: Sequence[Block]) -> list[str]:
    """Return what is missing, each once, in the order in which it is met."""
    found = [text for block in blocks for text in texts(block) if isinstance(text, Gap)]
    return list(dict.fromkeys(found))
