"""When something that repeats is due next: pure arithmetic with days, safe where clocks are put forward or back.

The rule names days and a wall time, so each day that fits has exactly one instant. A wall time that the clocks skip
in spring is as much later as they skip; one that comes twice in autumn is the first
(https://docs.python.org/3/library/zoneinfo.html, "fold").
"""

import calendar
import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

DAILY, WEEKLY, MONTHLY = "daily", "weekly", "monthly"
# No rule leaves out more than a month.
_FARTHEST_DAYS: Final = 40


@dataclass(frozen=True, slots=True)
class Rule:
    """Days and a wall time in a named zone. `weekdays` count from 0, Monday; `month_day` from 1.

    A `month_day` that a month does not have means its last day.
    """

    frequency: str
    at: dt.time
    zone: str
    weekdays: tuple[int, ...] = ()
    month_day: int = 1

    def fits(self, day: dt.date) -> bool:
        """Whether something is due on this day."""
        if self.frequency == WEEKLY:
            return day.weekday() in self.weekdays
        if self.frequency == MONTHLY:
            return day.day == min(self.month_day, calendar.monthrange(day.year, day.month)[1])
        return True

    def on(self, day: dt.date) -> dt.datetime:
        """The instant of the rule's wall time on a day, in UTC."""
        wall = dt.datetime.combine(day, self.at, tzinfo=ZoneInfo(self.zone))
        return wall.replace(fold=0).astimezone(dt.UTC)


def next_after(rule: Rule, moment: dt.datetime) -> dt.datetime:
    """The first instant after `moment` at which the rule is due. Raises ValueError for a rule without days."""
    first = moment.astimezone(ZoneInfo(rule.zone)).date() - dt.timedelta(days=1)
    for number in range(_FARTHEST_DAYS):
        day = first + dt.timedelta(days=number)
        if rule.fits(day) and rule.on(day) > moment:
            return rule.on(day)
    message = "the rule fits no day"
    raise ValueError(message)


def upcoming(rule: Rule, moment: dt.datetime, count: int) -> Iterator[dt.datetime]:
    """The next `count` instants after `moment`."""
    for _ in range(count):
        moment = next_after(rule, moment)
        yield moment
