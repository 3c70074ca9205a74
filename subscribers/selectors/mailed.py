"""Who of these people was mailed: known to the apps above, which register their answer here."""

import datetime as dt
from collections.abc import Callable, Sequence

MailedSince = Callable[[Sequence[int], dt.datetime], set[int]]
_sources: list[MailedSince] = []


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
