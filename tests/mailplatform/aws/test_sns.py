"""What does not need a running site; the subscription itself is in test_provisioning.py."""

import json

import pytest

from mailplatform.aws import sns

ARN = "arn:aws:sns:eu-central-1:123456789012:events"


@pytest.mark.parametrize(
    ("actual", "wanted", "same"),
    [
        ("2", "2", True),
        ("1", "2", False),
        ("", '{"a": 1}', False),
        ('{"b": 2, "a": 1}', '{"a": 1,"b": 2}', True),
        ('{"a": 1, "added by AWS": 0}', '{"a": 1}', True),
        ('{"a": 1}', '{"a": 1, "b": 2}', False),
        ('{"a": ["x"]}', '{"a": ["x", "y"]}', False),
        ('{"a": "x"}', '{"a": ["x"]}', True),
    ],
)
def test_attributes_are_compared_by_meaning(actual: str, wanted: str, same: bool) -> None:
    assert sns._same(actual, wanted) is same


def test_a_second_run_replaces_our_statement_only() -> None:
    theirs = {"Sid": "Theirs", "Effect": "Deny", "Principal": "*", "Action": "sns:Publish", "Resource": ARN}
    first = sns._policy(
        json.dumps({"Version": "2012-10-17", "Statement": [theirs]}), ARN, "123456789012", ["b", "a"]
    )
    second = sns._policy(first, ARN, "123456789012", ["c"])
    assert [item["Sid"] for item in json.loads(second)["Statement"]] == ["Theirs", sns.POLICY_SID]
    assert json.loads(second)["Statement"][1]["Condition"]["StringEquals"]["AWS:SourceArn"] == ["c"]


def test_the_delivery_policy_stays_within_an_hour() -> None:
    """SNS refuses a policy whose retries may take longer than 3,600 seconds."""
    policy = sns.DELIVERY_POLICY["healthyRetryPolicy"]
    backoff = policy["numRetries"] - sum(
        policy[name] for name in ("numNoDelayRetries", "numMinDelayRetries", "numMaxDelayRetries")
    )
    assert backoff >= 0
    longest = policy["numMinDelayRetries"] * policy["minDelayTarget"]
    longest += (policy["numMaxDelayRetries"] + backoff) * policy["maxDelayTarget"]
    assert longest <= 3600
