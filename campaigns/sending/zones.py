"""One wall time in many time zones, as instants."""

import datetime as dt
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

# The first place of the world to see a day is 14 hours ahead of UTC, the last 12 behind it.
LONGEST_SPAN: Final = dt.timedelta(hours=26)
_UTC: Final = dt.UTC


def instant(wall: dt.datetime, zone: str, *, fallback: str = "UTC") -> dt.datetime:
    """When the naive `wall` time comes in `zone`; in `fallback` if nobody knows the zone.

    A time that the clocks skip in spring is taken as much later as they skip, one that comes twice in autumn is
    the first (https://docs.python.org/3/library/zoneinfo.html, "fold").
    """
    place = _zone(zone) or _zone(fallback) or ZoneInfo("UTC")
    return wall.replace(tzinfo=place, fold=0).astimezone(_UTC)


def instants(wall: dt.datetime) -> dict[str, dt.datetime]:
    """The instant of a naive wall time in every zone that there is, by the zone's name."""
    return {name: wall.replace(tzinfo=zone, fold=0).astimezone(_UTC) for name, zone in _all().items()}


def is_known(zone: str) -> bool:
    """Whether there is a zone of this name."""
    return _zone(zone) is not None


@cache
def _all() -> dict[str, ZoneInfo]:
    found = ((name, _zone(name)) for name in sorted(available_timezones()))
    return {name: zone for name, zone in found if zone is not None}


@cache
def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
