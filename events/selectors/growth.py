"""How lists grew and shrank by week, as it was last counted (`services.growing`)."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from django.db.models import OuterRef, Subquery

from events.models import ListWeek
from mailplatform.core import clock
from subscribers.models import MailingList

MONTH: Final = 4  # weeks


@dataclass(frozen=True, slots=True)
class Week:
    """What happened in the week that begins with `monday`."""

    monday: date
    joined: int
    left: int
    bounced: int

    @property
    def net(self) -> int:
        """How many more there are."""
        return self.joined - self.left - self.bounced


@dataclass(frozen=True, slots=True)
class Growth:
    """One list, or everybody (`list_id` 0), over the weeks that are kept, without gaps, the oldest first."""

    list_id: int
    name: str
    weeks: list[Week]

    @property
    def month(self) -> Week:
        """The sum of the last four weeks."""
        last = self.weeks[-MONTH:]
        return Week(
            last[0].monday,
            sum(week.joined for week in last),
            sum(week.left for week in last),
            sum(week.bounced for week in last),
        )


@dataclass(frozen=True, slots=True)
class Lists:
    """Everybody and each list that is in use; `at` is when they were counted, None before the first time."""

    everybody: Growth | None
    lists: list[Growth]
    at: datetime | None


def growth(first: date) -> Lists:
    """Return the weeks from `first` on: everybody, then the lists that moved most lately (one query)."""
    name = MailingList.objects.filter(pk=OuterRef("mailing_list_id"), archived_at=None).values("name")
    rows = list(ListWeek.objects.filter(week__gte=first).annotate(name=Subquery(name)))
    if not rows:
        return Lists(None, [], None)
    last = clock.now().date()
    names = {row.mailing_list_id: row.name for row in rows if row.name}
    everybody, *lists = [
        Growth(key, words, _weeks([row for row in rows if row.mailing_list_id == key], first, last))
        for key, words in ((0, "Everybody"), *names.items())
    ]
    lists.sort(key=lambda one: (-_moved(one.month), one.name))
    return Lists(everybody, lists, max(row.counted_at for row in rows))


def _moved(week: Week) -> int:
    return week.joined + week.left + week.bounced


def _weeks(rows: list[ListWeek], first: date, last: date) -> list[Week]:
    known = {row.week: row for row in rows}
    mondays = [first + timedelta(days=7 * number) for number in range((last - first).days // 7 + 1)]
    return [
        Week(monday, row.joined, row.left, row.bounced)
        if (row := known.get(monday))
        else Week(monday, 0, 0, 0)
        for monday in mondays
    ]
