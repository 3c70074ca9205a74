"""Single cells: cleaning what comes in."""

import re

from mailplatform.core.sheets import is_formula

from .errors import FileRefusedError

MAX_CELL = 100_000  # characters; the longest cell that any field could sensibly hold

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")

Cell = str | list[str]


def clean_text(text: str) -> str:
    """Return a cell without control characters and lone surrogates, which Postgres refuses, and trimmed.

    The apostrophe that our own exports put before a formula is taken off again.
    """
    # Printable text, which is nearly all there is, has nothing to be taken out.
    cleaned = (text if text.isprintable() else _CONTROL.sub("", text)).strip()
    return cleaned[1:] if cleaned.startswith("'") and is_formula(cleaned[1:]) else cleaned


def as_text(cell: Cell) -> str:
    """Return a cell as one line of text; several values are joined as ``a; b``."""
    return cell if isinstance(cell, str) else "; ".join(cell)


def check_column_count(count: int, limit: int) -> None:
    """Refuse a table with more columns than anybody maps by hand; nearly always a wrong delimiter."""
    if count > limit:
        message = f"The file has {count} columns; at most {limit} can be read. Is the delimiter right?"
        raise FileRefusedError("too_many_columns", message)
