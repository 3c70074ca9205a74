"""Typed values of custom fields and consent columns: from the text of a cell to what is stored as JSON.

Each reader refuses what it cannot tell for sure; a date such as 03/04/2025 means two days in two countries.
"""

import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, tzinfo
from functools import lru_cache

from .cells import Cell, as_text, clean_text

JsonValue = str | int | float | bool | list[str]

MAX_TEXT = 5_000
MAX_CHOICE = 200
MAX_CHOICES_PER_PERSON = 100

YES = frozenset(
    {"yes", "y", "true", "t", "1", "on", "x", "ja", "j", "oui", "si", "sí", "sì", "sim", "granted"}
)
NO = frozenset({"no", "n", "false", "f", "0", "off", "nein", "non", "nee", "não", "refused", "-"})

_NUMBER = re.compile(r"[+-]?\d{1,15}(?:[.,]\d{1,12})?")
_GERMAN_DATE = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})(?:[ T]+(\d{1,2}):(\d{2})(?::(\d{2}))?)?")
_OFFSET = re.compile(r" (?=[+-]\d\d:?\d\d$)")
_SPLIT = re.compile(r"[;|\n]")


class ValueRefusedError(ValueError):
    """The text is not a value of the type; the message completes “city: …”."""


def read_text(cell: Cell) -> str:
    """Return plain text."""
    text = clean_text(as_text(cell))
    if len(text) > MAX_TEXT:
        raise ValueRefusedError(f"the text is longer than {MAX_TEXT:,} characters")
    return text


def read_short(cell: Cell, limit: int) -> str:
    """Return one line of text of at most ``limit`` characters, without repeated spaces."""
    text = " ".join(read_text(cell).split())
    if len(text) > limit:
        raise ValueRefusedError(f"the text is longer than {limit} characters")
    return text


def read_choice(cell: Cell) -> str:
    """Return one value of a set of choices."""
    text = clean_text(as_text(cell))
    if len(text) > MAX_CHOICE:
        raise ValueRefusedError(f"the value is longer than {MAX_CHOICE} characters")
    return text


def read_list(cell: Cell) -> list[str]:
    """Return several values, each once, in their order; text is split at ``;``, ``|`` or, without these, ``,``."""
    # Mailchimp puts each tag into quotation marks of its own.
    values = list(dict.fromkeys(filter(None, (clean_text(part).strip('"') for part in _parts(cell)))))
    if len(values) > MAX_CHOICES_PER_PERSON:
        raise ValueRefusedError(f"there are more than {MAX_CHOICES_PER_PERSON} values")
    if any(len(value) > MAX_CHOICE for value in values):
        raise ValueRefusedError(f"a value is longer than {MAX_CHOICE} characters")
    return values


def _parts(cell: Cell) -> list[str]:
    if not isinstance(cell, str):
        return cell
    return _SPLIT.split(cell) if _SPLIT.search(cell) else cell.split(",")


def read_number(cell: Cell) -> int | float:
    """Return a whole number, or a decimal one with a point or a comma; no thousands separators."""
    text = as_text(cell).strip()
    if re.fullmatch(r"[+-]?\d{1,15}", text):
        return int(text)
    if _NUMBER.fullmatch(text):
        return float(text.replace(",", "."))
    try:
        number = float(text)
    except ValueError:
        raise ValueRefusedError(f"“{text[:40]}” is not a number") from None
    if not math.isfinite(number) or not re.fullmatch(r"[+-]?[\d.]+[eE][+-]?\d{1,3}", text):
        raise ValueRefusedError(f"“{text[:40]}” is not a number")
    return number


def read_boolean(cell: Cell) -> bool:
    """Return yes or no, in the spellings of several languages."""
    text = as_text(cell).strip().lower()
    if text in YES:
        return True
    if text in NO:
        return False
    raise ValueRefusedError(f"“{text[:40]}” is neither yes nor no")


def read_date(cell: Cell) -> str:
    """Return a day as ``YYYY-MM-DD``; accepts that form, a time after it, and ``DD.MM.YYYY``."""
    return read_moment(cell).date().isoformat() if as_text(cell).strip() else ""


def read_moment(cell: Cell, zone: tzinfo = UTC) -> datetime:
    """Return an aware moment; without a zone of its own it is in `zone`, without a time midnight.

    Slashed dates are refused.
    """
    return _moment_in(as_text(cell).strip(), zone)


@lru_cache(maxsize=10_000)
def _moment_in(text: str, zone: tzinfo) -> datetime:
    """The days of a file repeat."""
    try:
        moment = _moment(text)
    except ValueError:
        moment = None
    if moment is None:
        raise ValueRefusedError(f"“{text[:40]}” is not a date such as 2025-12-31")
    if not date(1900, 1, 1) <= moment.date() <= date(2200, 1, 1):
        raise ValueRefusedError(f"“{text[:40]}” is not a likely date")
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def _moment(text: str) -> datetime | None:
    german = _GERMAN_DATE.fullmatch(text)
    if german:
        day, month, year, hour, minute, second = (int(part or 0) for part in german.groups())
        return datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 - the caller says the zone
    # fromisoformat also takes week dates and bare years, which nobody means.
    is_long = len(text) >= len("2025-01-01") and text[:4].isdigit()
    # Shopify writes "2025-01-31 09:30:00 +0100".
    return datetime.fromisoformat(_OFFSET.sub("", text)) if is_long else None


READERS: dict[str, Callable[[Cell], JsonValue]] = {
    "text": read_text,
    "choice": read_choice,
    "list": read_list,
    "number": read_number,
    "boolean": read_boolean,
    "date": read_date,
}
