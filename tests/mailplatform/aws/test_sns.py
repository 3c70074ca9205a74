"""What does not need a running site; the subscription itself is in provision/test_subscription.py."""

from mailplatform.aws import sns


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
