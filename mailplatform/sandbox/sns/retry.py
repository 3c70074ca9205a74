"""Delivery policies: when SNS tries again.

docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html: no-delay tries first, then at the least
delay, then growing, then at the greatest; the whole never longer than an hour.
"""

from typing import Any

import orjson

from ..errors import invalid_parameter

DEFAULT = {
    "minDelayTarget": 20,
    "maxDelayTarget": 20,
    "numRetries": 3,
    "numMaxDelayRetries": 0,
    "numNoDelayRetries": 0,
    "numMinDelayRetries": 0,
    "backoffFunction": "linear",
}
_FUNCTIONS = {"linear", "arithmetic", "geometric", "exponential"}
_TOTAL = 3600
_PARTS = {"healthyRetryPolicy", "throttlePolicy", "requestPolicy", "sicklyRetryPolicy", "guaranteed"}
_TOPIC_PARTS = {
    "defaultHealthyRetryPolicy",
    "defaultThrottlePolicy",
    "defaultRequestPolicy",
    "disableSubscriptionOverrides",
    "defaultSicklyRetryPolicy",
}


def delays(policy: dict[str, Any]) -> list[float]:
    """Seconds before each retry."""
    spec = {**DEFAULT, **{key: value for key, value in policy.items() if value is not None}}
    low, high, total = float(spec["minDelayTarget"]), float(spec["maxDelayTarget"]), int(spec["numRetries"])
    first = [0.0] * spec["numNoDelayRetries"] + [low] * spec["numMinDelayRetries"]
    last = [high] * spec["numMaxDelayRetries"]
    growing = max(0, total - len(first) - len(last))
    middle = [_step(spec["backoffFunction"], low, high, n, growing) for n in range(growing)]
    kept: list[float] = []
    for delay in (first + middle + last)[:total]:
        if sum(kept) + delay > _TOTAL:
            break
        kept.append(delay)
    return kept


def _step(function: str, low: float, high: float, number: int, count: int) -> float:
    share = number / (count - 1) if count > 1 else 0.0
    if function == "exponential":
        share = (2 ** (share * 8) - 1) / 255
    elif function == "geometric":
        share = share**3
    elif function == "arithmetic":
        share = share**2
    return low + (high - low) * share


def parse(text: str, *, topic: bool) -> dict[str, Any]:
    """Validate a DeliveryPolicy attribute as SNS does; returns its parts (``http`` unwrapped)."""
    if not text:
        return {}
    try:
        policy = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise invalid_parameter("DeliveryPolicy: failed to parse JSON") from error
    if topic and isinstance(policy, dict):
        policy = policy.get("http", {})
    known = _TOPIC_PARTS if topic else _PARTS
    if not isinstance(policy, dict) or not set(policy) <= known:
        raise invalid_parameter("DeliveryPolicy: unexpected JSON member")
    _check_retry(policy.get("defaultHealthyRetryPolicy" if topic else "healthyRetryPolicy") or {})
    _check_throttle(policy.get("defaultThrottlePolicy" if topic else "throttlePolicy") or {})
    return policy


def _check_retry(spec: Any) -> None:
    prefix = "DeliveryPolicy: healthyRetryPolicy"
    if not isinstance(spec, dict) or not set(spec) <= set(DEFAULT):
        raise invalid_parameter(f"{prefix}: unexpected JSON member")
    merged = {**DEFAULT, **{key: value for key, value in spec.items() if value is not None}}
    numbers = {key: value for key, value in merged.items() if key != "backoffFunction"}
    if not all(isinstance(value, int) and value >= 0 for value in numbers.values()):
        raise invalid_parameter(f"{prefix} must hold non-negative integers")
    if not 1 <= merged["minDelayTarget"] <= merged["maxDelayTarget"] <= _TOTAL:
        raise invalid_parameter(
            f"{prefix}.maxDelayTarget must be at least minDelayTarget and at most {_TOTAL}"
        )
    if merged["numRetries"] > 100:
        raise invalid_parameter(f"{prefix}.numRetries must be less than or equal to 100")
    phases = merged["numNoDelayRetries"] + merged["numMinDelayRetries"] + merged["numMaxDelayRetries"]
    if phases > merged["numRetries"]:
        raise invalid_parameter(f"{prefix}.numRetries must be greater than or equal to the sum of its phases")
    if merged["backoffFunction"] not in _FUNCTIONS:
        raise invalid_parameter(f"{prefix}.backoffFunction must be one of {sorted(_FUNCTIONS)}")


def _check_throttle(spec: Any) -> None:
    rate = spec.get("maxReceivesPerSecond") if isinstance(spec, dict) else 0
    if rate is not None and (not isinstance(rate, int) or rate < 1):
        raise invalid_parameter("DeliveryPolicy: throttlePolicy.maxReceivesPerSecond must be at least 1")
