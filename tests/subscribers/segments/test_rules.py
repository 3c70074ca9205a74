from typing import Any

import pytest

from subscribers.segments.catalogue import (
    BUILT_IN,
    Catalogue,
    field_subject,
    list_subject,
    spent_subject,
    tag_subject,
)
from subscribers.segments.rules import MAX_DEPTH, Group, Rule, RuleError, parse_rules, walk

CATALOGUE = Catalogue(
    [
        *BUILT_IN,
        field_subject("city", "City", "text", "text_1"),
        field_subject("segment", "Segment", "choice", choices=["new", "loyal"]),
        field_subject("age", "Age", "number"),
        field_subject("birthday", "Birthday", "date"),
        field_subject("vip", "VIP", "boolean"),
        field_subject("likes", "Likes", "list"),
        spent_subject("EUR"),
        spent_subject("JPY"),
        list_subject([("7", "News")]),
        tag_subject([("3", "vip")]),
    ]
)


def rule(subject: Any, operator: Any, value: Any = None, match: Any = "all") -> Any:
    return {"match": match, "rules": [{"subject": subject, "operator": operator, "value": value}]}


@pytest.mark.parametrize(
    ("subject", "operator", "value", "stored"),
    [
        ("field.city", "equals", " Berlin ", "Berlin"),
        ("field.city", "in", "Berlin, Paris", ["Berlin", "Paris"]),
        ("field.age", "more", "41,5", 41.5),
        ("field.age", "at_least", 18, 18),
        ("field.birthday", "before", "2000-01-31", "2000-01-31"),
        ("joined", "in_last_days", "30", 30),
        ("field.vip", "is_true", "ignored", None),
        ("field.likes", "has_all", ["books"], ["books"]),
        ("list", "has_any", ["7"], [7]),
        ("tag", "has_none", [3], [3]),
        ("consent.marketing", "is_true", None, None),
        ("opened", "not_in_last_days", 90, 90),
        ("orders.count", "at_least", "3", 3),
        ("orders.last", "before", "2025-01-31", "2025-01-31"),
        ("orders.product", "contains", " Tea ", "Tea"),
        ("spent.EUR", "at_least", "99,95", 9995),
        ("spent.EUR", "at_least", 100, 10000),
        ("spent.JPY", "at_most", "5000", 5000),
    ],
)
def test_values_are_checked_and_typed(subject: Any, operator: Any, value: Any, stored: Any) -> None:
    group = parse_rules(rule(subject, operator, value), CATALOGUE)
    assert group.rules == (Rule(CATALOGUE[subject], operator, stored),)


@pytest.mark.parametrize(
    ("tree", "words"),
    [
        (None, "not complete"),
        ([], "not complete"),
        ({}, "Choose a field"),
        ({"match": "all", "rules": []}, "choose everybody"),
        ({"match": "all", "rules": [{"match": "any", "rules": []}]}, "choose everybody"),
        ({"match": "some", "rules": [{}]}, "all, any or none"),
        ({"match": "all", "rules": "x"}, "at least one rule"),
        ({"match": "all", "rules": [7]}, "not complete"),
        (rule("", "equals", "x"), "Choose a field"),
        (rule("field.gone", "equals", "x"), "no field “field.gone”"),
        (rule("p.id; DROP TABLE", "equals", "x"), "no field"),
        (rule("field.city", "less", "x"), "choose how to compare"),
        (rule("field.city", "equals", ""), "fill in what"),
        (rule("field.city", "equals", "x\x00"), "fill in what"),
        (rule("field.city", "equals", "x" * 501), "too long"),
        (rule("field.city", "in", []), "between 1 and"),
        (rule("field.age", "more", "old"), "fill in a number"),
        (rule("field.age", "more", True), "fill in a number"),
        (rule("field.age", "more", "1e300"), "fill in a number"),
        (rule("field.birthday", "on", "31.12.2000"), "such as 2025-12-31"),
        (rule("joined", "in_last_days", 0), "number of days"),
        (rule("joined", "in_last_days", 1.5), "number of days"),
        (rule("list", "has_any", ["8"]), "does not exist"),
        (rule("list", "has_any", ["7 OR 1=1"]), "does not exist"),
        ({"subject": "email", "operator": "is_set"}, "must be a group"),
        (
            rule("email", "is_set") | {"rules": [{"subject": "email", "operator": "is_set"}] * 101},
            "at most 100",
        ),
    ],
)
def test_rules_that_are_not_whole_are_refused(tree: Any, words: Any) -> None:
    with pytest.raises(RuleError, match=words):
        parse_rules(tree, CATALOGUE)


def test_nesting_has_a_limit() -> None:
    tree = rule("email", "is_set")
    for _ in range(MAX_DEPTH):
        tree = {"match": "all", "rules": [tree]}
    with pytest.raises(RuleError, match="nested"):
        parse_rules(tree, CATALOGUE)


def test_walking_a_tree_meets_every_rule() -> None:
    tree = {"match": "any", "rules": [rule("email", "is_set"), {"subject": "name", "operator": "is_set"}]}
    met = []
    walk(parse_rules(tree, CATALOGUE), lambda found: met.append(found.subject.key))
    assert met == ["email", "name"]
    assert isinstance(parse_rules(tree, CATALOGUE), Group)


@pytest.mark.parametrize(("within", "stored"), [(None, None), ("", None), ("90", 90), (7, 7)])
def test_sums_and_counts_of_orders_can_be_of_a_time(within: Any, stored: int | None) -> None:
    node = {"subject": "spent.EUR", "operator": "at_least", "value": "1", "within": within}
    group = parse_rules({"match": "all", "rules": [node]}, CATALOGUE)
    assert group.rules == (Rule(CATALOGUE["spent.EUR"], "at_least", 100, stored),)


@pytest.mark.parametrize(
    ("value", "within", "words"),
    [("much", None, "an amount such as"), ("1.001", None, "an amount"), (True, None, "an amount"),
     ("", None, "an amount"), ("-1", None, "an amount"), ("1", "soon", "a number"), ("1", 0, "number of days")],
)  # fmt: skip
def test_an_amount_or_a_time_that_is_none_is_refused(value: Any, within: Any, words: str) -> None:
    node = {"subject": "spent.EUR", "operator": "at_least", "value": value, "within": within}
    with pytest.raises(RuleError, match=words):
        parse_rules({"match": "all", "rules": [node]}, CATALOGUE)


def test_an_unknown_currency_is_no_subject() -> None:
    with pytest.raises(ValueError, match="XXX"):
        spent_subject("XXX")
