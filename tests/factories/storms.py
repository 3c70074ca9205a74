"""Storms of events: every kind, over several hours, with repeats and in the wrong order."""

import random
from datetime import timedelta
from typing import Any

from campaigns.models import Run
from mailplatform.core import clock
from subscribers.models import Subscriber

from .events import PERSON_AGENT, payload

PROXY = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
AGENTS = (PERSON_AGENT, PERSON_AGENT, PROXY)
_KINDS = (
    ["Send"] * 6
    + ["Delivery"] * 6
    + ["Open"] * 5
    + ["Click"] * 4
    + ["Bounce", "Bounce", "Complaint", "Reject"]
)
_KINDS += ["Rendering Failure", "DeliveryDelay"]
TWICE = 0.3
MOVED = 0.3


def make_storm(
    rng: random.Random, runs: list[Run], people: list[Subscriber], count: int
) -> list[dict[str, Any]]:
    """Return events in the order of their time, each at a time of its own."""
    start = clock.now() - timedelta(hours=5)
    return [
        _event(
            rng,
            rng.choice(runs),
            rng.choice(people),
            start + timedelta(milliseconds=number * 17_000_000 / count),
            number,
        )
        for number in range(count)
    ]


def _event(rng: random.Random, run: Run, person: Subscriber, at: Any, number: int) -> dict[str, Any]:
    kind, more = rng.choice(_KINDS), dict[str, Any]()
    if kind in {"Open", "Click"}:
        more["userAgent"] = rng.choice(AGENTS)
    if kind == "Click":
        more["link"] = f"https://shop.example/{rng.randrange(3)}"
    if kind == "Bounce":
        more |= {"bounceType": rng.choice(["Permanent", "Transient"]), "feedbackId": f"f{number}"}
    if kind == "Complaint":
        more["feedbackId"] = f"c{number}"
    return payload(kind, run, person, at=at, **more)


def disorder(rng: random.Random, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the events with three in ten repeated somewhere, and three in ten moved somewhere else."""
    mixed = list(events)
    for event in rng.sample(events, int(len(events) * TWICE)):
        mixed.insert(rng.randrange(len(mixed) + 1), event)
    for _ in range(int(len(mixed) * MOVED)):
        mixed.insert(rng.randrange(len(mixed)), mixed.pop(rng.randrange(len(mixed))))
    return mixed
