"""CSV that a spreadsheet may open: a cell that would run as a formula begins with an apostrophe."""

import csv
from collections.abc import Iterable, Iterator
from typing import Final

# OWASP "CSV Injection".
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


class _Echo:
    """A file that gives each line back to its writer."""

    def write(self, text: str) -> str:
        return text


def csv_rows(rows: Iterable[list[str]]) -> Iterator[str]:
    """Return one line of CSV per row, lazily."""
    writer = csv.writer(_Echo())
    for row in rows:
        yield writer.writerow([f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in row])
