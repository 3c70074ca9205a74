import json

import pytest

from mailplatform.aws.provision import words
from mailplatform.aws.provision.model import MISSING, Action, Found, Resource, Step, compare, covers

TOPIC = Resource(
    "SNS topic",
    "shop-events",
    {"SignatureVersion": "2", "Statements": {"a": {"Action": ["x"]}}},
    "shop",
    "$1",
)


@pytest.mark.parametrize(
    ("actual", "wanted", "same"),
    [
        ("2", "2", True),
        ("1", "2", False),
        (None, {"a": 1}, False),
        ({"added by AWS": 0, "a": 1}, {"a": 1}, True),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ({"a": ["x"]}, {"a": ["x", "y"]}, False),
        ({"a": "x"}, {"a": ["x"]}, True),
        (True, True, True),
    ],
)
def test_properties_are_compared_by_meaning(actual: object, wanted: object, same: bool) -> None:
    assert covers(actual, wanted) is same


def test_a_plan_says_what_changes_and_what_it_costs() -> None:
    new = compare(TOPIC, None)
    old = compare(
        TOPIC, Found({"SignatureVersion": "1", "Statements": {"a": {"Action": "x"}}}, is_ours=False)
    )
    gone = Step(TOPIC, Action.REMOVE, {})
    assert list(words.lines([new, old, gone])) == [
        "create  SNS topic shop-events ($1)",
        "          SignatureVersion: 2",
        '          Statements: {"a": {"Action": ["x"]}}',
        "change  SNS topic shop-events (it was there before: destroy will leave it)",
        "          SignatureVersion: 1 → 2",
        "remove  SNS topic shop-events",
        "1 to create, 1 to change, 1 to remove",
    ]


def test_nothing_to_do_is_said() -> None:
    kept = compare(TOPIC, Found(TOPIC.properties))
    assert list(words.lines([kept]))[-1] == "Nothing to do: the account is as it should be."


def test_a_plan_for_a_program_has_every_property() -> None:
    (found,) = json.loads(words.as_json([compare(TOPIC, None)]))
    assert found["action"] == "create"
    assert found["changes"]["SignatureVersion"] == {"found": MISSING, "wanted": "2"}


def test_long_values_are_cut() -> None:
    assert len(words.short("x" * 500)) == 101
