"""SNS's operations, as the Query protocol offers them."""

import time
from collections.abc import Callable
from typing import Any

import orjson

from ..constants import ACCOUNT_ID, CALLER_IDENTITY
from ..errors import ApiError, invalid_parameter
from ..ids import new_uuid
from . import attributes, envelopes, retry
from .service import Sns

Params = dict[str, Any]
_TOKEN_LIFETIME = 2 * 24 * 3600
_PAGE = 100
_MAX_BYTES = 256 * 1024


class SnsApi:
    """One method per operation; names follow the service model."""

    def __init__(self, sns: Sns) -> None:
        self._sns = sns
        self._operations: dict[str, Callable[[Params], Params]] = {
            "CreateTopic": self.create_topic,
            "DeleteTopic": self.delete_topic,
            "GetTopicAttributes": self.get_topic_attributes,
            "SetTopicAttributes": self.set_topic_attributes,
            "ListTopics": self.list_topics,
            "Subscribe": self.subscribe,
            "ConfirmSubscription": self.confirm_subscription,
            "Unsubscribe": self.unsubscribe,
            "GetSubscriptionAttributes": self.get_subscription_attributes,
            "SetSubscriptionAttributes": self.set_subscription_attributes,
            "ListSubscriptions": self.list_subscriptions,
            "ListSubscriptionsByTopic": self.list_subscriptions,
            "ListTagsForResource": self.list_tags,
            "TagResource": self.tag,
            "UntagResource": self.untag,
            "Publish": self.publish,
        }

    def call(self, action: str, params: Params, *, signed: bool) -> Params:
        """Run an operation. Unsigned callers come from the links in SNS's own messages."""
        if not signed and action not in {"ConfirmSubscription", "Unsubscribe"}:
            raise ApiError("MissingAuthenticationToken", "Request is missing Authentication Token", 403)
        operation = self._operations.get(action)
        if operation is None:
            raise ApiError("NotImplemented", f"The sandbox does not do {action}.", 501)
        return operation({**params, "signed": signed})

    def create_topic(self, params: Params) -> Params:
        """Create, or return the one of that name."""
        name, wanted = params["Name"], params.get("Attributes", {})
        if name.endswith(".fifo"):
            raise invalid_parameter("Topic Name: SES does not publish to FIFO topics")
        if (
            not name
            or len(name) > 256
            or not name.replace("-", "").replace("_", "").isalnum()
            or not name.isascii()
        ):
            raise invalid_parameter("Topic Name")
        arn = self._sns.topic_arn(name)
        known = self._sns.topics.get(arn)
        if known is None:
            tags = {tag["Key"]: tag.get("Value", "") for tag in params.get("Tags", [])}
            topic = {"arn": arn, "attributes": {"Policy": attributes.default_policy(arn)}, "tags": tags}
            for key, value in wanted.items():
                attributes.set_on_topic(topic, key, value)
            self._sns.topics.put(arn, topic)
        elif any(known["attributes"].get(key) != value for key, value in wanted.items()):
            raise invalid_parameter("Attributes Reason: Topic already exists with different attributes")
        return {"TopicArn": arn}

    def delete_topic(self, params: Params) -> Params:
        """Delete a topic and its subscriptions; an unknown one is no error."""
        arn = params["TopicArn"]
        self._sns.topics.remove(arn)
        for name, item in self._sns.subscriptions.items():
            if item["topic"] == arn:
                self._sns.subscriptions.remove(name)
        self._sns.changed()
        return {}

    def get_topic_attributes(self, params: Params) -> Params:
        """Attributes with counts."""
        topic = self._topic(params["TopicArn"])
        mine = [item for item in self._sns.subscriptions.values() if item["topic"] == topic["arn"]]
        confirmed = sum(item["confirmed"] for item in mine)
        http = {"defaultHealthyRetryPolicy": retry.DEFAULT, "disableSubscriptionOverrides": False}
        effective = orjson.loads(topic["attributes"].get("DeliveryPolicy") or orjson.dumps({"http": http}))
        return {
            "Attributes": {
                "TopicArn": topic["arn"],
                "Owner": ACCOUNT_ID,
                "DisplayName": "",
                "SubscriptionsConfirmed": str(confirmed),
                "SubscriptionsPending": str(len(mine) - confirmed),
                "SubscriptionsDeleted": "0",
                "EffectiveDeliveryPolicy": orjson.dumps(effective).decode(),
                **topic["attributes"],
            }
        }

    def set_topic_attributes(self, params: Params) -> Params:
        """Set one attribute."""
        topic = self._topic(params["TopicArn"])
        attributes.set_on_topic(topic, params["AttributeName"], params.get("AttributeValue", ""))
        self._sns.topics.put(topic["arn"], topic)
        self._sns.changed()
        return {}

    def list_topics(self, params: Params) -> Params:
        """A hundred at a time."""
        arns = [{"TopicArn": arn} for arn, _ in self._sns.topics.items()]
        return _page("Topics", arns, params)

    def subscribe(self, params: Params) -> Params:
        """Subscribe an HTTP(S) endpoint and ask it to confirm; SNS does not wait for the answer."""
        topic, protocol, endpoint = params["TopicArn"], params["Protocol"], params.get("Endpoint", "")
        self._topic(topic)
        attributes.check_endpoint(protocol, endpoint)
        wanted = {key: attributes.checked(key, value) for key, value in params.get("Attributes", {}).items()}
        item = self._same(topic, endpoint)
        if item and any(item["attributes"].get(key) != value for key, value in wanted.items()):
            raise invalid_parameter(
                "Attributes Reason: Subscription already exists with different attributes"
            )
        if item is None:
            item = {
                "arn": f"{topic}:{new_uuid()}",
                "topic": topic,
                "protocol": protocol,
                "endpoint": endpoint,
                "confirmed": False,
                "authenticated": False,
                "attributes": wanted,
                "tokens": {},
            }
        if protocol == "email":
            # Nobody reads Amazon's mail here: it waits for ever, as it would for somebody who ignores it.
            self._sns.subscriptions.put(item["arn"], item)
        elif not item["confirmed"]:
            self._sns.confirm("SubscriptionConfirmation", self._with_token(item))
        shown = item["confirmed"] or params.get("ReturnSubscriptionArn")
        return {"SubscriptionArn": item["arn"] if shown else "pending confirmation"}

    def confirm_subscription(self, params: Params) -> Params:
        """Confirm with the token that was posted to the endpoint; a token lives two days."""
        topic, token = params["TopicArn"], params["Token"]
        self._topic(topic)
        authenticate = str(params.get("AuthenticateOnUnsubscribe", "false")).lower()
        if authenticate not in {"true", "false"}:
            raise invalid_parameter("AuthenticateOnUnsubscribe")
        for arn, item in self._sns.subscriptions.items():
            if item["topic"] == topic and token in item["tokens"]:
                if time.time() - item["tokens"][token] > _TOKEN_LIFETIME:
                    break
                item |= {"confirmed": True, "gone": False}
                # Only a signed confirmation may ask that leaving be signed too.
                item["authenticated"] = item["authenticated"] or (params["signed"] and authenticate == "true")
                self._sns.subscriptions.put(arn, item)
                self._sns.changed()
                return {"SubscriptionArn": arn}
        raise invalid_parameter("Token")

    def unsubscribe(self, params: Params) -> Params:
        """Stop delivery and tell the endpoint how to undo it."""
        arn = params["SubscriptionArn"]
        item = self._sns.subscriptions.get(arn)
        if item is None or item.get("gone"):
            return {}
        if item["authenticated"] and not params["signed"]:
            raise ApiError("AuthorizationError", "Not authorized to unsubscribe without a signature", 403)
        was_confirmed = item["confirmed"]
        # Kept for as long as its new token can restore it; the old ones cannot.
        item |= {"confirmed": False, "gone": True, "tokens": {}}
        self._with_token(item)
        self._sns.changed()
        if was_confirmed:
            self._sns.confirm("UnsubscribeConfirmation", item)
        return {}

    def get_subscription_attributes(self, params: Params) -> Params:
        """Attributes with the policy in effect."""
        item = self._subscription(params["SubscriptionArn"])
        effective = orjson.dumps(self._sns.delivery_policy(item)).decode()
        return {
            "Attributes": {
                "SubscriptionArn": item["arn"],
                "TopicArn": item["topic"],
                "Protocol": item["protocol"],
                "Endpoint": item["endpoint"],
                "Owner": ACCOUNT_ID,
                "RawMessageDelivery": "false",
                "PendingConfirmation": str(not item["confirmed"]).lower(),
                "ConfirmationWasAuthenticated": str(item["authenticated"]).lower(),
                "SubscriptionPrincipal": f"arn:aws:iam::{ACCOUNT_ID}:user/{CALLER_IDENTITY}",
                "EffectiveDeliveryPolicy": effective,
                **item["attributes"],
            }
        }

    def set_subscription_attributes(self, params: Params) -> Params:
        """Set one attribute; an empty value removes it."""
        item = self._subscription(params["SubscriptionArn"])
        name, value = params["AttributeName"], params.get("AttributeValue", "")
        checked = attributes.checked(name, value)
        if checked:
            item["attributes"][name] = checked
        else:
            item["attributes"].pop(name, None)
        self._sns.subscriptions.put(item["arn"], item)
        self._sns.changed()
        return {}

    def list_subscriptions(self, params: Params) -> Params:
        """All, or those of one topic; unconfirmed ones show no ARN."""
        topic = params.get("TopicArn")
        if topic:
            self._topic(topic)
        found = [
            {
                "SubscriptionArn": arn if item["confirmed"] else "PendingConfirmation",
                "Owner": ACCOUNT_ID,
                "Protocol": item["protocol"],
                "Endpoint": item["endpoint"],
                "TopicArn": item["topic"],
            }
            for arn, item in self._sns.subscriptions.items()
            if not item.get("gone") and topic in (None, item["topic"])
        ]
        return _page("Subscriptions", found, params)

    def list_tags(self, params: Params) -> Params:
        """Tags of a topic."""
        topic = self._tagged(params)
        return {"Tags": [{"Key": key, "Value": value} for key, value in topic.get("tags", {}).items()]}

    def tag(self, params: Params) -> Params:
        """Add tags to a topic."""
        topic = self._tagged(params)
        topic.setdefault("tags", {}).update({tag["Key"]: tag.get("Value", "") for tag in params["Tags"]})
        self._sns.topics.put(topic["arn"], topic)
        return {}

    def untag(self, params: Params) -> Params:
        """Remove tags from a topic."""
        topic = self._tagged(params)
        for key in params["TagKeys"]:
            topic.get("tags", {}).pop(key, None)
        self._sns.topics.put(topic["arn"], topic)
        return {}

    def publish(self, params: Params) -> Params:
        """Publish a text to a topic."""
        topic = params.get("TopicArn") or params.get("TargetArn")
        if not topic:
            raise invalid_parameter("TopicArn or TargetArn Reason: no value for required parameter")
        self._topic(topic)
        message = params.get("Message", "")
        if not message:
            raise invalid_parameter("Empty message")
        if len(message.encode()) > _MAX_BYTES:
            raise invalid_parameter("Message too long")
        subject = params.get("Subject", "")
        if len(subject) > 100 or not subject.isprintable():
            raise invalid_parameter("Subject")
        return {"MessageId": self._sns.publish(topic, message, subject)}

    def _with_token(self, item: dict[str, Any]) -> dict[str, Any]:
        """A fresh token; earlier ones of a pending subscription stay good, as SNS has it."""
        item["token"] = envelopes.new_token()
        item["tokens"][item["token"]] = time.time()
        self._sns.subscriptions.put(item["arn"], item)
        return item

    def _topic(self, arn: str) -> dict[str, Any]:
        topic = self._sns.topics.get(arn)
        if topic is None:
            raise ApiError("NotFound", "Topic does not exist", 404)
        return topic

    def _tagged(self, params: Params) -> dict[str, Any]:
        topic = self._sns.topics.get(params["ResourceArn"])
        if topic is None:
            raise ApiError("ResourceNotFound", "Resource does not exist", 404)
        return topic

    def _subscription(self, arn: str) -> dict[str, Any]:
        item = self._sns.subscriptions.get(arn)
        if item is None or item.get("gone"):
            raise ApiError("NotFound", "Subscription does not exist", 404)
        return item

    def _same(self, topic: str, endpoint: str) -> dict[str, Any] | None:
        for item in self._sns.subscriptions.values():
            if item["topic"] == topic and item["endpoint"] == endpoint and not item.get("gone"):
                return item
        return None


def _page(name: str, items: list[Params], params: Params) -> Params:
    token = params.get("NextToken", "")
    start = int(token) if token.isdigit() else 0
    answer: Params = {name: items[start : start + _PAGE]}
    if start + _PAGE < len(items):
        answer["NextToken"] = str(start + _PAGE)
    return answer
