"""What a rule tree means, said a second time in plain Python.

Nothing in the product calls it to choose people: the tests hold the compiled SQL against it, and pages may ask it
about one person. ``facts`` maps subject keys to values; a missing key or None is unknown. Lists and tags are lists
of ids; engagement is a pair (consent, moment or None); reactions are pairs (operator, value) that hold.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, cast

from .catalogue import NEGATED, Kind
from .rules import Group, Rule

Facts = Mapping[str, Any]


def matches(node: Rule | Group, facts: Facts, *, now: datetime) -> bool:
    """Return whether a person with these facts is chosen; ``now`` is aware, its zone decides where days begin."""
    if isinstance(node, Rule):
        return _rule(node, facts.get(node.subject.key), now)
    results = [matches(rule, facts, now=now) for rule in node.rules]
    if node.match == "all":
        return all(results)
    return any(results) if node.match == "any" else not any(results)


def _rule(rule: Rule, fact: Any, now: datetime) -> bool:
    kind, operator = rule.subject.kind, rule.operator
    if kind is Kind.BOOLEAN:
        return _boolean(operator, fact)
    if operator in {"is_set", "is_not_set"}:
        known = fact is not None and fact not in ("", [])
        return known is (operator == "is_set")
    positive = _positive(rule, fact, now)
    return not positive if operator in NEGATED else positive


def _boolean(operator: str, fact: Any) -> bool:
    return {
        "is_true": fact is True,
        "is_false": fact is False,
        "is_set": fact is not None,
        "is_not_set": fact is None,
    }[operator]


def _positive(rule: Rule, fact: Any, now: datetime) -> bool:
    kind = rule.subject.kind
    if kind is Kind.CONSENT:
        return bool(fact)
    if kind is Kind.ENGAGEMENT:
        return _engagement(rule, fact, now)
    if kind in {Kind.REACTION, Kind.LINK}:
        return (rule.operator, str(rule.value)) in (fact or ())
    if kind in {Kind.SEVERAL, Kind.LIST, Kind.TAG}:
        wanted, has = set(cast("list[Any]", rule.value)), set(fact or ())
        return wanted <= has if rule.operator == "has_all" else bool(wanted & has)
    return fact is not None and _compared(rule, fact, now)


def _compared(rule: Rule, fact: Any, now: datetime) -> bool:
    match rule.subject.kind:
        case Kind.NUMBER:
            return _number(rule, float(fact))
        case Kind.DATE:
            return _date(rule, date.fromisoformat(str(fact)), now)
        case Kind.MOMENT:
            return _moment(rule, fact, now)
        case _:
            return _text(rule, str(fact).lower())


def _text(rule: Rule, fact: str) -> bool:
    if rule.operator == "in":
        return fact in {value.lower() for value in cast("list[str]", rule.value)}
    value = str(rule.value).lower()
    if rule.operator in {"equals", "not_equals"}:
        return fact == value
    return fact.startswith(value) if rule.operator == "starts_with" else value in fact


def _number(rule: Rule, fact: float) -> bool:
    value = float(cast("float", rule.value))
    return {
        "less": fact < value,
        "at_most": fact <= value,
        "more": fact > value,
        "at_least": fact >= value,
    }.get(rule.operator, fact == value)


def _date(rule: Rule, fact: date, now: datetime) -> bool:
    if rule.operator == "in_last_days":
        return now.date() - timedelta(days=cast("int", rule.value)) <= fact <= now.date()
    day = date.fromisoformat(str(rule.value))
    return {"on": fact == day, "before": fact < day, "after": fact > day}[rule.operator]


def _moment(rule: Rule, fact: datetime, now: datetime) -> bool:
    if rule.operator == "in_last_days":
        return fact >= now - timedelta(days=cast("int", rule.value))
    return _date(rule, fact.astimezone(now.tzinfo).date(), now)


def _engagement(rule: Rule, fact: Any, now: datetime) -> bool:
    allowed, moment = fact or (False, None)
    recent = moment is not None and moment >= now - timedelta(days=cast("int", rule.value))
    return allowed and (recent is (rule.operator == "in_last_days"))
