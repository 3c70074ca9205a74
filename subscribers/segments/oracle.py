"""What a rule tree means, said a second time in plain Python.

Nothing in the product calls it to choose people: the tests hold the compiled SQL against it, and pages may ask it
about one person. ``facts`` maps subject keys to values; a missing key or None is unknown. Lists and tags are lists
of ids; engagement is a pair (consent, moment or None) or (consent, number); reactions map pairs (operator, value) to
True, or to None where it is unknown. Orders are lists: moments, pairs (moment, amount), or names of products.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, cast

from .catalogue import DAYS, NEGATED, NO_VALUE, WITHIN, Kind
from .rules import Group, Rule

Facts = Mapping[str, Any]


def matches(node: Rule | Group, facts: Facts, *, now: datetime) -> bool:
    """Return whether a person with these facts is chosen; ``now`` is aware, its zone decides where days begin."""
    return _truth(node, facts, now) is True


def _truth(node: Rule | Group, facts: Facts, now: datetime) -> bool | None:
    """Return True, False, or None where nobody can know (Kleene's logic)."""
    if isinstance(node, Rule):
        return _rule(node, facts.get(node.subject.key), now)
    results = [_truth(rule, facts, now) for rule in node.rules]
    if node.match == "none":
        results = [None if result is None else not result for result in results]
    decisive = node.match == "any"
    if decisive in results:
        return decisive
    return None if None in results else not decisive


def _rule(rule: Rule, fact: Any, now: datetime) -> bool | None:
    kind, operator = rule.subject.kind, rule.operator
    if kind in {Kind.ENGAGEMENT, Kind.COUNTED}:
        allowed, value = fact or (False, None)
        return _engagement(rule, value, now) if allowed else None
    if kind in {Kind.REACTION, Kind.LINK, Kind.REPORT}:
        known: bool | None = (fact or {}).get((operator, str(rule.value)), False)
        return known
    if kind is Kind.BOOLEAN:
        return _boolean(operator, fact)
    if operator in {"is_set", "is_not_set"}:
        known = fact is not None and fact not in ("", [])
        return known is (operator == "is_set")
    if kind in WITHIN:
        return _number(rule, _summed(rule, fact or [], now))
    positive = _positive(rule, fact, now)
    return not positive if operator in NEGATED else positive


def _boolean(operator: str, fact: Any) -> bool:
    return {
        "is_true": fact is True,
        "is_false": fact is False,
        "is_set": fact is not None,
        "is_not_set": fact is None,
    }[operator]


def _summed(rule: Rule, fact: Any, now: datetime) -> int:
    since = None if rule.within is None else now - timedelta(days=rule.within)
    if rule.subject.kind is Kind.ORDERS:
        return sum(1 for moment in fact if since is None or moment >= since)
    return sum(int(amount) for moment, amount in fact if since is None or moment >= since)


def _positive(rule: Rule, fact: Any, now: datetime) -> bool:
    kind = rule.subject.kind
    if kind is Kind.PRODUCT:
        return any(_text(rule, name.lower()) for name in fact or ())
    if kind is Kind.CONSENT:
        return bool(fact)
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
        case Kind.MOMENT | Kind.PURCHASE:
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
    if rule.operator in DAYS:
        ago = (now.date() - fact).days
        days = cast("int", rule.value)
        return {"in_last_days": 0 <= ago <= days, "in_next_days": -days <= ago <= 0}.get(
            rule.operator, ago > days
        )
    day = date.fromisoformat(str(rule.value))
    return {"on": fact == day, "before": fact < day, "after": fact > day}[rule.operator]


def _moment(rule: Rule, fact: datetime, now: datetime) -> bool:
    if rule.operator in DAYS:
        recent = fact >= now - timedelta(days=cast("int", rule.value))
        return recent is (rule.operator == "in_last_days")
    return _date(rule, fact.astimezone(now.tzinfo).date(), now)


def _engagement(rule: Rule, value: Any, now: datetime) -> bool:
    if rule.subject.kind is Kind.COUNTED:
        return _number(rule, float(value or 0))
    if rule.operator in NO_VALUE:
        return (value is not None) is (rule.operator == "ever")
    recent = value is not None and value >= now - timedelta(days=cast("int", rule.value))
    return recent is (rule.operator == "in_last_days")
