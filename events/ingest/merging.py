"""How an event changes a person's outcome in a run, and what that adds to the counters. Pure.

People are counted where they stand: each person of a run is in exactly one of the groups of `GROUPS` at a time, so
that the groups of a run add up to those of whom we heard anything. Opens, clicks, complaints and unsubscribes are
flags beside it.
"""

from collections import Counter as Tally
from dataclasses import dataclass, fields
from datetime import datetime
from operator import attrgetter
from typing import Final

from events.kinds import Kind, Outcome, outcome_of

from .links import impersonal
from .reading import Hit

GROUPS: Final = {
    Outcome.SENT: Kind.SEND,
    Outcome.DELAYED: Kind.DELAY,
    Outcome.DELIVERED: Kind.DELIVERY,
    Outcome.SOFT_BOUNCE: Kind.SOFT_BOUNCE,
    Outcome.RENDERING_FAILURE: Kind.RENDERING_FAILURE,
    Outcome.REJECTED: Kind.REJECT,
    Outcome.HARD_BOUNCE: Kind.BOUNCE,
    # A complaint proves that the mail arrived.
    Outcome.COMPLAINT: Kind.DELIVERY,
}
FAILED: Final = frozenset(
    {Outcome.SOFT_BOUNCE, Outcome.RENDERING_FAILURE, Outcome.REJECTED, Outcome.HARD_BOUNCE, Outcome.COMPLAINT}
)

# (run, hour, type, link, is machine)
Place = tuple[int, datetime, str, int, bool]
People = Tally[Place]


@dataclass(slots=True)
class Standing:
    """One row of outcomes, in the order of its columns."""

    run_id: int
    subscriber_id: int
    state: int = 0
    reason: str = ""
    message_id: str = ""
    provider: str = ""
    delivered_at: datetime | None = None
    bounced_at: datetime | None = None
    complained_at: datetime | None = None
    opened_at: datetime | None = None
    machine_opened_at: datetime | None = None
    clicked_at: datetime | None = None
    machine_clicked_at: datetime | None = None

    def values(self) -> tuple[object, ...]:
        found: tuple[object, ...] = _read(self)
        return found


COLUMNS: Final = tuple(field.name for field in fields(Standing))
_read: Final = attrgetter(*COLUMNS)
_TIMES: Final = {
    (Kind.DELIVERY, False): "delivered_at",
    (Kind.BOUNCE, False): "bounced_at",
    (Kind.SOFT_BOUNCE, False): "bounced_at",
    (Kind.COMPLAINT, False): "complained_at",
    (Kind.OPEN, False): "opened_at",
    (Kind.OPEN, True): "machine_opened_at",
    (Kind.CLICK, False): "clicked_at",
    (Kind.CLICK, True): "machine_clicked_at",
}
_FLAGS: Final = frozenset({Kind.COMPLAINT, Kind.OPEN, Kind.CLICK})


def apply(standing: Standing, hit: Hit, people: People, *, provider: str) -> None:
    """Change `standing` by one event and note in `people` who moved where. The same event twice changes nothing."""
    event, is_machine = hit.event, bool(hit.machine_reason)
    reached = outcome_of(event.kind, event.subtype, event.detail)
    if reached is Outcome.NONE:
        return
    standing.message_id = standing.message_id or event.message_id
    standing.provider = standing.provider or provider
    if reached > standing.state:
        _count_move(standing, reached, hit, people)
        if reached in FAILED:
            said = impersonal(event.diagnostic, event.recipient)
            standing.reason = (event.detail or event.subtype or said)[:80]
        standing.state = int(reached)
    if event.kind is Kind.COMPLAINT and reached is not Outcome.COMPLAINT:
        return
    column = _TIMES.get((event.kind, is_machine))
    if column is None:
        return
    known: datetime | None = getattr(standing, column)
    if known is None and event.kind in _FLAGS:
        people[standing.run_id, hit.hour, event.kind.value, 0, is_machine] += 1
    if known is None or event.occurred_at < known:
        setattr(standing, column, event.occurred_at)


def _count_move(standing: Standing, reached: Outcome, hit: Hit, people: People) -> None:
    before = GROUPS[Outcome(standing.state)] if standing.state else None
    after = GROUPS[reached]
    if before is after:
        return
    if before is not None:
        people[standing.run_id, hit.hour, before.value, 0, False] -= 1
    people[standing.run_id, hit.hour, after.value, 0, False] += 1


@dataclass(slots=True)
class Engagement:
    """What one batch tells of one person's profile."""

    subscriber_id: int
    last_sent_at: datetime | None = None
    last_opened_at: datetime | None = None
    last_clicked_at: datetime | None = None
    opens: int = 0
    clicks: int = 0

    def add(self, hit: Hit) -> None:
        """Take in a delivery, an open or a click by a person."""
        event = hit.event
        if event.kind is Kind.DELIVERY:
            self.last_sent_at = max(self.last_sent_at or event.occurred_at, event.occurred_at)
        elif event.kind is Kind.OPEN:
            self.last_opened_at = max(self.last_opened_at or event.occurred_at, event.occurred_at)
            self.opens += 1
        else:
            self.last_clicked_at = max(self.last_clicked_at or event.occurred_at, event.occurred_at)
            self.clicks += 1

    def row(self) -> tuple[int, datetime | None, datetime | None, datetime | None, int, int]:
        """The row that `profiles.touch_engagement` takes."""
        times = self.last_sent_at, self.last_opened_at, self.last_clicked_at
        return (self.subscriber_id, *times, self.opens, self.clicks)
