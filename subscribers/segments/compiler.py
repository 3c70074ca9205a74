"""From a checked rule tree to one SQL condition.

The condition is total: every leaf is true or false, never NULL, so that “is not” and “none of” mean what people
read. What was never measured is neither: of a person who did not agree to tracking, “opened” does not hold and nor
does “none of: opened”. So a node can be written in two ways, that it surely holds and that it surely does not, and
NOT never stands before what may be unknown (Kleene's three values).
All values travel as parameters; SQL text comes from this file and the catalogue only.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from .catalogue import DAYS, NEGATED, NO_VALUE, Kind, Subject
from .rules import Group, Rule, walk

_COMPARE = {"less": "<", "at_most": "<=", "more": ">", "at_least": ">=", "equals": "=", "not_equals": "="}


@dataclass(frozen=True)
class Condition:
    """SQL for a WHERE clause over ``p`` (profile) and, where ``needs_subscriber``, ``s`` (subscriber)."""

    sql: str
    params: tuple[Any, ...]
    needs_subscriber: bool


class _Compiler:
    def __init__(self, now: datetime) -> None:
        self._now = now
        self.params: list[Any] = []
        self.needs_subscriber = False

    def node(self, node: Rule | Group, *, holds: bool = True) -> str:
        """Return the SQL that the node surely holds, or else that it surely does not."""
        if isinstance(node, Rule):
            return self._rule(node) if holds else self._contrary(node)
        inner = holds if node.match != "none" else not holds
        # “None of” is “all of” the contraries; the contrary of “all” is that any of them does not hold.
        every = (node.match != "any") is holds
        return f"({(' AND ' if every else ' OR ').join(self.node(rule, holds=inner) for rule in node.rules)})"

    def _contrary(self, rule: Rule) -> str:
        known = self._known(rule)
        contrary = f"NOT {self._rule(rule)}"
        return f"({known} AND {contrary})" if known else contrary

    def _known(self, rule: Rule) -> str:
        sql = rule.subject.known.get(rule.operator, "") or rule.subject.consent_column
        self.params += [rule.value] * sql.count("%s")
        return sql

    def _rule(self, rule: Rule) -> str:
        subject = rule.subject
        if subject.json_key or subject.column.startswith("s."):
            self.needs_subscriber = True
        positive = self._positive(rule)
        if rule.operator == "is_false" and subject.kind is Kind.BOOLEAN:
            return f"COALESCE({positive}, FALSE)"
        sign = "NOT " if rule.operator in NEGATED else ""
        return f"{sign}COALESCE({positive}, FALSE)"

    def _positive(self, rule: Rule) -> str:
        writers = {
            Kind.TEXT: self._text,
            Kind.CHOICE: self._text,
            Kind.NUMBER: self._number,
            Kind.DATE: self._date,
            Kind.BOOLEAN: self._boolean,
            Kind.SEVERAL: self._several,
            Kind.LIST: self._ids,
            Kind.TAG: self._ids,
            Kind.CONSENT: self._consent,
            Kind.MOMENT: self._moment,
            Kind.ENGAGEMENT: self._engagement,
            Kind.COUNTED: self._counted,
            Kind.REACTION: self._reaction,
            Kind.LINK: self._reaction,
            Kind.REPORT: self._reaction,
            Kind.PURCHASE: self._purchase,
            Kind.ORDERS: self._orders,
            Kind.SPENT: self._spent,
            Kind.PRODUCT: self._product,
        }
        return writers[rule.subject.kind](rule)

    def _consent(self, rule: Rule) -> str:
        return rule.subject.column

    def _reaction(self, rule: Rule) -> str:
        sql = rule.subject.reactions[rule.operator]
        self.params += [rule.value] * sql.count("%s")
        return f"({sql})"

    def _bind(self, value: Any) -> str:
        self.params.append(value)
        return "%s"

    def _as_text(self, subject: Subject) -> str:
        return subject.column or f"(s.fields->>{self._bind(subject.json_key)})"

    def _as_json(self, subject: Subject) -> str:
        return f"(s.fields->{self._bind(subject.json_key)})"

    def _text(self, rule: Rule) -> str:
        text = self._as_text(rule.subject)
        match rule.operator:
            case "is_set" | "is_not_set":
                return f"{text} <> ''"
            case "equals" | "not_equals":
                return f"lower({text}) = lower({self._bind(rule.value)})"
            case "in":
                lowered = f"(SELECT lower(v) FROM unnest({self._bind(rule.value)}::text[]) v)"  # noqa: S608 - the value is a parameter
                return f"lower({text}) = ANY {lowered}"
            case "starts_with":
                return f"starts_with(lower({text}), lower({self._bind(rule.value)}))"
            case _:
                return f"strpos(lower({text}), lower({self._bind(rule.value)})) > 0"

    def _number(self, rule: Rule) -> str:
        subject = rule.subject
        known = rule.operator in {"is_set", "is_not_set"}
        if subject.column:
            return f"{subject.column} IS NOT NULL" if known else self._compared(subject.column, rule)
        # CASE, because Postgres may evaluate the sides of AND in any order and a cast of text would fail.
        is_number = f"jsonb_typeof({self._as_json(subject)}) = 'number'"
        if known:
            return is_number
        compared = self._compared(f"({self._as_text(subject)})::double precision", rule)
        return f"CASE WHEN {is_number} THEN {compared} END"

    def _compared(self, number: str, rule: Rule) -> str:
        return f"{number} {_COMPARE[rule.operator]} {self._bind(rule.value)}"

    def _date(self, rule: Rule) -> str:
        subject = rule.subject
        # ISO dates sort as text; a JSON value that is no date was never stored.
        day = subject.column or f'{self._as_text(subject)} COLLATE "C"'
        if rule.operator in {"is_set", "is_not_set"}:
            return f"{day} IS NOT NULL" if subject.column else f"{day} <> ''"
        low, high = self._day_bounds(rule)
        return self._between(day, low, high, as_text=not subject.column)

    def _day_bounds(self, rule: Rule) -> tuple[date | None, date | None]:
        """Return the first and the last day that match."""
        today = self._now.date()
        if rule.operator in DAYS:
            return _around(today, rule.operator, timedelta(days=int(str(rule.value))))
        day = date.fromisoformat(str(rule.value))
        one = timedelta(days=1)
        return {"on": (day, day), "before": (None, day - one), "after": (day + one, None)}[rule.operator]

    def _between(self, day: str, low: date | None, high: date | None, *, as_text: bool) -> str:
        bounds = [bound.isoformat() if as_text else bound for bound in (low, high) if bound is not None]
        marks = [self._bind(bound) for bound in bounds]
        if len(marks) > 1:
            return f"{day} BETWEEN {marks[0]} AND {marks[1]}"
        return f"{day} {'<=' if low is None else '>='} {marks[0]}"

    def _boolean(self, rule: Rule) -> str:
        value = self._as_json(rule.subject)
        if rule.operator in {"is_set", "is_not_set"}:
            return f"jsonb_typeof({value}) = 'boolean'"
        return f"{value} = '{'true' if rule.operator == 'is_true' else 'false'}'::jsonb"

    def _several(self, rule: Rule) -> str:
        value = self._as_json(rule.subject)
        if rule.operator in {"is_set", "is_not_set"}:
            return f"{value} NOT IN ('[]'::jsonb, '\"\"'::jsonb, 'null'::jsonb)"
        function = "jsonb_exists_all" if rule.operator == "has_all" else "jsonb_exists_any"
        return f"{function}({value}, {self._bind(rule.value)}::text[])"

    def _ids(self, rule: Rule) -> str:
        sign = "@>" if rule.operator == "has_all" else "&&"
        return f"{rule.subject.column} {sign} {self._bind(rule.value)}::bigint[]"

    def _moment(self, rule: Rule) -> str:
        column = rule.subject.column
        if rule.operator in DAYS:
            sign = "<" if rule.operator == "more_days_ago" else ">="
            return f"{column} {sign} {self._bind(self._now - timedelta(days=int(str(rule.value))))}"
        day = datetime.fromisoformat(str(rule.value)).replace(tzinfo=self._now.tzinfo)
        next_day = day + timedelta(days=1)
        match rule.operator:
            case "before":
                return f"{column} < {self._bind(day)}"
            case "after":
                return f"{column} >= {self._bind(next_day)}"
            case _:
                return f"{column} >= {self._bind(day)} AND {column} < {self._bind(next_day)}"

    def _engagement(self, rule: Rule) -> str:
        column, known = rule.subject.column, rule.subject.consent_column
        if rule.operator in NO_VALUE:
            return f"{known} AND {column} IS {'NOT ' if rule.operator == 'ever' else ''}NULL"
        limit = self._now - timedelta(days=int(str(rule.value)))
        recent = f"COALESCE({column} >= {self._bind(limit)}, FALSE)"
        if rule.operator == "not_in_last_days":
            recent = f"NOT {recent}"
        return f"{known} AND {recent}"

    def _counted(self, rule: Rule) -> str:
        return f"{rule.subject.consent_column} AND {self._compared(rule.subject.column, rule)}"

    def _purchase(self, rule: Rule) -> str:
        if rule.operator in {"is_set", "is_not_set"}:
            return f"{rule.subject.column} IS NOT NULL"
        return self._moment(rule)

    def _orders(self, rule: Rule) -> str:
        return self._summed(rule, rule.subject.column, "count(*)", "")

    def _spent(self, rule: Rule) -> str:
        own = f" AND o.currency = '{rule.subject.currency}'"
        return self._summed(rule, f"COALESCE({rule.subject.column}, 0)", "COALESCE(sum(o.total), 0)", own)

    def _summed(self, rule: Rule, ever: str, inside: str, condition: str) -> str:
        """Compare what the rollup says, or what the orders say where only some of their time counts.

        No part is more than the whole, so the rollup alone settles most: who never reached the number, who stays
        below it even with everything, and who bought nothing in the time. Orders are asked of the others only.
        """
        if rule.within is None:
            return self._compared(ever, rule)
        sign, joined = ("<=", "OR") if rule.operator == "at_most" else (">=", "AND")
        settled = f"{ever} {sign} {self._bind(rule.value)}"
        since = self._now - timedelta(days=rule.within)
        recent = f"p.last_ordered_at >= {self._bind(since)}"
        own = f"o.subscriber_id = p.subscriber_id AND o.ordered_at >= {self._bind(since)}{condition}"
        counted = f"CASE WHEN {recent} THEN (SELECT {inside} FROM subscribers_order o WHERE {own}) ELSE 0 END"  # noqa: S608 - values are parameters, the currency is one of ISO 4217
        return f"({settled} {joined} {self._compared(counted, rule)})"

    def _product(self, rule: Rule) -> str:
        name = self._bind(rule.value)
        match = f"lower(t.name) = lower({name})"
        if rule.operator in {"contains", "not_contains"}:
            match = f"strpos(lower(t.name), lower({name})) > 0"
        # The sub-select stands alone, so Postgres asks for the products once.
        return f"{rule.subject.column} && ARRAY(SELECT t.id FROM subscribers_product t WHERE {match})"  # noqa: S608 - the name is a parameter


def _around(today: date, operator: str, days: timedelta) -> tuple[date | None, date | None]:
    """Return the first and the last day of a span that is counted from today."""
    match operator:
        case "in_next_days":
            return today, today + days
        case "more_days_ago":
            return None, today - days - timedelta(days=1)
        case _:
            return today - days, today


def compile_rules(rules: Group, *, now: datetime) -> Condition:
    """Return the condition that is true for exactly the people of whom the rules surely hold.

    ``now`` is aware; its zone decides where a day begins.
    """
    compiler = _Compiler(now)
    sql = compiler.node(rules)
    return Condition(sql, tuple(compiler.params), compiler.needs_subscriber)


def compile_contrary(rules: Group, *, now: datetime) -> Condition | None:
    """Return the condition that is true for exactly the people of whom the rules surely do not hold.

    None where every rule asks for something that is known of everybody, so that it is the opposite.
    """
    asked = list[Rule]()
    walk(rules, asked.append)
    if not any(rule.subject.consent_column not in {"", "TRUE"} or rule.subject.known for rule in asked):
        return None
    compiler = _Compiler(now)
    sql = compiler.node(rules, holds=False)
    return Condition(sql, tuple(compiler.params), compiler.needs_subscriber)


def source(condition: Condition) -> str:
    """Return the FROM of a condition: the narrow profiles alone wherever that is enough."""
    join = " JOIN subscribers_subscriber s ON s.id = p.subscriber_id" if condition.needs_subscriber else ""
    return f"subscribers_profile p{join}"


def select_ids(condition: Condition) -> str:
    """Return the query of the subscriber ids that meet the condition; its parameters are the condition's."""
    return f"SELECT p.subscriber_id FROM {source(condition)} WHERE {condition.sql}"  # noqa: S608 - its values are parameters
