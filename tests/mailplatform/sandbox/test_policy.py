"""Resource policies."""

import json
from typing import Any

import pytest

from mailplatform.sandbox import policy

TOPIC = "arn:aws:sns:eu-central-1:123456789012:events"
SET = "arn:aws:ses:eu-central-1:123456789012:configuration-set/none"
BASE: dict[str, Any] = {
    "Effect": "Allow",
    "Principal": {"Service": "ses.amazonaws.com"},
    "Action": "sns:Publish",
    "Resource": TOPIC,
}


def allowed(*statements: dict[str, Any]) -> bool:
    return policy.allows(
        json.dumps({"Statement": list(statements)}),
        service="ses.amazonaws.com",
        action="sns:Publish",
        resource=TOPIC,
        context={"aws:SourceAccount": "123456789012", "aws:SourceArn": SET},
    )


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"Principal": "*"},
        {"Principal": {"Service": ["x", "ses.amazonaws.com"]}},
        {"Action": ["SNS:Publish", "SNS:Subscribe"]},
        {"Action": "sns:*"},
        {"Resource": "*"},
        {"Condition": {"StringEquals": {"AWS:SourceAccount": "123456789012", "AWS:SourceArn": SET}}},
        {"Condition": {"StringLike": {"AWS:SourceArn": SET.replace("none", "*")}}},
        {"Condition": {"ArnLike": {"aws:SourceArn": [SET.replace("none", "n*"), "arn:x"]}}},
    ],
)
def test_what_lets_ses_publish(change: dict[str, Any]) -> None:
    assert allowed({**BASE, **change})


@pytest.mark.parametrize(
    "change",
    [
        {"Principal": {"AWS": "*"}},
        {"Principal": {"Service": "events.amazonaws.com"}},
        {"Action": "sns:Subscribe"},
        {"Resource": TOPIC + "-other"},
        {"Effect": "Deny"},
        {"Condition": {"StringEquals": {"AWS:SourceAccount": "999999999999"}}},
        {"Condition": {"StringEquals": {"AWS:SourceArn": SET.replace("none", "*")}}},
        {"Condition": {"StringEquals": {"AWS:SourceOwner": "123456789012"}}},
        {"Condition": {"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}},
    ],
)
def test_what_does_not(change: dict[str, Any]) -> None:
    assert not allowed({**BASE, **change})


def test_deny_wins() -> None:
    assert not allowed(BASE, {**BASE, "Effect": "Deny"})


@pytest.mark.parametrize("document", ["", "{}", "not json"])
def test_no_policy_allows_nothing(document: str) -> None:
    assert not policy.allows(document, service="s", action="a", resource="r", context={})
