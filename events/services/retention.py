"""How long single events are kept, and dropping the months before.

What goes are the rows of events, a month at a time as a whole table; outcomes of people and the counters of reports
stay. The dedupe rows of messages are kept for the months in which a message would still be accepted.
"""

from datetime import date, datetime
from typing import Final

import structlog
from django.db import connection, transaction

from campaigns.models import Run
from events.models import Retention
from events.selectors import intake
from mailplatform.accounts.models import User
from mailplatform.accounts.services import audit
from mailplatform.core import clock
from subscribers.services import retention as rules

log = structlog.get_logger(__name__)
SHORTEST: Final = 3
LONGEST: Final = 120
INBOX_MONTHS: Final = 2


class InvalidRetention(Exception):
    """The number of months is out of range; the text says the range."""


def months() -> int:
    """Return for how many whole months events are kept besides the current one."""
    return Retention.objects.filter(pk=1).values_list("months", flat=True).first() or Retention().months


def set_months(*, number: int, actor: User | None) -> None:
    """Keep events for so many months from now on. Raises `InvalidRetention`."""
    if not SHORTEST <= number <= LONGEST:
        raise InvalidRetention(f"Events can be kept for {SHORTEST} to {LONGEST} months.")
    with transaction.atomic():
        Retention.objects.update_or_create(pk=1, defaults={"months": number})
        audit.record(actor=actor, action="events.retention", detail={"months": number})


def drop_old() -> list[str]:
    """Drop the partitions of months that are older than what is kept; return their names. Safe to run twice."""
    today = clock.now().date()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT events_drop_month_partitions(%s, %s)",
            (_months_back(today, months()), _months_back(today, INBOX_MONTHS)),
        )
        dropped: list[str] = [row[0] for row in cursor.fetchall()]
    if dropped:
        log.info("partitions_dropped", names=dropped)
        audit.record(actor=None, action="events.dropped", detail={"months": dropped})
    return dropped


def may_lack_events(run_id: int) -> bool:
    """Tell whether events of this run may have been dropped: then its counters cannot be counted again."""
    launched = Run.objects.filter(pk=run_id).values_list("launched_at", flat=True).first()
    kept = intake.months()
    return launched is not None and bool(kept) and f"{launched:%Y-%m}" < kept[0].name


def register() -> None:
    """Put the months of events on the page of all rules; they are dropped by this module's own schedule."""
    rules.register(
        rules.DataClass(
            "events", "Single events",
            "Deliveries, bounces, opens and clicks, dropped by whole months once an hour. Reports keep their numbers.",
            24, find=_find, shortest=SHORTEST, longest=LONGEST, may_keep=False, months=months,
            set_months=_set,
        )
    )  # fmt: skip


def _set(number: int, actor: User | None) -> None:
    set_months(number=number, actor=actor)


def _find(before: datetime) -> rules.Found:
    """Return the months that would be dropped, and about how many events they hold."""
    first = f"{before:%Y-%m}"
    old = [month for month in intake.months() if month.name < first]
    return rules.Found(sum(max(month.rows, 0) for month in old), tuple(month.name for month in old))


def _months_back(day: date, number: int) -> date:
    """The first day of the month so many months before that of `day`."""
    count = day.year * 12 + day.month - 1 - number
    return date(count // 12, count % 12 + 1, 1)
