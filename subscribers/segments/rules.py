"""The rule tree: parsed from stored JSON, checked against the catalogue, so that whatever compiles is sound.

Shape: ``{"match": "all" | "any" | "none", "rules": [node, …]}``, where a node is again such a group or
``{"subject": key, "operator": name, "value": …}``, in some with ``"within": days``.
An empty group anywhere is refused: read as “no condition” it
would silently choose everybody.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any, cast

from ..money import AmountRefusedError, read_amount
from .catalogue import DAYS, NO_VALUE, OPERATORS, SEVERAL, WITHIN, Catalogue, Kind, Subject

Value = str | int | float | list[str] | list[int] | None

MAX_DEPTH = 5
MAX_RULES = 100
MAX_VALUES = 500
MAX_DAYS = 36_500
MAX_TIMES = 1_000_000
MAX_DIGITS = 19
_MATCHES = ("all", "any", "none")


class RuleError(ValueError):
    """The rules cannot be used; the message tells the person which one and why."""


@dataclass(frozen=True)
class Rule:
    """One checked condition. ``within`` counts what happened in so many days up to now; None for ever."""

    subject: Subject
    operator: str
    value: Value = None
    within: int | None = None


@dataclass(frozen=True)
class Group:
    """Several conditions: all, any or none of them must hold."""

    match: str
    rules: tuple["Rule | Group", ...]


def parse_rules(tree: object, catalogue: Catalogue) -> Group:
    """Return the checked tree. Raises RuleError for anything that is not a whole, meaningful rule."""
    counter = [0]
    node = _node(tree, catalogue, 1, counter)
    if isinstance(node, Rule):
        raise RuleError("The rules must be a group.")
    return node


def _node(tree: object, catalogue: Catalogue, depth: int, counter: list[int]) -> Rule | Group:
    if not isinstance(tree, dict):
        raise RuleError("A rule is not complete.")
    node = cast("dict[str, Any]", tree)
    if "match" in node or "rules" in node:
        return _group(node, catalogue, depth, counter)
    counter[0] += 1
    if counter[0] > MAX_RULES:
        raise RuleError(f"A segment can have at most {MAX_RULES} rules.")
    return _rule(node, catalogue)


def _group(node: dict[str, Any], catalogue: Catalogue, depth: int, counter: list[int]) -> Group:
    match, rules = node.get("match"), node.get("rules")
    if match not in _MATCHES:
        raise RuleError("Choose whether all, any or none of the rules must hold.")
    if not isinstance(rules, list) or not rules:
        raise RuleError("Add at least one rule; an empty segment would choose everybody.")
    if depth > MAX_DEPTH:
        raise RuleError(f"Groups can be nested {MAX_DEPTH} deep at most.")
    return Group(match, tuple(_node(rule, catalogue, depth + 1, counter) for rule in rules))


def _rule(node: dict[str, Any], catalogue: Catalogue) -> Rule:
    key, operator = node.get("subject"), node.get("operator")
    subject = catalogue.get(key) if isinstance(key, str) else None
    if subject is None:
        raise RuleError(_missing(key))
    if operator not in OPERATORS[subject.kind]:
        raise RuleError(f"{subject.label}: choose how to compare.")
    if operator in NO_VALUE:
        return Rule(subject, operator)
    value, within = _value(subject, operator, node.get("value")), node.get("within")
    if subject.kind not in WITHIN or within in (None, ""):
        return Rule(subject, operator, value)
    return Rule(subject, operator, value, _days(subject, within))


def _missing(key: object) -> str:
    if not key:
        return "Choose a field for every rule, or remove the rule."
    return f"There is no field “{str(key)[:80]}” any more. Remove that rule or choose another field."


def _value(subject: Subject, operator: str, raw: object) -> Value:
    if operator in DAYS:
        return _days(subject, raw)
    if operator in SEVERAL:
        return _several(subject, raw)
    reader = _READERS.get(subject.kind, _text)
    return reader(subject, raw)


def _text(subject: Subject, raw: object) -> str:
    if not isinstance(raw, str) or not raw.strip() or "\x00" in raw:
        raise RuleError(f"{subject.label}: fill in what to compare with.")
    if len(raw) > MAX_VALUES:
        raise RuleError(f"{subject.label}: the text is too long.")
    return raw.strip()


def _number_of(subject: Subject, raw: object) -> str:
    """The number of a campaign, link or report's group, as text; it may be older than those that are offered."""
    text = str(raw or "").strip()
    if not (text.isascii() and text.isdecimal() and len(text) < MAX_DIGITS):
        raise RuleError(f"{subject.label}: choose one of the list.")
    return text


def _number(subject: Subject, raw: object) -> float | int:
    try:
        number = math.nan if isinstance(raw, bool) else float(str(raw).strip().replace(",", "."))
    except ValueError:
        number = math.nan
    if not -1e15 < number < 1e15:
        raise RuleError(f"{subject.label}: fill in a number.")
    return int(number) if number.is_integer() else number


def _date(subject: Subject, raw: object) -> str:
    try:
        return date.fromisoformat(str(raw).strip()).isoformat()
    except ValueError:
        raise RuleError(f"{subject.label}: fill in a date such as 2025-12-31.") from None


def _days(subject: Subject, raw: object) -> int:
    number = _number(subject, raw)
    if not isinstance(number, int) or not 1 <= number <= MAX_DAYS:
        raise RuleError(f"{subject.label}: fill in a number of days, 1 to {MAX_DAYS:,}.")
    return number


def _times(subject: Subject, raw: object) -> int:
    number = _number(subject, raw)
    if not isinstance(number, int) or not 0 <= number <= MAX_TIMES:
        raise RuleError(f"{subject.label}: fill in how often, 0 to {MAX_TIMES:,}.")
    return number


def _money(subject: Subject, raw: object) -> int:
    """An amount in the smallest unit of the subject's currency."""
    text = "" if raw is None or isinstance(raw, bool) else str(raw)
    try:
        return read_amount(text, subject.currency)
    except AmountRefusedError:
        raise RuleError(f"{subject.label}: fill in an amount such as 99 or 99.95.") from None


def _several(subject: Subject, raw: object) -> list[str] | list[int]:
    values = raw if isinstance(raw, list) else [part.strip() for part in str(raw or "").split(",")]
    values = [value for value in values if value != ""]
    if not values or len(values) > MAX_VALUES:
        raise RuleError(f"{subject.label}: choose between 1 and {MAX_VALUES} values.")
    if subject.kind in {Kind.LIST, Kind.TAG}:
        return _ids(subject, values)
    return [_text(subject, value) for value in values]


def _ids(subject: Subject, values: list[object]) -> list[int]:
    known = {key for key, _ in subject.choices}
    if any(str(value) not in known for value in values):
        raise RuleError(f"{subject.label}: one of the values does not exist (any more).")
    return [int(str(value)) for value in values]


_READERS: dict[Kind, Callable[[Subject, object], Value]] = {
    Kind.NUMBER: _number,
    Kind.COUNTED: _times,
    Kind.ORDERS: _times,
    Kind.SPENT: _money,
    Kind.PURCHASE: _date,
    Kind.DATE: _date,
    Kind.MOMENT: _date,
    Kind.REACTION: _number_of,
    Kind.LINK: _number_of,
    Kind.REPORT: _number_of,
}


def walk(node: Rule | Group, visit: Callable[[Rule], None]) -> None:
    """Call ``visit`` for every condition of the tree."""
    if isinstance(node, Rule):
        visit(node)
        return
    for rule in node.rules:
        walk(rule, visit)
