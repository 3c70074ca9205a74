"""What the papers rest on: facts read from the live configuration, in groups.

Each app registers the groups that only it can read. A paper sees the groups that it names and no other, so the
fingerprint of these groups covers everything that it says.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from ..models import Installation
from ..services import installation

Provider = Callable[[Installation], "Sequence[Fact]"]
SHOWN: Final = 12


@dataclass(frozen=True, slots=True)
class Fact:
    """One setting as it is now. Without `is_setting` it is a figure that moves by itself and is in no fingerprint."""

    key: str
    label: str
    value: str
    note: str = ""
    is_setting: bool = True


class UnknownGroup(LookupError):
    """A paper asked for facts that it does not name, or that nobody registered."""


_providers: dict[str, Provider] = {}


def register(group: str, provider: Provider) -> None:
    """Let an app say how a group of facts is read; it is given the installation's settings."""
    _providers[group] = provider


class Facts:
    """Groups of facts and the installation's settings, each read once when it is first asked for."""

    def __init__(self, given: Mapping[str, Sequence[Fact]] | None = None) -> None:
        """Begin with what is `given`; the rest is read."""
        self._groups: dict[str, Sequence[Fact]] = dict(given or {})

    def group(self, name: str) -> Sequence[Fact]:
        """Return a group. Raises UnknownGroup."""
        if name not in self._groups:
            if name not in _providers:
                raise UnknownGroup(name)
            self._groups[name] = tuple(_providers[name](self._site))
        return self._groups[name]

    @cached_property
    def _site(self) -> Installation:
        return installation.get()

    def only(self, names: Iterable[str]) -> "Facts":
        """Return these groups alone; asking for another one raises UnknownGroup."""
        return _Chosen({name: self.group(name) for name in names})

    def value(self, group: str, key: str) -> str:
        """Return one value; empty where the group has no such fact."""
        return next((fact.value for fact in self.group(group) if fact.key == key), "")

    def is_yes(self, group: str, key: str) -> bool:
        """Return whether a fact says yes."""
        return self.value(group, key) == YES


class _Chosen(Facts):
    def group(self, name: str) -> Sequence[Fact]:
        if name not in self._groups:
            raise UnknownGroup(name)
        return self._groups[name]


OWN_CARRIER: Final = "this site (a pixel and redirect of its own)"
YES: Final = "yes"
NO: Final = "no"


def yes(value: object) -> str:
    """Return the word for a truth value."""
    return YES if value else NO


def snapshot(facts: Facts, groups: Iterable[str]) -> dict[str, list[str]]:
    """Return the settings of these groups, JSON-ready: name to label and value."""
    return {
        f"{group}.{fact.key}": [fact.label, fact.value]
        for group in groups
        for fact in facts.group(group)
        if fact.is_setting
    }


def fingerprint(settings: Mapping[str, Sequence[str]]) -> str:
    """Return the SHA-256 (hex) of a snapshot; labels and order do not count."""
    values = {name: pair[1] for name, pair in settings.items()}
    return hashlib.sha256(json.dumps(values, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Say what differs between two snapshots, a sentence each; long lists are cut short and say so."""
    found = []
    for name in sorted(before.keys() | now.keys()):
        old, new = before.get(name), now.get(name)
        if old is None and new is not None:
            found.append(f"{new[0]}: {_brief(new[1])} (new)")
        elif new is None and old is not None:
            found.append(f"{old[0]}: {_brief(old[1])} (gone)")
        elif old is not None and new is not None and old[1] != new[1]:
            found.append(f"{new[0]}: {_brief(old[1])} → {_brief(new[1])}")
    more = len(found) - SHOWN
    return [*found[:SHOWN], f"and {more} more"] if more > 0 else found


def _brief(value: str) -> str:
    text = " ".join(value.split())
    return "empty" if not text else text if len(text) <= 80 else f"{text[:79]}…"
