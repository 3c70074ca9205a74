"""SNS: our topic, who may publish to it, and our own endpoint's subscription.

https://docs.aws.amazon.com/ses/latest/dg/event-publishing-add-event-destination-sns.html
https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import ClientError

from .session import Connection, client

POLICY_SID: Final = "MailplatformSesEvents"
RULES_SID: Final = "MailplatformRules"
# SHA-256 instead of SHA-1 in the signature.
SIGNATURE_VERSION: Final = "2"
# SNS gives up after an hour at most; then the message waits in the dead-letter queue.
DELIVERY_POLICY: Final[dict[str, dict[str, Any]]] = {
    "healthyRetryPolicy": {
        "numRetries": 60,
        "numNoDelayRetries": 2,
        "numMinDelayRetries": 8,
        "numMaxDelayRetries": 40,
        "minDelayTarget": 2,
        "maxDelayTarget": 60,
        "backoffFunction": "exponential",
    }
}
POLL_SECONDS: Final = 0.5


class NotConfirmedError(Exception):
    """Our endpoint did not confirm the subscription in time."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """One subscription of a topic; `arn` is empty while SNS waits for its confirmation."""

    endpoint: str
    arn: str


class TokenRefused(Exception):
    """SNS will never take this token: it is unknown, older than two days, or its topic is gone."""


def confirm_subscription(connection: Connection, *, topic_arn: str, token: str) -> str:
    """Confirm with the token of SNS's message; afterwards only a signed call can remove it. Returns its ARN.

    Raises `TokenRefused`, and whatever else the call raises: that may pass.
    """
    sns = client(connection, "sns")
    try:
        answer = sns.confirm_subscription(TopicArn=topic_arn, Token=token, AuthenticateOnUnsubscribe="true")
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code.startswith(("InvalidParameter", "NotFound")):
            raise TokenRefused(str(error)) from error
        raise
    return str(answer["SubscriptionArn"])


def subscriptions(connection: Connection, topic_arn: str) -> list[Subscription]:
    """Return all subscriptions of a topic, pending ones too."""
    pages = (
        client(connection, "sns").get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic_arn)
    )
    found = [item for page in pages for item in page["Subscriptions"]]
    return [Subscription(item["Endpoint"], _confirmed_arn(item["SubscriptionArn"])) for item in found]


def wait_for_confirmation(is_there: Callable[[], bool], endpoint: str, patience: float) -> None:
    """Wait until our site confirmed its subscription. Raises NotConfirmedError after `patience` seconds.

    The site must run and know the topic already: it confirms through the API when SNS's message arrives.
    """
    deadline = time.monotonic() + patience
    while not is_there():
        if time.monotonic() > deadline:
            raise NotConfirmedError(
                f"{endpoint} did not confirm within {patience:.0f} seconds. Is the site running, and can Amazon "
                "reach that address from the internet?"
            )
        time.sleep(POLL_SECONDS)


def _confirmed_arn(arn: str) -> str:
    # A pending one is listed as "PendingConfirmation".
    return arn if arn.startswith("arn:") else ""
