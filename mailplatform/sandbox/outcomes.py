"""What becomes of an accepted mail: the simulator's addresses, the suppression list, delivery.

Simulator: docs.aws.amazon.com/ses/latest/dg/send-an-email-from-console.html (labels after a plus sign).
"""

import random
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from . import events
from .constants import SIMULATOR_DOMAIN
from .errors import bad_request
from .message import Message
from .publisher import Publisher
from .timeline import Timeline

if TYPE_CHECKING:
    from .ses.state import State

Listener = Callable[[Message, str], None]


class Outcomes:
    """Schedules events; tells listeners of deliveries (the simulated readers)."""

    def __init__(self, state: "State", publisher: Publisher, timeline: Timeline) -> None:
        self._state = state
        self._publisher = publisher
        self._timeline = timeline
        self._rng = random.Random(0)  # noqa: S311 - spread of delays
        self.on_delivery: list[Listener] = []

    def begin(self, message: Message, configuration_set: dict[str, Any] | None) -> None:
        """Schedule all that follows from accepting ``message``."""
        config = self._state.config
        if message.failure:
            self._later(config.send_delay, message, "", self._rendering_failed)
            return
        if message.infected:
            self._later(config.send_delay, message, "", self._rejected)
            return
        self._later(config.send_delay, message, "", self._sent)
        reasons = self._state.suppression_reasons(configuration_set)
        for recipient in message.destination:
            self._recipient(message, recipient, reasons)

    def _recipient(self, message: Message, recipient: str, reasons: Any) -> None:
        entry = self._state.suppression_of(recipient)
        wait = self._state.config.send_delay + self._state.config.delivery_delay * self._rng.uniform(0.5, 1.5)
        if entry and entry["Reason"] in reasons:
            self._later(wait, message, recipient, partial(self._bounced, subtype="OnAccountSuppressionList"))
            return
        kind = simulated(recipient)
        if kind in {"bounce", "unknown"}:
            self._later(wait, message, recipient, self._bounced)
        elif kind == "suppressionlist":
            self._later(wait, message, recipient, partial(self._bounced, subtype="Suppressed"))
        else:
            self._later(wait, message, recipient, self._delivered)
            if kind == "complaint":
                later = wait + self._state.config.delivery_delay * 2
                self._later(later, message, recipient, self._complained)

    def inject(self, kind: str, message: Message, recipient: str, detail: dict[str, str]) -> None:
        """Emit any event for a mail, as if the world had caused it."""
        now = time.time()
        if kind == "BOUNCE":
            self._bounced(
                message,
                recipient,
                subtype=detail.get("subtype", "General"),
                kind=detail.get("type", "Permanent"),
            )
        elif kind == "COMPLAINT":
            self._complained(message, recipient, feedback_type=detail.get("feedback", "abuse"))
        elif kind == "DELIVERY":
            self._delivered(message, recipient)
        elif kind == "DELIVERY_DELAY":
            self._state.mailbox.mark(message.id, "delayed")
            delay_type = detail.get("type", "TransientCommunicationFailure")
            self._publisher.emit(kind, message, events.delay(message, recipient, now, delay_type))
        elif kind == "SUBSCRIPTION":
            self._publisher.emit(kind, message, events.subscription(now))
        elif kind == "SEND":
            self._sent(message, recipient)
        elif kind == "REJECT":
            self._rejected(message, recipient)
        else:
            raise bad_request(
                f"{kind} cannot be injected: opens and clicks are requests to the mail's own links"
            )

    def _later(
        self, wait: float, message: Message, recipient: str, action: Callable[[Message, str], None]
    ) -> None:
        self._timeline.after(wait, lambda: action(message, recipient))

    def _sent(self, message: Message, _recipient: str) -> None:
        self._publisher.emit("SEND", message, {})

    def _rejected(self, message: Message, _recipient: str) -> None:
        self._state.mailbox.mark(message.id, "rejected")
        self._publisher.emit("REJECT", message, {"reason": "Bad content"})

    def _rendering_failed(self, message: Message, _recipient: str) -> None:
        self._publisher.emit("RENDERING_FAILURE", message, events.failure(message))

    def _delivered(self, message: Message, recipient: str) -> None:
        self._state.mailbox.mark(message.id, "delivered")
        self._publisher.emit("DELIVERY", message, events.delivery(message, recipient, time.time()))
        for listener in self.on_delivery:
            listener(message, recipient)

    def _bounced(
        self, message: Message, recipient: str, subtype: str = "General", kind: str = "Permanent"
    ) -> None:
        self._state.mailbox.mark(message.id, "bounced")
        body = events.bounce(message, recipient, time.time(), subtype, kind)
        if kind == "Permanent" and subtype in {"General", "NoEmail"}:
            self._remember("BOUNCE", message, recipient, body["feedbackId"])
        self._publisher.emit("BOUNCE", message, body)

    def _complained(self, message: Message, recipient: str, feedback_type: str = "abuse") -> None:
        self._state.mailbox.mark(message.id, "complained")
        body = events.complaint(message, recipient, time.time(), feedback_type)
        self._remember("COMPLAINT", message, recipient, body["feedbackId"])
        self._publisher.emit("COMPLAINT", message, body)

    def _remember(self, reason: str, message: Message, recipient: str, feedback_id: str) -> None:
        """SES suppresses by itself, but never the simulator's addresses."""
        found = self._state.sets.get(message.configuration_set)
        if not simulated(recipient) and reason in self._state.suppression_reasons(found):
            self._state.suppress(recipient, reason, message.id, feedback_id)


def simulated(address: str) -> str:
    """Which simulator address this is, ``unknown`` for one that does not exist, empty for real people."""
    local, _, domain = address.lower().rpartition("@")
    if domain != SIMULATOR_DOMAIN:
        return ""
    name = local.partition("+")[0]
    return name if name in {"success", "bounce", "ooto", "complaint", "suppressionlist"} else "unknown"
