"""What a plan changes, in words."""

from typing import Any

import pytest

from mailplatform.aws.provision import phrases
from mailplatform.aws.provision.model import Found, Resource, compare
from mailplatform.sandbox.testing import RunningSandbox
from tests.factories.aws import account, everything


def said(wanted: dict[str, Any], found: dict[str, Any] | None) -> list[tuple[str, str, str, str]]:
    step = compare(Resource("x", "y", wanted), None if found is None else Found(found))
    return [(item.what, item.name, item.before, item.after) for item in phrases.changes(step)]


@pytest.mark.parametrize(
    ("name", "found", "wanted", "before", "after"),
    [
        ("TlsPolicy", "OPTIONAL", "REQUIRE", "where the receiver can", "always; no delivery without it"),
        ("ReputationMetricsEnabled", False, True, "no", "yes"),
        ("EngagementMetrics", "ENABLED", "DISABLED", "yes", "no"),
        ("SuppressedReasons", ["BOUNCE"], ["BOUNCE", "COMPLAINT"], "bounce", "bounce, complaint"),
        ("MatchingEventTypes", [], ["RENDERING_FAILURE"], "nothing", "rendering failure"),
        ("MessageRetentionPeriod", "345600", "1209600", "4 days", "14 days"),
        ("MessageRetentionPeriod", "60", "1209600", "60", "14 days"),
        ("SendingPoolName", None, "warm", "nothing", "warm"),
        ("DkimKeyLength", "RSA_1024_BIT", "RSA_2048_BIT", "1024 bits", "2048 bits"),
        ("Threshold", 0.1, 0.05, "0.1", "0.05"),
        ("Body", {"widgets": [1]}, {"widgets": [2]}, "somebody's own version", "what this version describes"),
    ],
)
def test_a_property_is_told_from_what_to_what(
    name: str, found: Any, wanted: Any, before: str, after: str
) -> None:
    assert said({name: wanted}, {name: found}) == [(phrases.LABELS[name], name, before, after)]


def test_of_what_is_nested_only_the_parts_that_differ_are_told() -> None:
    theirs = {"Sid": "Theirs", "Effect": "Deny"}
    ours = {"Effect": "Allow", "Condition": {"ArnEquals": {"aws:SourceArn": "arn:new"}}}
    old = {"Effect": "Allow", "Condition": {"ArnEquals": {"aws:SourceArn": "arn:old"}}}
    found = said({"Statements": {"Ours": ours}}, {"Statements": {"Theirs": theirs, "Ours": old}})
    way = "Statements.Ours.Condition.ArnEquals.aws:SourceArn"
    assert found == [("Access policy", way, "arn:old", "arn:new")]
    ((what, way, before, after),) = said({"Statements": {"Ours": ours}}, {"Statements": {"Theirs": theirs}})
    assert (what, way, before) == ("Access policy", "Statements.Ours", "nothing")
    assert "arn:new" in after


def test_of_what_is_new_every_property_is_told() -> None:
    assert said({"TlsPolicy": "REQUIRE", "Period": 300}, None) == [
        ("Encryption on the way to the receiver", "TlsPolicy", "", "always; no delivery without it"),
        ("Seconds that are taken together", "Period", "", "300"),
    ]


def test_every_property_that_can_be_wanted_has_a_name(shared_sandbox: RunningSandbox) -> None:
    want = everything("words", endpoint="https://news.example.eu/sns/events/")
    names = {name for item in account(shared_sandbox, want).resources for name in item.properties}
    # Said in full by the sentence of the rule itself.
    assert names - phrases.LABELS.keys() == {"Description"}
