"""The segment builder: sentences on the page, a rule tree behind them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict

from ..segments.catalogue import DAYS, NO_VALUE, OPERATORS, SEVERAL, Catalogue, Kind, Subject

MAX_ROWS = 20
_KIND_OF_INPUT = {Kind.NUMBER: "number", Kind.DATE: "date", Kind.MOMENT: "date"}


@dataclass
class SentenceRow:
    """One sentence: field, comparison, value, and how the value is typed in."""

    index: int
    subject: str = ""
    operator: str = ""
    value: str = ""
    values: list[str] = field(default_factory=list)
    operators: list[tuple[str, str]] = field(default_factory=list)
    input: str = ""
    choices: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class Builder:
    """The state of the builder page."""

    match: str
    rows: list[SentenceRow]
    complex: bool = False

    def tree(self) -> dict[str, Any]:
        """Return the rule tree of the rows; empty rows are left out."""
        return {"match": self.match, "rules": [_node(row) for row in self.rows if row.subject]}


def _node(row: SentenceRow) -> dict[str, Any]:
    value: Any = row.values if row.input == "several" else row.value
    return {"subject": row.subject, "operator": row.operator, "value": value}


def from_post(data: QueryDict, known: Catalogue) -> Builder:
    """Return the builder as posted, after the button that was pressed (add, or remove-N) did its work."""
    count = min(int(data.get("rows", "1")) if data.get("rows", "1").isdigit() else 1, MAX_ROWS)
    action = data.get("action", "")
    rows: list[SentenceRow] = []
    for number in range(count):
        if action == f"remove-{number}":
            continue
        row = SentenceRow(
            len(rows),
            data.get(f"subject_{number}", ""),
            data.get(f"operator_{number}", ""),
            data.get(f"value_{number}", ""),
            data.getlist(f"value_{number}"),
        )
        rows.append(_completed(row, known))
    if action == "add" and len(rows) < MAX_ROWS:
        rows.append(SentenceRow(len(rows)))
    match = data.get("match", "all")
    return Builder(match if match in {"all", "any", "none"} else "all", rows or [SentenceRow(0)])


def from_rules(rules: Mapping[str, Any] | None, known: Catalogue) -> Builder:
    """Return the builder of stored rules; nested ones are marked as too complex for it."""
    if not rules:
        return Builder("all", [SentenceRow(0)])
    nodes = rules.get("rules", [])
    if any("rules" in node for node in nodes):
        return Builder(str(rules.get("match", "all")), [], complex=True)
    rows = []
    for number, node in enumerate(nodes):
        value = node.get("value")
        several = [str(item) for item in value] if isinstance(value, list) else []
        shown = ", ".join(several) if several else ("" if value is None else str(value))
        row = SentenceRow(number, node.get("subject", ""), node.get("operator", ""), shown, several)
        rows.append(_completed(row, known))
    return Builder(str(rules.get("match", "all")), rows)


def _completed(row: SentenceRow, known: Catalogue) -> SentenceRow:
    """Fill in the operators and the input that fit the chosen field."""
    subject = known.subjects.get(row.subject)
    if subject is None:
        row.subject = row.operator = row.value = ""
        return row
    row.operators = list(OPERATORS[subject.kind].items())
    if row.operator not in OPERATORS[subject.kind]:
        row.operator, row.value, row.values = row.operators[0][0], "", []
    row.input = _input(subject, row.operator)
    row.choices = list(subject.choices)
    if row.input == "choice" and row.value and row.value not in dict(row.choices):
        row.choices.append((row.value, row.value))
    if row.input == "several":
        row.values = [value for value in row.values if value in dict(row.choices)]
    return row


def _input(subject: Subject, operator: str) -> str:
    if operator in NO_VALUE:
        return ""
    if operator in DAYS:
        return "days"
    if operator in SEVERAL:
        return "several" if subject.choices or subject.kind in {Kind.LIST, Kind.TAG} else "text"
    if subject.kind in {Kind.CHOICE, Kind.REACTION, Kind.LINK} and subject.choices:
        return "choice"
    return _KIND_OF_INPUT.get(subject.kind, "text")


def sentences(rules: Mapping[str, Any], known: Catalogue) -> list[str]:
    """Return the rules in words, one line per condition; nested groups are indented."""
    return list(_lines(rules, known, 0))


def _lines(node: Mapping[str, Any], known: Catalogue, depth: int) -> list[str]:
    indent = "— " * max(0, depth - 1)
    if "rules" in node:
        inner = [line for rule in node["rules"] for line in _lines(rule, known, depth + 1)]
        return inner if depth == 0 else [f"{indent}{node['match']} of:", *inner]
    subject = known.subjects.get(str(node.get("subject")))
    if subject is None:
        return [f"{indent}A field that no longer exists: {node.get('subject')}"]
    words = OPERATORS[subject.kind].get(str(node.get("operator")), "?")
    value = node.get("value")
    names = dict(subject.choices)
    items = value if isinstance(value, list) else [value]
    shown = ", ".join(names.get(str(item), str(item)) for item in items if item not in (None, ""))
    if node.get("operator") in NO_VALUE:
        shown = ""
    if node.get("operator") in DAYS:
        return [f"{indent}{subject.label} {words.replace('the last days', f'the last {shown} days')}"]
    return [f"{indent}{subject.label} {words} {shown}".rstrip()]
