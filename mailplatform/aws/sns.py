"""SNS: our topic, who may publish to it, and our own endpoint's subscription.

https://docs.aws.amazon.com/ses/latest/dg/event-publishing-add-event-destination-sns.html
https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from .session import Connection, client
from .steps import Outcome, Report

POLICY_SID: Final = "MailplatformSesEvents"
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


def ensure_topic(
    connection: Connection, *, name: str, account_id: str, sources: Sequence[str], report: Report
) -> str:
    """Make the topic and let SES publish to it for our configuration sets (`sources`, ARNs). Returns its ARN."""
    sns = client(connection, "sns")
    known = _topic_exists(sns, connection.region, account_id, name)
    arn = str(sns.create_topic(Name=name)["TopicArn"])
    report(Outcome.EXISTED if known else Outcome.CREATED, f"SNS topic {arn}")
    attributes = sns.get_topic_attributes(TopicArn=arn)["Attributes"]
    wanted = {
        "SignatureVersion": SIGNATURE_VERSION,
        "Policy": _policy(attributes.get("Policy", ""), arn, account_id, sources),
    }
    for key, value in wanted.items():
        if not _same(attributes.get(key, ""), value):
            sns.set_topic_attributes(TopicArn=arn, AttributeName=key, AttributeValue=value)
            report(Outcome.CHANGED, f"SNS topic {name}: {key}")
    return arn


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


def ensure_subscription(
    connection: Connection,
    *,
    topic_arn: str,
    endpoint: str,
    dead_letter_arn: str,
    report: Report,
    patience: float,
) -> str:
    """Subscribe our endpoint, wait until it confirmed, set how SNS delivers. Returns the subscription's ARN.

    The site must run and know the topic already: it confirms through the API when SNS's message arrives.
    Raises NotConfirmedError after `patience` seconds.
    """
    sns = client(connection, "sns")
    arn = _own(connection, topic_arn, endpoint)
    outcome = Outcome.EXISTED
    if not arn:
        sns.subscribe(TopicArn=topic_arn, Protocol=urlsplit(endpoint).scheme, Endpoint=endpoint)
        arn = _wait(lambda: _own(connection, topic_arn, endpoint), endpoint, patience)
        outcome = Outcome.CREATED
    report(outcome, f"SNS subscription of {endpoint}")
    attributes = sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    wanted = {
        "RedrivePolicy": json.dumps({"deadLetterTargetArn": dead_letter_arn}),
        "DeliveryPolicy": json.dumps(DELIVERY_POLICY),
    }
    for key, value in wanted.items():
        if not _same(attributes.get(key, ""), value):
            sns.set_subscription_attributes(SubscriptionArn=arn, AttributeName=key, AttributeValue=value)
            report(Outcome.CHANGED, f"SNS subscription: {key}")
    return arn


def unsubscribe(connection: Connection, arn: str) -> None:
    """Remove a confirmed subscription."""
    client(connection, "sns").unsubscribe(SubscriptionArn=arn)


def _own(connection: Connection, topic_arn: str, endpoint: str) -> str:
    return next((item.arn for item in subscriptions(connection, topic_arn) if item.endpoint == endpoint), "")


def _wait(found: Callable[[], str], endpoint: str, patience: float) -> str:
    deadline = time.monotonic() + patience
    while not (arn := found()):
        if time.monotonic() > deadline:
            raise NotConfirmedError(
                f"{endpoint} did not confirm within {patience:.0f} seconds. Is the site running, and can Amazon "
                "reach that address from the internet?"
            )
        time.sleep(POLL_SECONDS)
    return arn


def _confirmed_arn(arn: str) -> str:
    # A pending one is listed as "PendingConfirmation".
    return arn if arn.startswith("arn:") else ""


def _topic_exists(sns: Any, region: str, account_id: str, name: str) -> bool:
    pages = sns.get_paginator("list_topics").paginate()
    ending = f":{region}:{account_id}:{name}"
    return any(topic["TopicArn"].endswith(ending) for page in pages for topic in page["Topics"])


def _policy(existing: str, arn: str, account_id: str, sources: Sequence[str]) -> str:
    """Return the policy with our statement; statements that somebody else added stay."""
    ours = {
        "Sid": POLICY_SID,
        "Effect": "Allow",
        "Principal": {"Service": "ses.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": arn,
        "Condition": {"StringEquals": {"AWS:SourceAccount": account_id, "AWS:SourceArn": sorted(sources)}},
    }
    document: dict[str, Any] = {"Version": "2012-10-17", "Statement": []}
    document |= json.loads(existing or "{}")
    others = [item for item in document["Statement"] if item.get("Sid") != POLICY_SID]
    return json.dumps({**document, "Statement": [*others, ours]})


def _same(left: str, right: str) -> bool:
    """Compare attributes that may be JSON: AWS gives it back in another order and spacing."""
    try:
        return bool(_covers(json.loads(left), json.loads(right)))
    except ValueError:
        return left == right


def _covers(actual: Any, wanted: Any) -> bool:
    """Whether `actual` holds all that is wanted; AWS adds defaults of its own."""
    if isinstance(wanted, dict):
        return isinstance(actual, dict) and all(
            _covers(actual.get(key), value) for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        found = actual if isinstance(actual, list) else [actual]
        return len(found) == len(wanted) and all(map(_covers, found, wanted))
    return bool(actual == wanted)
