"""What happened after a mail was sent."""

from .engagement import Counter, Link, Outcome, OutcomeState
from .inbox import DeadLetter, Event, EventType, Heartbeat, InboundMessage

__all__ = [
    "Counter",
    "DeadLetter",
    "Event",
    "EventType",
    "Heartbeat",
    "InboundMessage",
    "Link",
    "Outcome",
    "OutcomeState",
]
