"""Delivery policies."""

import json
from typing import Any

import pytest

from mailplatform.sandbox.errors import ApiError
from mailplatform.sandbox.sns import retry


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ({}, [20, 20, 20]),
        ({"numRetries": 0}, []),
        (
            {"numRetries": 5, "numNoDelayRetries": 2, "numMinDelayRetries": 1, "minDelayTarget": 1},
            [0, 0, 1, 1, 20],
        ),
        ({"numRetries": 3, "minDelayTarget": 10, "maxDelayTarget": 30}, [10, 20, 30]),
        ({"numRetries": 3, "numMaxDelayRetries": 1, "minDelayTarget": 1, "maxDelayTarget": 9}, [1, 9, 9]),
    ],
)
def test_delays(policy: dict[str, Any], expected: list[float]) -> None:
    assert retry.delays(policy) == expected


@pytest.mark.parametrize("function", ["linear", "arithmetic", "geometric", "exponential"])
def test_backoff_grows_between_its_ends(function: str) -> None:
    policy = {"numRetries": 10, "minDelayTarget": 1, "maxDelayTarget": 100, "backoffFunction": function}
    found = retry.delays(policy)
    assert found == sorted(found)
    assert (found[0], found[-1]) == (1, 100)


def test_the_whole_is_never_longer_than_an_hour() -> None:
    found = retry.delays({"numRetries": 100, "minDelayTarget": 600, "maxDelayTarget": 600})
    assert found == [600] * 6


@pytest.mark.parametrize(
    "policy",
    [
        {"healthyRetryPolicy": {"numRetries": 101}},
        {"healthyRetryPolicy": {"minDelayTarget": 0}},
        {"healthyRetryPolicy": {"minDelayTarget": 30, "maxDelayTarget": 20}},
        {"healthyRetryPolicy": {"maxDelayTarget": 3601}},
        {"healthyRetryPolicy": {"numRetries": 1, "numNoDelayRetries": 2}},
        {"healthyRetryPolicy": {"backoffFunction": "random"}},
        {"healthyRetryPolicy": {"numRetries": "3"}},
        {"healthyRetryPolicy": {"surprise": 1}},
        {"throttlePolicy": {"maxReceivesPerSecond": 0}},
        {"surprise": {}},
        [],
    ],
)
def test_broken_policies(policy: Any) -> None:
    with pytest.raises(ApiError, match="InvalidParameter"):
        retry.parse(json.dumps(policy), topic=False)


def test_a_topic_policy_is_unwrapped() -> None:
    text = json.dumps({"http": {"defaultHealthyRetryPolicy": {"numRetries": 1}}})
    assert retry.parse(text, topic=True) == {"defaultHealthyRetryPolicy": {"numRetries": 1}}
    with pytest.raises(ApiError, match="parse JSON"):
        retry.parse("{", topic=True)
