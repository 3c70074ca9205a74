"""What was sent when, counted from the calls: for the quota of Amazon, the warm-up plan and the forecast.

Days of the warm-up are UTC days. Every call counts the people whom SES took; a mail to one person counts one. While
nobody knows, or where nobody ever will, it counts all of them: rather too many than too few.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Final

from django.db import connection

from ..models import SendingSettings

# Of one call. Those that were recorded before `taken` was noted have an error where they were refused as a whole.
TAKEN: Final = """coalesce(taken, CASE WHEN state = 'recorded' AND error <> '' THEN 0
    ELSE greatest(1, cardinality(subscriber_ids)) END)"""
_SINCE: Final = f"""
SELECT coalesce(sum({TAKEN}), 0) FROM campaigns_call WHERE started_at >= %s
"""  # noqa: S608 - put together from the constants above; every value is a parameter
# Amazon may have counted a call that was on its way when we asked, or not: it rather counts twice than not at all.
_SINCE_READING: Final = f"""
SELECT coalesce(sum({TAKEN}), 0) FROM campaigns_call
WHERE started_at >= %(earliest)s
    AND (started_at >= %(read_at)s OR finished_at IS NULL OR finished_at >= %(read_at)s)
"""  # noqa: S608 - put together from the constants above; every value is a parameter
# After this a call has ended, if only because its worker did not come back.
_LONGEST_CALL: Final = dt.timedelta(minutes=10)
_HOURS: Final = f"""
SELECT date_trunc('hour', started_at, 'UTC'), sum({TAKEN}),
    coalesce(sum({TAKEN}) FILTER (WHERE started_at >= %(since)s), 0)
FROM campaigns_call WHERE started_at >= least(%(first)s, %(since)s) GROUP BY 1
"""  # noqa: S608 - put together from the constants above; every value is a parameter


@dataclass(frozen=True, slots=True)
class Sent:
    """Recipients in each of the last clock hours, the current one last; of this UTC day; and since a moment."""

    hours: list[tuple[dt.datetime, int]]
    today: int
    since: int


def sent_since(moment: dt.datetime) -> int:
    """Recipients of all calls since then."""
    with connection.cursor() as cursor:
        cursor.execute(_SINCE, [moment])
        return int(cursor.fetchone()[0])


def sent_since_reading(read_at: dt.datetime) -> int:
    """Recipients of all calls that Amazon need not have counted when it was asked at `read_at`."""
    with connection.cursor() as cursor:
        cursor.execute(_SINCE_READING, {"read_at": read_at, "earliest": read_at - _LONGEST_CALL})
        return int(cursor.fetchone()[0])


def sent_lately(now: dt.datetime, *, since: dt.datetime | None = None, hours: int = 24) -> Sent:
    """What was sent in the last `hours`, at least 24, and `since` then (nothing without it), by one query."""
    first = now.astimezone(dt.UTC).replace(minute=0, second=0, microsecond=0) - dt.timedelta(hours=hours - 1)
    with connection.cursor() as cursor:
        cursor.execute(_HOURS, {"first": first, "since": since})
        found = {row[0].astimezone(dt.UTC): (int(row[1]), int(row[2])) for row in cursor.fetchall()}
    rows = [(at, found.get(at, (0, 0))[0]) for n in range(hours) for at in [first + dt.timedelta(hours=n)]]
    today = sum(count for at, count in rows if at >= start_of_day(now))
    return Sent(rows, today, sum(after for _, after in found.values()))


def start_of_day(now: dt.datetime) -> dt.datetime:
    """Midnight in UTC before `now`."""
    return now.astimezone(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def warm_up_limit(settings: SendingSettings, day: dt.date) -> int | None:
    """How many recipients the plan allows on this UTC day; None where it limits nothing."""
    if settings.warm_up_started_on is None:
        return None
    number = (day - settings.warm_up_started_on).days
    if not 0 <= number < len(settings.warm_up_plan):
        return None
    return settings.warm_up_plan[number]
