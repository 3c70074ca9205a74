"""Plans in words and as JSON. Pure."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

from .model import MISSING, Action, Step

_SHORT: Final = 100


def lines(steps: Sequence[Step]) -> Iterator[str]:
    """Yield a plan for a person: what would change, from what to what, and what that costs."""
    for step in steps:
        if step.action in {Action.KEEP, Action.REMOVE}:
            yield f"{step.action:7} {step.resource.key}"
            continue
        cost = f" ({step.resource.cost})" if step.action is Action.CREATE else ""
        whose = "" if step.is_ours else " (it was there before: destroy will leave it)"
        yield f"{step.action:7} {step.resource.key}{cost}{whose}"
        for name, (found, wanted) in step.changes.items():
            before = "" if found == MISSING else f"{short(found)} → "
            yield f"          {name}: {before}{short(wanted)}"
    yield summary(steps)


def summary(steps: Sequence[Step]) -> str:
    """Return one line of counts."""
    counts = {action: sum(step.action is action for step in steps) for action in Action}
    if counts[Action.KEEP] == len(steps):
        return "Nothing to do: the account is as it should be."
    return ", ".join(f"{count} to {action}" for action, count in counts.items() if count)


def as_json(steps: Sequence[Step]) -> str:
    """Return a plan for a program: a list of objects, one for each resource, in the order of making."""
    found = [
        {
            "kind": step.resource.kind,
            "name": step.resource.name,
            "action": step.action,
            "is_ours": step.is_ours or step.action is Action.CREATE,
            "cost": step.resource.cost,
            "changes": {name: {"found": old, "wanted": new} for name, (old, new) in step.changes.items()},
        }
        for step in steps
    ]
    return json.dumps(found, indent=2, default=str)


def short(value: Any) -> str:
    """Return a value on one line, cut where it is long."""
    if value is None:
        return MISSING
    text = value if isinstance(value, str) else json.dumps(value, default=str, sort_keys=True)
    return text if len(text) <= _SHORT else f"{text[:_SHORT]}…"
