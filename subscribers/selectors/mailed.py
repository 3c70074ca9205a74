"""Who was mailed, and when: known to the apps above, which register their answer here."""

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Final

MailedSince = Callable[[Sequence[int], dt.datetime], set[int]]
MarketingSinceSql = Callable[[str, str, str], str]
LONGEST_GAP_DAYS: Final = 28

_sources: list[MailedSince] = []
_marketing: list[MarketingSinceSql] = []


def register(source: MailedSince) -> None:
    """Ask this function, too: it returns the ids of those to whom a mail was given since the moment."""
    if source not in _sources:
        _sources.append(source)


def mailed_since(subscriber_ids: Sequence[int], moment: dt.datetime) -> set[int]:
    """Return whom somebody mailed, or may have mailed, since the moment."""
    found: set[int] = set()
    for source in _sources:
        found |= source(subscriber_ids, moment)
    return found


def register_marketing(source: MarketingSinceSql) -> None:
    """Ask this function, too, for the SQL of `marketing_since_sql`; it gets subscriber, since and now."""
    if source not in _marketing:
        _marketing.append(source)


def marketing_since_sql(*, subscriber: str, since: str, now: str) -> str:
    """Return the SQL condition that a marketing mail went to a person after `since`, or may have gone.

    `subscriber` is the alias of the person's row, `since` and `now` are SQL expressions of a time; `since` is never
    longer ago than `LONGEST_GAP_DAYS` and may name columns. The condition holds no parameters and no percent sign.
    """
    parts = [source(subscriber, since, now) for source in _marketing]
    return f"({' OR '.join(parts)})" if parts else "FALSE"
