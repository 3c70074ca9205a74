"""The JSON that SNS posts, spaced as SNS spaces it."""

import secrets
from datetime import UTC, datetime
from typing import Any

import orjson

from ..ids import new_uuid
from .signing import host


def timestamp(at: float) -> str:
    """ISO 8601 with milliseconds."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def new_token() -> str:
    """A confirmation token of SNS's length."""
    return secrets.token_hex(144)


def notification(topic: str, message: str, subject: str, at: float) -> dict[str, str]:
    """An unsigned Notification; the same MessageId and Timestamp at every retry."""
    envelope = {"Type": "Notification", "MessageId": new_uuid(), "TopicArn": topic}
    if subject:
        envelope["Subject"] = subject
    return {**envelope, "Message": message, "Timestamp": timestamp(at)}


def confirmation(kind: str, subscription: dict[str, Any], region: str, at: float) -> dict[str, str]:
    """An unsigned SubscriptionConfirmation or UnsubscribeConfirmation."""
    topic, token = subscription["topic"], subscription["token"]
    if kind == "SubscriptionConfirmation":
        text = (
            f"You have chosen to subscribe to the topic {topic}.\n"
            "To confirm the subscription, visit the SubscribeURL included in this message."
        )
    else:
        text = (
            f"You have chosen to deactivate subscription {subscription['arn']}.\n"
            "To cancel this operation and restore the subscription, visit the SubscribeURL included in this "
            "message."
        )
    url = f"https://{host(region)}/?Action=ConfirmSubscription&TopicArn={topic}&Token={token}"
    return {
        "Type": kind,
        "MessageId": new_uuid(),
        "Token": token,
        "TopicArn": topic,
        "Message": text,
        "SubscribeURL": url,
        "Timestamp": timestamp(at),
    }


def unsubscribe_url(subscription_arn: str, region: str) -> str:
    """The link at the end of each Notification."""
    return f"https://{host(region)}/?Action=Unsubscribe&SubscriptionArn={subscription_arn}"


def encode(envelope: dict[str, str]) -> bytes:
    """The body on the wire."""
    lines = (f'  "{key}" : '.encode() + orjson.dumps(value) for key, value in envelope.items())
    return b"{\n" + b",\n".join(lines) + b"\n}"


def headers(
    envelope: dict[str, str], subscription: str, *, raw: bool, content_type: str = ""
) -> dict[str, str]:
    """Headers of a post. A SubscriptionConfirmation names no subscription: there is none yet."""
    found = {
        "x-amz-sns-message-type": envelope["Type"],
        "x-amz-sns-message-id": envelope["MessageId"],
        "x-amz-sns-topic-arn": envelope["TopicArn"],
    }
    if envelope["Type"] != "SubscriptionConfirmation":
        found["x-amz-sns-subscription-arn"] = subscription
    if raw:
        found["x-amz-sns-rawdelivery"] = "true"
    return {
        **found,
        "Content-Type": content_type or "text/plain; charset=UTF-8",
        "User-Agent": "Amazon Simple Notification Service Agent",
        "Connection": "Keep-Alive",
        "Accept-Encoding": "gzip,deflate",
    }
