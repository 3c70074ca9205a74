"""When a campaign will be out: from the rate, the quota, what was sent in the last 24 hours, warm-up and neighbours.

A simulation by the hour. The quota is a rolling window: what our own ledger says was sent in an hour comes back 24
hours later; what other users of the account sent is taken to come back evenly. Campaigns that send at the same time
share the rate evenly, those that go first take theirs first. A forecast, not a promise: SES may slow down, people
may leave meanwhile.
"""

import datetime as dt
import math
from dataclasses import dataclass, replace
from typing import Final

from django.db import connection
from django.utils import timezone
from django.utils.formats import date_format

from mailplatform.accounts.models import Installation
from mailplatform.accounts.services import installation
from mailplatform.core import clock

from ..models import Run, SendingSettings
from . import daily, sending_settings

HORIZON_DAYS: Final = 60
_HOUR: Final = dt.timedelta(hours=1)
# Of the quota's window the first hour has begun already.
HOURS: Final = 25

# People who are not cut yet, by run; and when the last of them have their own local time.
_WAITING: Final = """
SELECT r.id, r.frozen ->> 'kind', coalesce(sum(b.count - b.cursor), 0), max(b.local_at)
FROM campaigns_run r JOIN campaigns_batch b ON b.run_id = r.id AND b.state <> 'done'
WHERE r.state IN ('sending', 'preparing') OR r.id = %s GROUP BY r.id
"""


@dataclass(frozen=True, slots=True)
class Forecast:
    """`finishes_at` is None when it lies beyond 60 days. `limited_by`: rate, cap, quota, warm_up or local_time."""

    people: int
    starts_at: dt.datetime
    finishes_at: dt.datetime | None
    limited_by: str
    rate: float

    @property
    def words(self) -> str:
        """When it is done, and why not sooner, in the current time zone."""
        if not self.people:
            return "Nobody is left to send to."
        if self.finishes_at is None:
            return f"This would take more than {HORIZON_DAYS} days: {_REASONS[self.limited_by]}."
        if self.limited_by in {"rate", "cap"} and self.finishes_at - self.starts_at < dt.timedelta(
            minutes=10
        ):
            return "Done within a few minutes."
        return f"Done by about {_moment(self.finishes_at)}: {_REASONS[self.limited_by]}."


_REASONS: Final = {
    "rate": "that is what the account's sending rate allows",
    "cap": "that is what the campaign's own limit allows",
    "quota": "the daily quota of the Amazon SES account is the limit",
    "warm_up": "the warm-up plan is the limit",
    "local_time": "people in other time zones get it at their own hour",
}


@dataclass(slots=True)
class Limits:
    """What the simulation starts from. `sent` are recipients by hour of the last 24, oldest first."""

    rate: float
    cap: float | None
    quota: float | None
    used: float
    sent: list[tuple[dt.datetime, int]]
    settings: SendingSettings
    sent_today: int


@dataclass(frozen=True, slots=True)
class Situation:
    """What all forecasts of one moment start from. `others` are kind and people of every run under way."""

    now: dt.datetime
    others: list[tuple[str, int]]
    limits: Limits


def for_run(run: Run) -> Forecast:
    """For a run that prepares, sends or is paused: if it went on now."""
    now, waiting = clock.now(), _waiting(run.pk)
    people, last = 0, None
    if run.pk in waiting:
        _, people, last = waiting.pop(run.pk)
    situation = Situation(now, _kinds(waiting), _limits(installation.get(), now))
    kind, cap = str(run.frozen.get("kind", "marketing")), run.frozen.get("rate_limit")
    found = _make(people, situation, kind=kind, cap=cap, begins=now)
    if last and found.finishes_at and last > found.finishes_at:
        return Forecast(people, now, last, "local_time", found.rate)
    return found


def situation(
    site: Installation, sent: daily.Sent | None = None, settings: SendingSettings | None = None
) -> Situation:
    """Return what forecasts start from now; what the page has read already is not read again."""
    now = clock.now()
    return Situation(now, _kinds(_waiting()), _limits(site, now, sent, settings))


def for_people(
    count: int,
    start_from: Situation,
    *,
    cap: float | None = None,
    kind: str = "marketing",
    start: dt.datetime | None = None,
) -> Forecast:
    """For a campaign that is not launched yet, to so many people, starting now or at `start`."""
    begins = max(start_from.now, start or start_from.now)
    return _make(count, start_from, kind=kind, cap=cap, begins=begins)


def _waiting(run_id: int = 0) -> dict[int, tuple[str, int, dt.datetime | None]]:
    """Return kind, people and last hour of every run under way, and of this one whatever its state."""
    with connection.cursor() as cursor:
        cursor.execute(_WAITING, [run_id])
        return {row[0]: (str(row[1] or "marketing"), int(row[2]), row[3]) for row in cursor.fetchall()}


def _kinds(waiting: dict[int, tuple[str, int, dt.datetime | None]]) -> list[tuple[str, int]]:
    return [(kind, people) for kind, people, _ in waiting.values()]


def _make(
    people: int, start_from: Situation, *, kind: str, cap: float | None, begins: dt.datetime
) -> Forecast:
    limits = replace(start_from.limits, cap=cap)
    return simulate(people, shared_work(people, start_from.others, kind), limits, begins)


def _limits(
    row: Installation,
    now: dt.datetime,
    sent: daily.Sent | None = None,
    settings: SendingSettings | None = None,
) -> Limits:
    quota = row.max_24_hour_send if row.max_24_hour_send >= 0 else None
    sent = sent or daily.sent_lately(now, since=row.quota_read_at, hours=HOURS)
    used = row.sent_last_24_hours + sent.since
    settings = settings or sending_settings.get()
    return Limits(row.max_send_rate, None, quota, used, sent.hours, settings, sent.today)


def shared_work(people: int, others: list[tuple[str, int]], kind: str) -> int:
    """How many mails leave until ours are out: all of those before us, and of our equals as many as we send."""
    mine = kind == "marketing"
    total = people
    for other, count in others:
        first = other != "marketing" and mine
        last = other == "marketing" and not mine
        total += 0 if last else count if first else min(count, people)
    return total


def simulate(people: int, work: int, limits: Limits, begins: dt.datetime) -> Forecast:
    """Hour by hour until `work` mails are out, of which `people` are ours."""
    rate = min(limits.rate, limits.cap or math.inf)
    limited_by = "cap" if limits.cap and limits.cap < limits.rate else "rate"
    if not people:
        return Forecast(0, begins, begins, limited_by, rate)
    if rate <= 0:
        return Forecast(people, begins, None, "rate", rate)
    # A cap binds us alone: our share of the work then takes at least so long.
    seconds = max(work / limits.rate, people / rate)
    pace = work / seconds
    window = _Window(limits)
    at, left = begins, float(work)
    while at < begins + dt.timedelta(days=HORIZON_DAYS):
        until = min(_next_hour(at), begins + dt.timedelta(days=HORIZON_DAYS))
        span = (until - at).total_seconds()
        may, why = window.may_send(at)
        now = min(left, pace * span, may)
        if now < min(left, pace * span):
            limited_by = why
        if now >= left:
            return Forecast(people, begins, at + dt.timedelta(seconds=left / pace), limited_by, rate)
        window.send(at, now)
        left, at = left - now, until
    return Forecast(people, begins, None, limited_by, rate)


class _Window:
    """Quota and warm-up while the simulation sends."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        ours = sum(count for _, count in limits.sent)
        self._foreign = max(0.0, limits.used - ours)
        self._first = limits.sent[-1][0]
        self._sent = [(at, float(count)) for at, count in limits.sent]
        self._today = {limits.sent[-1][0].astimezone(dt.UTC).date(): float(limits.sent_today)}

    def may_send(self, at: dt.datetime) -> tuple[float, str]:
        """How many may leave in the hour of `at`, and what limits them."""
        may, why = math.inf, "rate"
        if self._limits.quota is not None:
            recent = sum(count for when, count in self._sent if when > at - 24 * _HOUR)
            gone = (at - self._first) / (24 * _HOUR)
            foreign = self._foreign * max(0.0, 1 - gone)
            may, why = max(0.0, self._limits.quota - recent - foreign), "quota"
        limit = daily.warm_up_limit(self._limits.settings, at.astimezone(dt.UTC).date())
        if limit is not None:
            left = max(0.0, limit - self._today.get(at.astimezone(dt.UTC).date(), 0.0))
            if left < may:
                may, why = left, "warm_up"
        return may, why

    def send(self, at: dt.datetime, count: float) -> None:
        """So many left in the hour of `at`."""
        self._sent = [(when, sent) for when, sent in self._sent if when > at - 24 * _HOUR]
        self._sent.append((at, count))
        day = at.astimezone(dt.UTC).date()
        self._today[day] = self._today.get(day, 0.0) + count


def _next_hour(at: dt.datetime) -> dt.datetime:
    return at.replace(minute=0, second=0, microsecond=0) + _HOUR


def _moment(at: dt.datetime) -> str:
    """16:40 today, 16:40 tomorrow, 16:40 on Tue 24 Nov."""
    local, today = timezone.localtime(at), timezone.localtime(clock.now()).date()
    days = (local.date() - today).days
    day = {0: "today", 1: "tomorrow"}.get(days) or f"on {date_format(local, 'D j M')}"
    return f"{local:%H:%M} {day} ({local.tzname()})"
