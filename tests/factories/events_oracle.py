"""What a set of events must add up to: slow, obvious, and written without a look at the product's ingest.

Takes the events as SES wrote them, one for each message of SNS that brought one, in any order and with repeats.
"""

from collections import Counter as Tally
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

# How bad it is; the worst stays.
SEVERITY = {
    "Send": 10,
    "DeliveryDelay": 20,
    "Delivery": 30,
    "Open": 30,
    "Click": 30,
    "Transient": 40,
    "Rendering Failure": 50,
    "Reject": 60,
    "Permanent": 70,
    "Complaint": 80,
}
NAMES = {
    "Send": "send", "DeliveryDelay": "delivery_delay", "Delivery": "delivery", "Open": "open", "Click": "click",
    "Transient": "soft_bounce", "Rendering Failure": "rendering_failure", "Reject": "reject", "Permanent": "bounce",
    "Complaint": "complaint",
}  # fmt: skip
STANDS_AS = {
    10: "send", 20: "delivery_delay", 30: "delivery", 40: "soft_bounce", 50: "rendering_failure", 60: "reject",
    70: "bounce", 80: "delivery",
}  # fmt: skip
BODIES = {"Rendering Failure": "failure", "DeliveryDelay": "deliveryDelay"}

Key = tuple[int, int]
# (hour, type, link, is machine)
Place = tuple[str, str, str, bool]


@dataclass
class Expected:
    """Final states of people and the counters, events and people apart."""

    states: dict[Key, int] = field(default_factory=dict)
    events: Tally[Place] = field(default_factory=Tally)
    people: Tally[Place] = field(default_factory=Tally)


def expect(events: Iterable[dict[str, Any]], allowed: set[int], machines: set[str]) -> Expected:
    """Return what must be there; `allowed` are people who may be tracked, `machines` user agents of programs."""
    once, found = dict[tuple[str, ...], dict[str, Any]](), Expected()
    for event in events:
        body = event[BODIES.get(event["eventType"], event["eventType"].lower())]
        told = body.get("feedbackId") or body.get("link", "")
        person = int(event["mail"]["tags"]["mp-sub"][0])
        if event["eventType"] in {"Open", "Click"} and person not in allowed:
            # Nothing is kept by which a repeat could be known, but the id of the message.
            found.events[_hour(body["timestamp"]), f"{NAMES[event['eventType']]}_untracked", "", False] += 1
            continue
        once[event["mail"]["messageId"], event["eventType"], body["timestamp"], told] = event
    by_person: dict[Key, list[tuple[str, str, str, bool]]] = {}
    for event in once.values():
        kind = event["eventType"]
        body = event[BODIES.get(kind, kind.lower())]
        person = int(event["mail"]["tags"]["mp-sub"][0])
        kind = body["bounceType"] if kind == "Bounce" else kind
        at, link = body["timestamp"], body.get("link", "")
        machine = body.get("userAgent", "") in machines
        found.events[_hour(at), NAMES[kind], link, machine] += 1
        by_person.setdefault((int(event["mail"]["tags"]["mp-run"][0]), person), []).append(
            (at, kind, link, machine)
        )
    for key, seen in by_person.items():
        _person(found, key, seen)
    return found


def _person(found: Expected, key: Key, seen: list[tuple[str, str, str, bool]]) -> None:
    worst = max(SEVERITY[kind] for _, kind, _, _ in seen)
    found.states[key] = worst
    first = min(at for at, kind, _, _ in seen if SEVERITY[kind] == worst)
    found.people[_hour(first), STANDS_AS[worst], "", False] += 1
    for flag in ("Complaint", "Open", "Click"):
        for machine in (False, True):
            times = [at for at, kind, _, is_machine in seen if kind == flag and is_machine == machine]
            if times:
                found.people[_hour(min(times)), NAMES[flag], "", machine] += 1
    for link, machine in {(link, machine) for _, kind, link, machine in seen if kind == "Click"}:
        times = [
            at for at, kind, here, is_machine in seen if (kind, here, is_machine) == ("Click", link, machine)
        ]
        found.people[_hour(min(times)), "click", link, machine] += 1


def _hour(at: str) -> str:
    return at[:13]


def stored(run_ids: list[int]) -> Expected:
    """Return the same as the product has it."""
    from events.models import Counter, Link, Outcome

    links = dict(Link.objects.filter(run_id__in=run_ids).values_list("pk", "url"))
    found = Expected()
    for outcome in Outcome.objects.filter(run_id__in=run_ids):
        found.states[outcome.run_id, outcome.subscriber_id] = outcome.state
    for row in Counter.objects.filter(run_id__in=run_ids):
        place = (row.hour.strftime("%Y-%m-%dT%H"), row.type, links.get(row.link_id, ""), row.is_machine)
        found.events[place] += row.events
        found.people[place] += row.people
    found.events, found.people = +found.events, +found.people
    return found


def differences(expected: Expected, there: Expected) -> list[str]:
    """Name every place where they differ; empty is how it should be."""
    told = [
        f"state of {key}: {expected.states.get(key)} expected, {there.states.get(key)} there"
        for key in sorted(expected.states.keys() | there.states.keys())
        if expected.states.get(key) != there.states.get(key)
    ]
    for what, wanted, has in (
        ("events", expected.events, there.events),
        ("people", expected.people, there.people),
    ):
        told += [f"{what} {place}: {wanted[place]} expected, {has[place]} there"
                 for place in sorted({*wanted, *has}) if wanted[place] != has[place]]  # fmt: skip
    return told
