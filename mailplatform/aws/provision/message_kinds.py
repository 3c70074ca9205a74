"""Topics, subscriptions and the dead-letter queue.

https://docs.aws.amazon.com/sns/latest/api/welcome.html
"""

import json
from typing import Any, Final

from .. import sns
from .amazon import Amazon
from .model import OF_A_STACK, Found, Kept, Resource, as_map, is_of_stack, is_tagged, tags_of

COUNTS: Final = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")


def statements_of(document: str) -> dict[str, Any]:
    """Return the statements of a policy by their Sid; those without one get a number."""
    found = json.loads(document or "{}").get("Statement", [])
    found = found if isinstance(found, list) else [found]
    return {item.get("Sid") or str(number): item for number, item in enumerate(found)}


def merged_policy(document: str, wanted: Any) -> str:
    """Return the policy with our statements in it; statements that somebody else added stay."""
    policy = {"Version": "2012-10-17", **json.loads(document or "{}")}
    others = [item for sid, item in statements_of(document).items() if sid not in wanted]
    return json.dumps({**policy, "Statement": [*others, *wanted.values()]})


class TopicKind:
    """An SNS topic with its access policy."""

    def read(self, amazon: Amazon, resource: Resource) -> Found | None:
        """Return the signature's version and the policy's statements."""
        arn = amazon.arn("sns", resource.name)
        answer = amazon.look("sns", "get_topic_attributes", TopicArn=arn)
        if answer is None:
            return None
        attributes = answer["Attributes"]
        found = {
            "SignatureVersion": attributes.get("SignatureVersion", "1"),
            "Statements": statements_of(attributes.get("Policy", "")),
        }
        tags = amazon.call("sns", "list_tags_for_resource", ResourceArn=arn)["Tags"]
        return Found(found, is_tagged(as_map(tags), resource))

    def create(self, amazon: Amazon, resource: Resource) -> None:
        """Make it with its attributes at once."""
        wanted = resource.properties
        attributes = {
            "SignatureVersion": wanted["SignatureVersion"],
            "Policy": merged_policy("", wanted["Statements"]),
        }
        amazon.call("sns", "create_topic", Name=resource.name, Attributes=attributes, Tags=tags_of(resource))

    def change(self, amazon: Amazon, resource: Resource, names: frozenset[str]) -> None:
        """Set what differs; statements of others stay in the policy."""
        arn, wanted = amazon.arn("sns", resource.name), resource.properties
        values: dict[str, str] = {}
        if "SignatureVersion" in names:
            values["SignatureVersion"] = wanted["SignatureVersion"]
        if "Statements" in names:
            attributes = amazon.call("sns", "get_topic_attributes", TopicArn=arn)["Attributes"]
            values["Policy"] = merged_policy(attributes.get("Policy", ""), wanted["Statements"])
        for name, value in values.items():
            amazon.call("sns", "set_topic_attributes", TopicArn=arn, AttributeName=name, AttributeValue=value)

    def delete(self, amazon: Amazon, resource: Resource) -> None:
        """Delete it with its subscriptions."""
        amazon.call("sns", "delete_topic", TopicArn=amazon.arn("sns", resource.name))


class QueueKind:
    """An SQS queue with its access policy."""

    def read(self, amazon: Amazon, resource: Resource) -> Found | None:
        """Return how long it keeps messages and who may write."""
        answer = amazon.look("sqs", "get_queue_url", QueueName=resource.name)
        if answer is None:
            return None
        url = answer["QueueUrl"]
        found = amazon.look("sqs", "get_queue_attributes", QueueUrl=url, AttributeNames=["All"])
        if found is None:
            return None
        attributes = found["Attributes"]
        tags = amazon.call("sqs", "list_queue_tags", QueueUrl=url).get("Tags") or {}
        properties = {
            "MessageRetentionPeriod": attributes.get("MessageRetentionPeriod"),
            "Statements": statements_of(attributes.get("Policy", "")),
        }
        return Found(properties, is_tagged(tags, resource))

    def create(self, amazon: Amazon, resource: Resource) -> None:
        """Make it with its attributes at once."""
        attributes = {
            "MessageRetentionPeriod": resource.properties["MessageRetentionPeriod"],
            "Policy": merged_policy("", resource.properties["Statements"]),
        }
        tags = {item["Key"]: item["Value"] for item in tags_of(resource)}
        amazon.call("sqs", "create_queue", QueueName=resource.name, Attributes=attributes, tags=tags)

    def change(self, amazon: Amazon, resource: Resource, names: frozenset[str]) -> None:
        """Set what differs; statements of others stay in the policy."""
        url, values = self.url(amazon, resource.name), dict[str, str]()
        if "MessageRetentionPeriod" in names:
            values["MessageRetentionPeriod"] = resource.properties["MessageRetentionPeriod"]
        if "Statements" in names:
            answer = amazon.call("sqs", "get_queue_attributes", QueueUrl=url, AttributeNames=["Policy"])
            before = (answer.get("Attributes") or {}).get("Policy", "")
            values["Policy"] = merged_policy(before, resource.properties["Statements"])
        amazon.call("sqs", "set_queue_attributes", QueueUrl=url, Attributes=values)

    def delete(self, amazon: Amazon, resource: Resource) -> None:
        """Delete it, unless it still holds events."""
        if why := self.why_kept(amazon, resource):
            raise Kept(why)
        amazon.call("sqs", "delete_queue", QueueUrl=self.url(amazon, resource.name))

    def why_kept(self, amazon: Amazon, resource: Resource) -> str:
        """Return how many events it holds, if any."""
        url = self.url(amazon, resource.name)
        found = amazon.call("sqs", "get_queue_attributes", QueueUrl=url, AttributeNames=list(COUNTS))
        count = sum(int(found["Attributes"].get(name, 0)) for name in COUNTS)
        return f"holds about {count} events: run `manage.py redrive` first" if count else ""

    @staticmethod
    def url(amazon: Amazon, name: str) -> str:
        """Return the address of a queue that is there."""
        return str(amazon.call("sqs", "get_queue_url", QueueName=name)["QueueUrl"])


class SubscriptionKind:
    """Who gets a topic's messages. Named `topic endpoint`; ours by its endpoint.

    Our own site confirms by itself when Amazon asks it; whoever reads an address gets a mail with a link.
    """

    def __init__(self, *, patience: float) -> None:
        self.patience = patience

    def read(self, amazon: Amazon, resource: Resource) -> Found | None:
        """Return how it delivers. An address that has not answered yet is there, a site that has not is not."""
        arn = self._find(amazon, resource)
        if not arn:
            return None
        if not arn.startswith("arn:"):
            return Found(resource.properties) if resource.properties["Protocol"] == "email" else None
        answer = amazon.look("sns", "get_subscription_attributes", SubscriptionArn=arn)
        if answer is None:
            return None
        attributes = answer["Attributes"]
        found: dict[str, Any] = {"Protocol": attributes.get("Protocol")}
        for name in ("RedrivePolicy", "DeliveryPolicy"):
            found[name] = json.loads(attributes.get(name) or "{}")
        return Found(found)

    def create(self, amazon: Amazon, resource: Resource) -> None:
        """Subscribe; wait until our site confirmed. Raises sns.NotConfirmedError."""
        topic, endpoint = resource.name.split(" ")
        protocol = resource.properties["Protocol"]
        amazon.call("sns", "subscribe", TopicArn=topic, Protocol=protocol, Endpoint=endpoint)
        if protocol == "email":
            return
        sns.wait_for_confirmation(
            lambda: self._find(amazon, resource).startswith("arn:"), endpoint, self.patience
        )
        self.change(amazon, resource, frozenset(resource.properties) - {"Protocol"})

    def change(self, amazon: Amazon, resource: Resource, names: frozenset[str]) -> None:
        """Set how it delivers and where messages go that it cannot deliver."""
        arn = self._find(amazon, resource)
        for name in sorted(names):
            amazon.call(
                "sns",
                "set_subscription_attributes",
                SubscriptionArn=arn,
                AttributeName=name,
                AttributeValue=json.dumps(resource.properties[name]),
            )

    def delete(self, amazon: Amazon, resource: Resource) -> None:
        """Unsubscribe. One that was never confirmed goes with its topic, or by itself after some days."""
        arn = self._find(amazon, resource)
        topic = resource.name.split(" ")[0]
        if is_of_stack(as_map(amazon.call("sns", "list_tags_for_resource", ResourceArn=topic)["Tags"])):
            raise Kept(OF_A_STACK)
        if arn.startswith("arn:"):
            amazon.call("sns", "unsubscribe", SubscriptionArn=arn)

    def _find(self, amazon: Amazon, resource: Resource) -> str:
        topic, endpoint = resource.name.split(" ")
        found: dict[str, Any] = {}
        while answer := amazon.look("sns", "list_subscriptions_by_topic", TopicArn=topic, **found):
            for item in answer["Subscriptions"]:
                if item["Endpoint"] == endpoint:
                    return str(item["SubscriptionArn"])
            if not answer.get("NextToken"):
                break
            found = {"NextToken": answer["NextToken"]}
        return ""
