"""What every reader yields, whatever the format of the file."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from .cells import Cell

MAX_COLUMNS = 250


@dataclass(slots=True)
class Record:
    """One row of a file. ``line`` counts lines of a CSV (the header is 1) or entries of a JSON array (from 1).

    ``cells`` follow the table's columns. ``problem`` is set where the row could not be read as a row; its cells
    are then what could be saved of it.
    """

    line: int
    cells: list[Cell]
    problem: str = ""


@dataclass
class Table:
    """An opened file: its column names and its rows, read once and forwards with flat memory.

    ``warnings`` fills while the rows are read and is complete when they are exhausted.
    """

    columns: list[str]
    records: Iterator[Record]
    warnings: list[str] = field(default_factory=list)
