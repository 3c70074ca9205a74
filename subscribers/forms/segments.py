"""The segment builder: sentences on the page, a rule tree behind them.

On the page stand rules and, below them, groups of rules: one level of nesting. Deeper trees are shown in words and
kept as they are. A rule whose field was deleted stays visible until somebody removes it: dropped in silence it would
choose more people than before.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict

from mailplatform.core.numbers import whole

from ..segments.catalogue import DAYS, NO_VALUE, OPERATORS, SEVERAL, WITHIN, Catalogue, Kind, Subject

MAX_ROWS = 40
MAX_GROUPS = 10
MATCHES = ("all", "any", "none")
_KIND_OF_INPUT = {
    **dict.fromkeys((Kind.NUMBER, Kind.COUNTED, Kind.ORDERS, Kind.SPENT), "number"),
    **dict.fromkeys((Kind.DATE, Kind.MOMENT, Kind.PURCHASE), "date"),
}


@dataclass
class SentenceRow:
    """One sentence: field, comparison, value, and how the value is typed in."""

    index: int = 0
    subject: str = ""
    operator: str = ""
    value: str = ""
    values: list[str] = field(default_factory=list)
    operators: list[tuple[str, str]] = field(default_factory=list)
    input: str = ""
    choices: list[tuple[str, str]] = field(default_factory=list)
    gone: bool = False
    within: str = ""
    has_time: bool = False


@dataclass
class RowGroup:
    """Rules that belong together within the others."""

    index: int
    match: str
    rows: list[SentenceRow]


@dataclass
class Builder:
    """The state of the builder page."""

    match: str
    rows: list[SentenceRow]
    groups: list[RowGroup] = field(default_factory=list)
    complex: bool = False

    def tree(self, *, whole: bool = False) -> dict[str, Any]:
        """Return the rule tree; rules without a field are left out of it unless it is to be ``whole``."""
        rules = _nodes(self.rows, whole=whole and bool(self.rows))
        for group in self.groups:
            inner = _nodes(group.rows, whole=whole)
            if inner or whole:
                rules.append({"match": group.match, "rules": inner})
        return {"match": self.match, "rules": rules}

    def all_rows(self) -> Iterator[SentenceRow]:
        """Yield the rules of the page from top to bottom."""
        yield from self.rows
        for group in self.groups:
            yield from group.rows

    def numbered(self) -> "Builder":
        """Give rules and groups their numbers, which the names of the inputs carry."""
        for number, row in enumerate(self.all_rows()):
            row.index = number
        for number, group in enumerate(self.groups):
            group.index = number
        return self


def _nodes(rows: list[SentenceRow], *, whole: bool) -> list[dict[str, Any]]:
    return [_node(row) for row in rows if row.subject or whole]


def _node(row: SentenceRow) -> dict[str, Any]:
    value: Any = row.values if row.input == "several" else row.value
    node = {"subject": row.subject, "operator": row.operator, "value": value}
    return {**node, "within": row.within} if row.has_time and row.within else node


def from_post(data: QueryDict, known: Catalogue) -> Builder:
    """Return the builder as posted, after the button that was pressed (add, remove…) did its work."""
    action = data.get("action", "")
    groups = {
        number: RowGroup(number, _match(data.get(f"match_{number}", "any"), "any"), [])
        for number in range(_number(data.get("groups", "0"), MAX_GROUPS))
        if action != f"remove-group-{number}"
    }
    top: list[SentenceRow] = []
    for number in range(_number(data.get("rows", "1"), MAX_ROWS)):
        row = _posted(data, number, known)
        inside = data.get(f"group_{number}", "")
        if action == f"remove-{number}":
            continue
        if not inside:
            top.append(row)
        elif inside.isascii() and inside.isdecimal() and int(inside[:4]) in groups:
            groups[int(inside[:4])].rows.append(row)
    builder = Builder(_match(data.get("match", "all"), "all"), top, list(groups.values()))
    _add(builder, groups, action)
    builder.groups = [group for group in builder.groups if group.rows]
    if not builder.rows and not builder.groups:
        builder.rows.append(SentenceRow())
    return builder.numbered()


def _add(builder: Builder, groups: Mapping[int, RowGroup], action: str) -> None:
    if sum(1 for _ in builder.all_rows()) >= MAX_ROWS:
        return
    if action == "add":
        builder.rows.append(SentenceRow())
    elif action == "add-group" and len(builder.groups) < MAX_GROUPS:
        match = "all" if builder.match == "any" else "any"
        builder.groups.append(RowGroup(0, match, [SentenceRow()]))
    for number, group in groups.items():
        if action == f"add-in-{number}":
            group.rows.append(SentenceRow())


def _number(text: str, most: int) -> int:
    return min(whole(text, digits=5), most)


def _match(text: str, otherwise: str) -> str:
    return text if text in MATCHES else otherwise


def _posted(data: QueryDict, number: int, known: Catalogue) -> SentenceRow:
    value = f"value_{number}"
    return _completed(
        SentenceRow(
            number,
            data.get(f"subject_{number}", ""),
            data.get(f"operator_{number}", ""),
            data.get(value, ""),
            data.getlist(value),
            within=data.get(f"within_{number}", "").strip(),
        ),
        known,
    )


def from_rules(rules: Mapping[str, Any] | None, known: Catalogue) -> Builder:
    """Return the builder of stored rules; groups within groups are marked as too complex for it."""
    if not rules:
        return Builder("all", [SentenceRow()])
    builder = Builder(str(rules.get("match", "all")), [])
    for node in rules.get("rules", []):
        if "rules" not in node:
            builder.rows.append(_stored(node, known))
        elif any("rules" in inner for inner in node["rules"]):
            return Builder(builder.match, [], complex=True)
        else:
            inner = [_stored(rule, known) for rule in node["rules"]]
            builder.groups.append(RowGroup(0, str(node.get("match", "any")), inner))
    fits = sum(1 for _ in builder.all_rows()) <= MAX_ROWS and len(builder.groups) <= MAX_GROUPS
    return builder.numbered() if fits else Builder(builder.match, [], complex=True)


def _stored(node: Mapping[str, Any], known: Catalogue) -> SentenceRow:
    value = node.get("value")
    several = [str(item) for item in value] if isinstance(value, list) else []
    shown = ", ".join(several) if several else ("" if value is None else str(value))
    row = SentenceRow(0, str(node.get("subject", "")), str(node.get("operator", "")), shown, several)
    row.within = str(node.get("within") or "")
    return _completed(row, known)


def _completed(row: SentenceRow, known: Catalogue) -> SentenceRow:
    """Fill in the operators and the input that fit the chosen field."""
    subject = known.get(row.subject)
    if subject is None:
        row.gone = bool(row.subject)
        return row
    row.operators = [
        (key, words)
        for key, words in OPERATORS[subject.kind].items()
        if not subject.reactions or key in subject.reactions
    ]
    if row.operator not in dict(row.operators):
        row.operator, row.value, row.values = row.operators[0][0], "", []
    row.input, row.has_time = _input(subject, row.operator), subject.kind in WITHIN
    row.choices = list(subject.choices)
    if row.input == "choice" and row.value and row.value not in dict(row.choices):
        row.choices.append((row.value, row.value))
    if row.input == "several":
        gone = [value for value in row.values if value and value not in dict(row.choices)]
        row.choices += [(value, f"{value} (no longer exists)") for value in gone]
    return row


def _input(subject: Subject, operator: str) -> str:
    if operator in NO_VALUE:
        return ""
    if operator in DAYS:
        return "days"
    if operator in SEVERAL:
        return "several" if subject.choices or subject.kind in {Kind.LIST, Kind.TAG} else "text"
    if subject.kind in {Kind.CHOICE, Kind.REACTION, Kind.LINK, Kind.REPORT} and subject.choices:
        return "choice"
    return _KIND_OF_INPUT.get(subject.kind, "text")


def sentences(rules: Mapping[str, Any], known: Catalogue) -> list[str]:
    """Return the rules in words, one line per condition; nested groups are indented."""
    return list(_lines(rules, known, 0))


def _lines(node: Mapping[str, Any], known: Catalogue, depth: int) -> Iterator[str]:
    indent = "— " * max(0, depth - 1)
    if "rules" in node:
        if depth or node["match"] != "all":
            yield f"{indent}{node['match']} of:"
        for rule in node["rules"]:
            yield from _lines(rule, known, depth + 1)
    else:
        yield indent + _sentence(node, known)


def _sentence(node: Mapping[str, Any], known: Catalogue) -> str:
    subject, operator = known.get(node.get("subject")), str(node.get("operator"))
    if subject is None:
        return f"A field that no longer exists: {node.get('subject')}"
    words = OPERATORS[subject.kind].get(operator, "?")
    value = node.get("value")
    names = dict(subject.choices)
    items = value if isinstance(value, list) else [value]
    shown = ", ".join(names.get(str(item), str(item)) for item in items if item not in (None, ""))
    if operator in NO_VALUE:
        shown = ""
    if operator in DAYS and "days" in words:
        for span in ("the last days", "the next days"):
            words = words.replace(span, span.replace("days", f"{shown} days"))
        words = words.replace("more days", f"more than {shown} days").removesuffix(" than")
        return f"{subject.label} {words}"
    within = f" in the last {node['within']} days" if node.get("within") and subject.kind in WITHIN else ""
    return f"{subject.label} {words} {shown}".rstrip() + within
