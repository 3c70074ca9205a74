"""From verified messages to events that know whose they are. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from events import envelope, parsing
from events.parsing import ParsedEvent

MAX_AHEAD: Final = timedelta(hours=1)
TAG_EPOCH, TAG_RUN, TAG_SUBSCRIBER = "mp-epoch", "mp-run", "mp-sub"
MAX_ID: Final = 2**63 - 1


class Undigestible(Exception):
    """A message that is genuine and that we cannot take in; the text is the reason in its dead letter."""


@dataclass(slots=True)
class Inbound:
    """A verified notification and the bytes it came in. `is_replay` skips the dedupe of transport retries."""

    message: envelope.SnsMessage
    body: bytes
    is_replay: bool = False

    @property
    def key(self) -> tuple[datetime, str]:
        return self.message.timestamp, self.message.message_id


@dataclass(slots=True)
class Hit:
    """An event with the run and person that its tags name. Later steps fill in the rest."""

    event: ParsedEvent
    run_id: int | None = None
    subscriber_id: int | None = None
    is_foreign: bool = False
    is_inert: bool = False
    person_exists: bool = False
    is_allowed: bool = True
    is_new: bool = True
    machine_reason: str = ""
    link_id: int = 0

    @property
    def key(self) -> tuple[int, int] | None:
        if self.run_id is None or self.subscriber_id is None:
            return None
        return self.run_id, self.subscriber_id

    @property
    def hour(self) -> datetime:
        return hour_of(self.event.occurred_at)

    @property
    def identity(self) -> tuple[datetime, bytes]:
        """Under which the event is stored once, however often it comes."""
        return self.event.occurred_at, self.event.identity


@dataclass(slots=True)
class Digested:
    """A message whose events are read, and not yet whose they are."""

    inbound: Inbound
    uuid: UUID
    events: tuple[ParsedEvent, ...]

    @property
    def key(self) -> tuple[datetime, UUID]:
        return self.inbound.message.timestamp, self.uuid


def hour_of(at: datetime) -> datetime:
    """Return the full hour in which `at` lies: counters stand by it."""
    return at.replace(minute=0, second=0, microsecond=0)


def digest(inbound: Inbound, *, now: datetime) -> Digested:
    """Parse a notification. Raises `Undigestible`, without having asked the database."""
    message = inbound.message
    try:
        uuid = UUID(message.message_id)
    except ValueError as error:
        raise Undigestible("the MessageId of SNS is not a UUID") from error
    try:
        events = parsing.parse(message.message, fallback_time=message.timestamp)
    except parsing.NotAnEvent:
        return Digested(inbound, uuid, ())
    except parsing.Unreadable as error:
        raise Undigestible(str(error)) from error
    if any(event.occurred_at > now + MAX_AHEAD for event in events):
        raise Undigestible("the event lies in the future")
    return Digested(inbound, uuid, events)


def claim(event: ParsedEvent, own: str) -> Hit:
    """Say whose an event is by its tags; `own` is the hex id of this installation."""
    epoch = event.tags.get(TAG_EPOCH, "")
    if not epoch:
        return Hit(event)
    if epoch.partition("-")[0] != own:
        return Hit(event, is_foreign=True)
    run_id, subscriber_id = _number(event.tags.get(TAG_RUN)), subscriber_of(event)
    if run_id is None or subscriber_id is None:
        # A test mail or one about a user's account: it belongs to no run and counts nowhere.
        return Hit(event, is_inert=True)
    return Hit(event, run_id=run_id, subscriber_id=subscriber_id)


def subscriber_of(event: ParsedEvent) -> int | None:
    """Return the number of the person whom an event's tags name."""
    return _number(event.tags.get(TAG_SUBSCRIBER))


def _number(text: str | None) -> int | None:
    if not text or not text.isascii() or not text.isdecimal():
        return None
    number = int(text[:20])
    return number if 0 < number <= MAX_ID else None
