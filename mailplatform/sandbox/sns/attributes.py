"""Attributes of topics and subscriptions: which there are, and what SNS refuses."""

from typing import Any
from urllib.parse import urlsplit

import orjson

from ..constants import ACCOUNT_ID
from ..errors import invalid_parameter
from . import retry

_TOPIC_ATTRIBUTES = {
    "Policy",
    "DisplayName",
    "DeliveryPolicy",
    "SignatureVersion",
    "TracingConfig",
    "KmsMasterKeyId",
    "HTTPSuccessFeedbackRoleArn",
    "HTTPSuccessFeedbackSampleRate",
    "HTTPFailureFeedbackRoleArn",
}
_SUBSCRIPTION_ATTRIBUTES = {"DeliveryPolicy", "RedrivePolicy", "RawMessageDelivery"}


def default_policy(arn: str) -> str:
    """What SNS gives a new topic: its owner's account, and nobody else's services."""
    actions = [
        "Publish",
        "RemovePermission",
        "SetTopicAttributes",
        "DeleteTopic",
        "ListSubscriptionsByTopic",
        "GetTopicAttributes",
        "AddPermission",
        "Subscribe",
    ]
    statement = {
        "Sid": "__default_statement_ID",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": [f"SNS:{action}" for action in actions],
        "Resource": arn,
        "Condition": {"StringEquals": {"AWS:SourceOwner": ACCOUNT_ID}},
    }
    document = {"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [statement]}
    return orjson.dumps(document).decode()


def set_on_topic(topic: dict[str, Any], name: str, value: str) -> None:
    """Validate and set one attribute of a topic."""
    if name not in _TOPIC_ATTRIBUTES:
        raise invalid_parameter("AttributeName")
    if name == "SignatureVersion" and value not in {"1", "2"}:
        raise invalid_parameter("SignatureVersion")
    if name == "DeliveryPolicy":
        retry.parse(value, topic=True)
    if name == "Policy":
        _check_json_object("Policy", value)
    topic["attributes"][name] = value


def checked(name: str, value: str) -> str:
    """A subscription attribute as it is kept; raises for a bad one."""
    if name not in _SUBSCRIPTION_ATTRIBUTES:
        raise invalid_parameter(f"AttributeName Reason: the sandbox knows {sorted(_SUBSCRIPTION_ATTRIBUTES)}")
    if name == "RawMessageDelivery" and value.lower() not in {"true", "false"}:
        raise invalid_parameter("RawMessageDelivery")
    if name == "DeliveryPolicy":
        retry.parse(value, topic=False)
    if name == "RedrivePolicy" and value:
        target = _check_json_object("RedrivePolicy", value).get("deadLetterTargetArn", "")
        parts = target.split(":")
        if len(parts) != 6 or parts[2] != "sqs" or parts[4] != ACCOUNT_ID:
            raise invalid_parameter(
                "RedrivePolicy: deadLetterTargetArn must name an SQS queue of this account"
            )
    return value.lower() if name == "RawMessageDelivery" else value


def _check_json_object(name: str, value: str) -> dict[str, Any]:
    try:
        document = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise invalid_parameter(f"{name}: failed to parse JSON") from error
    if not isinstance(document, dict):
        raise invalid_parameter(f"{name}: failed to parse JSON")
    return document


def check_endpoint(protocol: str, endpoint: str) -> None:
    """Only HTTP(S) endpoints that a post can reach, and addresses, whose mail stays unread."""
    if protocol == "email":
        if "@" not in endpoint:
            raise invalid_parameter("Email address")
        return
    if protocol not in {"http", "https"}:
        raise invalid_parameter(
            f"Protocol Reason: the sandbox delivers to http, https and email, not {protocol}"
        )
    parts = urlsplit(endpoint)
    if parts.scheme != protocol:
        raise invalid_parameter("Endpoint must match the specified protocol")
    if not parts.hostname or parts.fragment:
        raise invalid_parameter("Unreachable Endpoint")
