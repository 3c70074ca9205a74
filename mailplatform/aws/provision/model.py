"""Descriptions of resources and how they differ from what there is. Pure: nothing here calls Amazon."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Protocol, runtime_checkable

from .amazon import Amazon

# Everything that is made bears this tag, with the prefix of the installation as its value.
TAG: Final = "mailplatform"
# What a template made bears this one besides, and most of it one of Amazon's: it goes with its stack.
STACK_TAG: Final = "mailplatform-made-by"
STACK_TAGS: Final = frozenset({STACK_TAG, "aws:cloudformation:stack-name"})
OF_A_STACK: Final = "goes with its CloudFormation stack"
MISSING: Final = "(nothing)"


class Kept(Exception):
    """A resource cannot go yet, or must not; the message says why."""


class Fixed(Exception):
    """A property cannot be changed after the resource was made; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One thing that there has to be. `properties` may leave out what does not matter; `cost` is for a reader.

    A property that is wanted as None must not be there.
    """

    kind: str
    name: str
    properties: Mapping[str, Any]
    tag: str = ""
    cost: str = "free"

    @property
    def key(self) -> str:
        """Return kind and name: what a person reads and what no two resources share."""
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Found:
    """What there is. `is_ours` says whether provisioning made it; else it is used and never deleted."""

    properties: Mapping[str, Any]
    is_ours: bool = True


class Kind(Protocol):
    """How one kind of resource is read, made, changed and deleted. Each may raise botocore's errors."""

    def read(self, amazon: Amazon, resource: Resource) -> Found | None:
        """Return what there is, or None."""

    def create(self, amazon: Amazon, resource: Resource) -> None:
        """Make it; it was not there a moment ago."""

    def change(self, amazon: Amazon, resource: Resource, names: frozenset[str]) -> None:
        """Bring the properties `names` to what is wanted. Raises `Fixed`."""

    def delete(self, amazon: Amazon, resource: Resource) -> None:
        """Remove it. Raises `Kept`."""


@runtime_checkable
class Holding(Protocol):
    """A kind that may refuse to be deleted, for what it holds or is."""

    def why_kept(self, amazon: Amazon, resource: Resource) -> str:
        """Return why `delete` would raise `Kept` now, or nothing. Changes nothing."""


class Action(StrEnum):
    """What a step would do."""

    CREATE = "create"
    CHANGE = "change"
    KEEP = "keep"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a plan. `changes` are properties with what there is and what is wanted."""

    resource: Resource
    action: Action
    changes: Mapping[str, tuple[Any, Any]]
    is_ours: bool = True


def compare(resource: Resource, found: Found | None) -> Step:
    """Say what has to happen for `resource` to be as described."""
    if found is None:
        changes = {name: (MISSING, value) for name, value in resource.properties.items() if value is not None}
        return Step(resource, Action.CREATE, changes)
    changes = {
        name: (found.properties.get(name, MISSING), value)
        for name, value in resource.properties.items()
        if not covers(found.properties.get(name), value)
    }
    return Step(resource, Action.CHANGE if changes else Action.KEEP, changes, found.is_ours)


def covers(actual: Any, wanted: Any) -> bool:
    """Whether `actual` holds all that is wanted. Amazon adds defaults and gives one value for a list of one."""
    if isinstance(wanted, Mapping):
        return isinstance(actual, Mapping) and all(
            covers(actual.get(name), value) for name, value in wanted.items()
        )
    if isinstance(wanted, list):
        found = actual if isinstance(actual, list) else [actual]
        return len(found) == len(wanted) and all(map(covers, found, wanted))
    return bool(actual == wanted)


def is_tagged(tags: Mapping[str, str], resource: Resource) -> bool:
    """Whether these tags say that provisioning made it for this installation."""
    return tags.get(TAG) == resource.tag and not is_of_stack(tags)


def is_of_stack(tags: Mapping[str, str]) -> bool:
    """Whether these tags say that CloudFormation made it."""
    return not STACK_TAGS.isdisjoint(tags)


def as_map(pairs: Any, key: str = "Key", value: str = "Value") -> dict[str, str]:
    """Return Amazon's list of pairs as a mapping."""
    return {item[key]: item.get(value, "") for item in pairs or ()}


def tags_of(resource: Resource) -> list[dict[str, str]]:
    """Return our tag as most services want it."""
    return [{"Key": TAG, "Value": resource.tag}]
