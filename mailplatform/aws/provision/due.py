"""When a rule of EventBridge should have acted. Pure; all times are UTC.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cron-expressions.html
"""

import calendar
import datetime as dt
from collections.abc import Callable, Mapping
from typing import Final

from .wanted import CRON, RATE

# EventBridge is exact to the minute; SNS tries again for an hour when nobody answers, at first within seconds.
GRACE: Final = dt.timedelta(minutes=10)
MINUTE: Final = dt.timedelta(minutes=1)
# A 29th of February that a year of centuries leaves out.
LONGEST_DAYS: Final = 8 * 366
MONTHS: Final = {name.upper(): number for number, name in enumerate(calendar.month_abbr) if name}
WEEKDAYS: Final = {name: n for n, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"), 1)}


def missed(expression: str, since: dt.datetime, now: dt.datetime) -> dt.datetime | None:
    """Return the last time at which it should have acted and, by now, cannot be on its way any more.

    None where there was none after `since`: its last act, or its making. Also for an expression that is not understood.
    """
    if RATE.fullmatch(expression):
        due = since + _period(expression)
        return due if now - due > GRACE else None
    if not CRON.fullmatch(expression):
        return None
    try:
        return _last(expression, since + MINUTE, now - GRACE)
    except ValueError:
        return None


def _period(expression: str) -> dt.timedelta:
    number, unit = expression.removeprefix("rate(").removesuffix(")").split(" ")
    return int(number) * {"m": MINUTE, "h": dt.timedelta(hours=1), "d": dt.timedelta(days=1)}[unit[0]]


def _last(expression: str, since: dt.datetime, until: dt.datetime) -> dt.datetime | None:
    """Return the last minute that a cron expression names from `since` to `until`."""
    minutes, hours, days, months, weekdays, years = expression[len("cron(") : -1].split(" ")
    in_month, in_year = _values(months, 1, 12, MONTHS), _values(years, 1970, 2199)
    is_day = _by_weekday(weekdays) if days == "?" else _by_day(days)
    of_day = sorted(
        (
            dt.time(hour, minute, tzinfo=dt.UTC)
            for hour in _values(hours, 0, 23)
            for minute in _values(minutes, 0, 59)
        ),
        reverse=True,
    )
    first, day = since.astimezone(dt.UTC), until.astimezone(dt.UTC).date()
    for _ in range(LONGEST_DAYS):
        if day < first.date():
            break
        if day.year in in_year and day.month in in_month and is_day(day):
            for time in of_day:
                at = dt.datetime.combine(day, time)
                if first <= at <= until:
                    return at
        day -= dt.timedelta(days=1)
    return None


def _values(text: str, low: int, high: int, names: Mapping[str, int] | None = None) -> frozenset[int]:
    """Return the numbers that a field without letters of its own names: `*`, `5`, `1-5`, `0/15`, `MON-FRI`, `1,15`."""

    def number(word: str) -> int:
        return names[word] if names and word in names else int(word)

    found: set[int] = set()
    for part in text.split(","):
        body, _, step = part.partition("/")
        if body == "*":
            first, last = low, high
        else:
            begin, _, end = body.partition("-")
            first = number(begin)
            last = number(end) if end else high if step else first
        # Friday to Monday goes round.
        around = range(first, last + 1) if first <= last else (*range(first, high + 1), *range(low, last + 1))
        found |= set(around[:: int(step or 1)])
    if not found <= set(range(low, high + 1)):
        raise ValueError(text)
    return frozenset(found)


def _by_day(text: str) -> Callable[[dt.date], bool]:
    """Return whether a day of the month is meant: also `L` the last, `LW` the last weekday, `15W` the nearest one."""

    def is_meant(day: dt.date) -> bool:
        last = calendar.monthrange(day.year, day.month)[1]
        if text == "L":
            return day.day == last
        if text.endswith("W"):
            number = last if text == "LW" else int(text[:-1])
            return number <= last and day == _nearest_weekday(day.replace(day=number), last)
        return day.day in numbers

    numbers = frozenset[int]() if "L" in text or "W" in text else _values(text, 1, 31)
    return is_meant


def _nearest_weekday(day: dt.date, last: int) -> dt.date:
    """Return the day itself, or the Friday before or the Monday after; never one of another month."""
    if day.weekday() < 5:
        return day
    step = -1 if day.weekday() == 5 else 1
    if day.day == 1 and step == -1:
        step = 2
    if day.day == last and step == 1:
        step = -2
    return day + dt.timedelta(days=step)


def _by_weekday(text: str) -> Callable[[dt.date], bool]:
    """Return whether a day of the week is meant, 1 is Sunday: also `6L` the month's last Friday, `6#3` its third."""
    word, mark, nth = text.partition("#")
    is_last = text.endswith("L") and text != "L"
    numbers = _values("7" if text == "L" else word.removesuffix("L"), 1, 7, WEEKDAYS)

    def is_meant(day: dt.date) -> bool:
        if day.isoweekday() % 7 + 1 not in numbers:
            return False
        if is_last:
            return day.day + 7 > calendar.monthrange(day.year, day.month)[1]
        return not mark or (day.day - 1) // 7 + 1 == int(nth)

    return is_meant
