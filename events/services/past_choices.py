"""What was ever wanted at Amazon, so that what nobody wants any more can be named and taken away.

A choice is written down before anything of it is made, and struck out when all is gone that goes by an apply. What
holds data of people or signs mail goes with everything else alone, so that part of a choice stays until then.
"""

import dataclasses
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from mailplatform.accounts.models import Installation
from mailplatform.accounts.services import installation
from mailplatform.aws.provision.model import Resource
from mailplatform.aws.provision.wanted import Schedule, Wanted

# What the choices of the last apply hold; everything else follows from settings.
CHOSEN: Final = (
    "identities",
    "operations_address",
    "ip_pool",
    "tenant",
    "tracking_domain",
    "schedules",
    "without",
)
# Follow from settings, which may be others by the time they are asked for.
SETTINGS: Final = ("files_bucket", "ledger_bucket", "buckets_region")
PAST: Final = "past"
UNTIL_DESTROY: Final = frozenset({"S3 bucket", "SES account", "SQS queue", "sending identity"})
SUBSCRIPTION: Final = "SNS subscription"
# Options of a configuration set that have to be taken off when they are chosen no longer.
OPTIONS: Final = ("ip_pool", "tracking_domain")
_ORDER: Final = (
    "SES account",
    "sending identity",
    "SNS topic",
    "SQS queue",
    "IP pool",
    "configuration set",
    "event destination",
    "tenant",
    "tenant member",
    "S3 bucket",
    "CloudWatch alarm",
    "CloudWatch dashboard",
    "EventBridge rule",
    SUBSCRIPTION,
)


def as_stored(want: Wanted, names: Iterable[str] = CHOSEN) -> dict[str, Any]:
    """Return choices as JSON has them."""
    stored = {name: getattr(want, name) for name in names}
    stored["schedules"] = [dataclasses.asdict(item) for item in want.schedules]
    stored["without"] = sorted(want.without)
    return stored | {"identities": list(want.identities)}


def from_stored(stored: Mapping[str, Any], names: Collection[str] = CHOSEN) -> dict[str, Any]:
    """Return choices as `Wanted` takes them."""
    found = {name: value for name, value in stored.items() if name in names}
    if "identities" in found:
        found["identities"] = tuple(found["identities"])
    if "schedules" in found:
        found["schedules"] = tuple(Schedule(**item) for item in found["schedules"])
    if "without" in found:
        found["without"] = frozenset(found["without"])
    return found


def remembered(row: Installation, like: Wanted) -> list[Wanted]:
    """Return all that was wanted and may still be there; the rest of each is as in `like`."""
    like = dataclasses.replace(like, dropped=frozenset())
    found = [
        dataclasses.replace(like, **from_stored(item, {*CHOSEN, *SETTINGS}))
        for item in row.provisioning.get(PAST, ())
    ]
    if last := from_stored(row.provisioning):
        found.append(dataclasses.replace(like, **last))
    return found


def dropped(row: Installation, like: Wanted) -> frozenset[str]:
    """Return the options that were chosen once and are not in `like`."""
    past = remembered(row, like)
    return frozenset(
        name
        for name in OPTIONS
        if not getattr(like, name) and any(getattr(earlier, name) for earlier in past)
    )


def remember(want: Wanted) -> None:
    """Write down what is going to be made, before it is made."""
    row = installation.get()
    past, entry = row.provisioning.get(PAST, []), _entry(want)
    if entry not in past:
        installation.update(actor=None, provisioning={**row.provisioning, PAST: [*past, entry]})


def left_of(past: Iterable[Wanted], holds: Callable[[Wanted], Collection[str]]) -> list[dict[str, Any]]:
    """Return what has to stay written down of choices; `holds` says by what keys one of them is still there."""
    found, covered = list[dict[str, Any]](), set[str]()
    for earlier in past:
        rest = dataclasses.replace(
            earlier,
            operations_address="",
            ip_pool="",
            tenant="",
            tracking_domain="",
            schedules=(),
            without=earlier.without | {"monitoring"},
        )
        keys = set(holds(rest))
        if keys - covered:
            found.append(_entry(rest))
            covered |= keys
    return found


def in_order(resources: Iterable[Resource]) -> list[Resource]:
    """Return resources of several choices in the order in which they could be made, each once."""
    unique = {item.key: item for item in resources}
    return sorted(unique.values(), key=lambda item: _ORDER.index(item.kind))


def surplus(former: Sequence[Resource]) -> list[Resource]:
    """Return those that an apply takes away: all that cost or act by themselves.

    A site goes on listening while there is a topic: who leaves the subscription out has made it in another way.
    """
    topics = {item.name for item in former if item.kind == "SNS topic"}

    def goes(item: Resource) -> bool:
        if item.kind == SUBSCRIPTION and item.properties["Protocol"] != "email":
            return item.name.split(" ")[0].rpartition(":")[2] in topics
        return item.kind not in UNTIL_DESTROY

    return [item for item in former if goes(item)]


def _entry(want: Wanted) -> dict[str, Any]:
    return as_stored(want, (*CHOSEN, *SETTINGS))
