"""How the events come in: are we listening, how late are they, what could not be taken in, which months there are."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import connection
from django.db.models import QuerySet

from events.models import DeadLetter, Heartbeat
from mailplatform.core import clock

LATELY: Final = timedelta(minutes=15)
# A new month needs its table before it begins.
AHEAD: Final = timedelta(days=31)

# What our own pages saw says nothing about Amazon's way in; an open or click of theirs always names its mail.
_LAG = """
    SELECT count(*),
           percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM received_at - occurred_at)),
           percentile_cont(0.99) WITHIN GROUP (ORDER BY extract(epoch FROM received_at - occurred_at))
    FROM (SELECT received_at, occurred_at FROM events_event
          WHERE received_at >= %(since)s AND occurred_at >= %(since)s - interval '15 days' AND type <> 'unsubscribe'
            AND (message_id <> '' OR type NOT IN ('open', 'click'))
          ORDER BY received_at DESC LIMIT 20000) AS lately
"""
_LAST = "SELECT max(received_at) FROM events_inboundmessage WHERE timestamp >= %s"
_MONTHS = """
    SELECT c.relname, greatest(c.reltuples, 0)::bigint, pg_total_relation_size(c.oid)
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'events_event'::regclass AND c.relname ~ '_[0-9]{6}$' ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class Month:
    """One month of events: `rows` as Postgres estimates them, and bytes with indexes."""

    name: str
    rows: int
    size: int


@dataclass(frozen=True, slots=True)
class Intake:
    """The state of the way in. Seconds of lag are from what happened to its commit here, over the last 15 minutes."""

    listening_at: datetime | None
    last_message_at: datetime | None
    events: int
    refused: int
    typical_lag_s: float | None
    worst_lag_s: float | None
    waiting: int
    oldest_waiting_at: datetime | None
    months: list[Month]
    lacks_next_month: bool

    @property
    def is_listening(self) -> bool:
        """Tell whether a server wrote its heartbeat within the last minute."""
        return is_alive(self.listening_at)


@dataclass(frozen=True, slots=True)
class Lag:
    """Events of the last 15 minutes, 20,000 at most, and their lag in seconds: the median and the 99th of a hundred."""

    events: int
    typical_s: float | None
    worst_s: float | None


def lag() -> Lag:
    """Measure how late events come."""
    with connection.cursor() as cursor:
        cursor.execute(_LAG, {"since": clock.now() - LATELY})
        return Lag(*cursor.fetchone())


def listening_at() -> datetime | None:
    """Return when a server wrote its heartbeat last."""
    return Heartbeat.objects.order_by("-slot").values_list("slot", flat=True).first()


def is_alive(heartbeat: datetime | None) -> bool:
    """Tell whether a heartbeat is of the last minute."""
    return heartbeat is not None and clock.now() - heartbeat < timedelta(minutes=1)


def refused() -> int:
    """Return how many posts of the last 15 minutes were not to be believed."""
    return sum(Heartbeat.objects.filter(slot__gte=clock.now() - LATELY).values_list("refused", flat=True))


def dead_letters() -> QuerySet[DeadLetter]:
    """Return the messages that wait for a person."""
    return DeadLetter.objects.filter(replayed_at=None)


def months() -> list[Month]:
    """Return the months of which events are kept, the oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(_MONTHS)
        return [Month(f"{name[-6:-2]}-{name[-2:]}", rows, size) for name, rows, size in cursor.fetchall()]


def intake() -> Intake:
    """Measure now: seven short queries, none of them over more than 20,000 events."""
    now = clock.now()
    late, waiting, kept = lag(), dead_letters(), months()
    with connection.cursor() as cursor:
        cursor.execute(_LAST, (now - timedelta(days=15),))
        (last,) = cursor.fetchone()
    return Intake(
        listening_at=listening_at(),
        last_message_at=last,
        events=late.events,
        refused=refused(),
        typical_lag_s=late.typical_s,
        worst_lag_s=late.worst_s,
        waiting=waiting.count(),
        oldest_waiting_at=waiting.order_by("pk").values_list("received_at", flat=True).first(),
        months=kept,
        lacks_next_month=f"{now + AHEAD:%Y-%m}" not in {month.name for month in kept},
    )
