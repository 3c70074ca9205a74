"""How an event changes a person's outcome in a run, and what that adds to the counters. Pure.

An outcome is what a person's events add up to, in any order and however often each comes: the greatest severity,
with the earliest time of it, and the earliest time of each thing that is counted apart. The counters are a sum over
these rows: each person of a run stands in exactly one of the groups of `GROUPS`, at the hour of `state_at`; opens,
clicks and complaints are flags beside it, at the hour of their first time.
"""

from collections import Counter as Tally
from dataclasses import dataclass, fields
from datetime import datetime
from operator import attrgetter
from typing import Final

from events.kinds import Kind, Outcome, outcome_of

from .links import impersonal
from .reading import Hit, hour_of

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
# State -> type of the counter that people in it stand under.
GROUP_TYPES: Final = {int(state): kind.value for state, kind in GROUPS.items()}
# From here on a state has a reason that people are told.
FIRST_FAILED: Final = int(Outcome.SOFT_BOUNCE)

# (run, hour, type, link, is machine)
Place = tuple[int, datetime, str, int, bool]
People = Tally[Place]


@dataclass(slots=True)
class Standing:
    """One row of outcomes, in the order of its columns."""

    run_id: int
    subscriber_id: int
    state: int = 0
    state_at: datetime | None = None
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
# Times under which a person counts beside the group: column, type of the counter, is machine.
FLAGS: Final = (
    ("complained_at", Kind.COMPLAINT.value, False),
    ("opened_at", Kind.OPEN.value, False),
    ("machine_opened_at", Kind.OPEN.value, True),
    ("clicked_at", Kind.CLICK.value, False),
    ("machine_clicked_at", Kind.CLICK.value, True),
)
_FLAG_TIMES: Final = attrgetter(*(column for column, _, _ in FLAGS))


def apply(standing: Standing, hit: Hit, *, provider: str) -> None:
    """Change `standing` by one event. The same event twice changes nothing, and the order does not matter."""
    event = hit.event
    reached = outcome_of(event.kind, event.subtype, event.detail)
    if reached is Outcome.NONE:
        return
    standing.message_id = standing.message_id or event.message_id
    standing.provider = standing.provider or provider
    _raise(standing, hit, int(reached))
    if event.kind is Kind.COMPLAINT and reached is not Outcome.COMPLAINT:
        return
    column = _TIMES.get((event.kind, bool(hit.machine_reason)))
    if column is None:
        return
    known: datetime | None = getattr(standing, column)
    if known is None or event.occurred_at < known:
        setattr(standing, column, event.occurred_at)


def _raise(standing: Standing, hit: Hit, reached: int) -> None:
    event = hit.event
    known = standing.state_at
    is_earlier = reached == standing.state and (known is None or event.occurred_at < known)
    if reached <= standing.state and not is_earlier:
        return
    standing.state, standing.state_at = reached, event.occurred_at
    if reached >= FIRST_FAILED:
        said = impersonal(event.diagnostic, event.recipient)
        standing.reason = (event.detail or event.subtype or said)[:80]


def places_of(standing: Standing) -> list[Place]:
    """Where a person counts: once in a group, and once under each flag."""
    run_id, found = standing.run_id, list[Place]()
    if standing.state_at is not None:
        found.append((run_id, hour_of(standing.state_at), GROUP_TYPES[standing.state], 0, False))
    for (_, kind, is_machine), at in zip(FLAGS, _FLAG_TIMES(standing), strict=True):
        if at is not None:
            found.append((run_id, hour_of(at), kind, 0, is_machine))
    return found


def count_move(people: People, before: list[Place], after: list[Place]) -> None:
    """Take a person off where they stood and add them where they stand."""
    if before != after:
        people.update(after)
        people.subtract(before)


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
