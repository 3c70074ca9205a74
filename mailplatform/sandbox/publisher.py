"""From an event to the topics that asked for it, through whatever misbehaviour is on."""

from typing import Any

import orjson

from . import events
from .constants import EVENT_SUBJECT
from .message import Message
from .misbehaviour import Misbehaviour
from .sns.service import Sns
from .storage import Table
from .timeline import Timeline


class Publisher:
    """Publishes only to enabled destinations of the mail's own configuration set."""

    def __init__(self, sets: Table, sns: Sns, timeline: Timeline, misbehaviour: Misbehaviour) -> None:
        self._sets = sets
        self._sns = sns
        self._timeline = timeline
        self.misbehaviour = misbehaviour
        self.counts: dict[str, int] = {}
        self.lost = 0
        self.refused = 0

    def reset(self) -> None:
        """Start counting anew."""
        self.counts.clear()
        self.lost = self.refused = 0

    def wants(self, configuration_set: str, kind: str) -> bool:
        """Whether any enabled destination of the set lists this event type."""
        return bool(self._destinations(configuration_set, kind))

    def emit(self, kind: str, message: Message, body: dict[str, Any]) -> bool:
        """Publish one event; says whether any destination wanted it."""
        destinations = self._destinations(message.configuration_set, kind)
        if not destinations:
            return False
        self.counts[kind] = self.counts.get(kind, 0) + 1
        text = orjson.dumps(events.build(kind, message, body)).decode()
        for destination in destinations:
            topic = destination.get("SnsDestination", {}).get("TopicArn")
            if topic:
                self._with_faults(kind, topic, message.configuration_set, text)
        return True

    def _destinations(self, configuration_set: str, kind: str) -> list[dict[str, Any]]:
        found = self._sets.get(configuration_set) if configuration_set else None
        if not found:
            return []
        return [
            item
            for item in found["destinations"]
            if item.get("Enabled") and kind in item.get("MatchingEventTypes", ())
        ]

    def _with_faults(self, kind: str, topic: str, configuration_set: str, text: str) -> None:
        faults, rng = self.misbehaviour, self.misbehaviour.rng

        def strikes(name: str) -> bool:
            fault = getattr(faults, name)
            return (not fault.types or kind in fault.types) and bool(fault.strikes(rng))

        if strikes("events_lost"):
            self.lost += 1
            return
        # A double is either SES's (two messages) or SNS's (one message, posted twice).
        doubled = strikes("events_doubled")
        same_message = doubled and rng.random() < 0.5
        wait = faults.events_delayed.seconds if strikes("events_delayed") else 0.0
        if strikes("events_reordered"):
            wait += rng.uniform(0, faults.events_reordered.seconds or 2.0)
        self._send(topic, configuration_set, text, wait, 2 if same_message else 1)
        if doubled and not same_message:
            self._send(topic, configuration_set, text, wait + rng.uniform(0, 0.2), 1)

    def _send(self, topic: str, configuration_set: str, text: str, wait: float, copies: int) -> None:
        def publish() -> None:
            # The policy may have changed since the destination was made.
            if self._sns.may_publish(topic, configuration_set=configuration_set):
                self._sns.publish(topic, text, EVENT_SUBJECT, copies=copies)
            else:
                self.refused += 1

        if wait > 0:
            self._timeline.after(wait, publish)
        else:
            publish()
