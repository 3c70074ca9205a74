"""The tables of a report as rows for a file: figures, links, hours, parts, devices, machines, reasons."""

from collections.abc import Callable, Iterator
from typing import Final

from events.machines import EXPLANATIONS

from .breakdown import Hits, Part
from .overview import Overview
from .words import DEVICES

Rows = Iterator[list[str]]


def table(name: str, shown: Overview) -> Rows:
    """Return the rows of one table, its heads first. KeyError for a name that is not one of `TABLES`."""
    return TABLES[name](shown)


def _figures(shown: Overview) -> Rows:
    yield ["figure", "people", "of", "per cent", "own average, per cent", "meaning"]
    for name in ("audience", "accepted", "failed", "skipped", "unresolved", "waiting", "quiet"):
        yield [name, str(getattr(shown.figures, name)), "", "", "", ""]
    for rate in shown.rates:
        share = f"{100 * rate.people / rate.of:.2f}" if rate.of else ""
        average = "" if rate.average is None else f"{rate.average:.2f}"
        yield [rate.label.lower(), str(rate.people), str(rate.of), share, average, rate.definition]


def _links(shown: Overview) -> Rows:
    yield ["link", "people", "clicks", "clicks by machines"]
    for link in shown.links:
        yield [link.url, str(link.unique), str(link.total), str(link.machines)]


def _hours(shown: Overview) -> Rows:
    yield ["from", "clicks", "opens", "by machines"]
    for point in shown.points:
        yield [point.at.isoformat(), str(point.clicks), str(point.opens), str(point.machines)]


def _parts(parts: list[Part]) -> Rows:
    yield ["name", "mails", "delivered", "bounced", "clicked", "opened", "unsubscribed", "complained"]
    for part in parts:
        numbers = (
            part.accepted, part.delivered, part.all_bounced, part.clicked, part.opened, part.unsubscribed,
            part.complained,
        )  # fmt: skip
        yield [part.name, *map(str, numbers)]


def _hits(hits: list[Hits], words: dict[str, str]) -> Rows:
    yield ["what", "people", "clicks", "opens"]
    for hit in hits:
        yield [words.get(hit.key, hit.key), str(hit.people), str(hit.clicks), str(hit.opens)]


def _reasons(shown: Overview) -> Rows:
    yield ["what became of it", "reason", "people"]
    for reason in [*shown.skipped, *shown.bounces]:
        yield [reason.who, reason.words, str(reason.count)]


TABLES: Final[dict[str, Callable[[Overview], Rows]]] = {
    "figures": _figures,
    "links": _links,
    "hours": _hours,
    "providers": lambda shown: _parts(shown.found.providers if shown.found else []),
    "lists": lambda shown: _parts(shown.found.lists if shown.found else []),
    "segments": lambda shown: _parts(shown.found.segments if shown.found else []),
    "devices": lambda shown: _hits(shown.found.devices if shown.found else [], DEVICES),
    "machines": lambda shown: _hits(shown.found.machines if shown.found else [], EXPLANATIONS),
    "reasons": _reasons,
}
