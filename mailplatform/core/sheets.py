"""CSV that a spreadsheet may open: a cell that could run as a formula begins with an apostrophe."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

# OWASP "CSV Injection": a cell that begins with one of these may run as a formula in Excel, Calc or Sheets.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_NUMBER: Final = re.compile(r"[+-]?\d[\d ., ]*%?")


class _Echo:
    """A file that gives each line back to its writer."""

    def write(self, text: str) -> str:
        return text


def is_formula(text: str) -> bool:
    """Return whether a spreadsheet could take the text for a formula (a signed number is none)."""
    return text.startswith(_FORMULA) and not _NUMBER.fullmatch(text)


def spreadsheet_safe(text: str) -> str:
    """Return the text as it may stand in an exported CSV: a possible formula is quoted with an apostrophe."""
    return f"'{text}" if is_formula(text) else text


def csv_rows(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Return one line of CSV per row, lazily."""
    writer = csv.writer(_Echo())
    for row in rows:
        yield writer.writerow(map(spreadsheet_safe, row))
