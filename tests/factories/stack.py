"""CloudFormation as far as our template needs it: makes each of its resources in the sandbox, in its order."""

# ruff: noqa: N803 - the properties bear the names of CloudFormation.

import json
import re
from collections.abc import Iterator
from typing import Any

from mailplatform.sandbox.testing import RunningSandbox


def create_stack(sandbox: RunningSandbox, template: dict[str, Any]) -> None:
    """Make everything that the template describes."""
    stack = _Stack(sandbox, template["Resources"])
    for name in _in_order(template["Resources"]):
        item = template["Resources"][name]
        getattr(stack, item["Type"].removeprefix("AWS::").replace("::", "_").lower())(**item["Properties"])


def _in_order(resources: dict[str, Any]) -> Iterator[str]:
    done: set[str] = set()
    while waiting := [name for name in resources if name not in done]:
        ready = [name for name in waiting if _needs(resources[name]) <= done]
        assert ready, waiting
        yield from ready
        done |= set(ready)


def _needs(item: dict[str, Any]) -> set[str]:
    """What is named first, or referred to."""
    return {*item.get("DependsOn", ()), *re.findall(r'{"Ref": "(\w+)"}', json.dumps(item))}


def _snake(word: str) -> str:
    """A word of SES version 1, which the types speak, as version 2 writes it."""
    return re.sub(r"([A-Z])", r"_\1", word).upper()


class _Stack:
    """A method for each type."""

    def __init__(self, sandbox: RunningSandbox, resources: dict[str, Any]) -> None:
        self._resources = resources
        self._ses, self._sns, self._sqs, self._s3, self._watch, self._events = (
            sandbox.client(name) for name in ("sesv2", "sns", "sqs", "s3", "cloudwatch", "events")
        )
        self._region = sandbox.region

    def _named(self, reference: dict[str, str], key: str) -> str:
        return str(self._resources[reference["Ref"]]["Properties"][key])

    def ses_emailidentity(self, MailFromAttributes: Any = None, **properties: Any) -> None:
        self._ses.create_email_identity(**properties)
        if MailFromAttributes:
            name = properties["EmailIdentity"]
            self._ses.put_email_identity_mail_from_attributes(EmailIdentity=name, **MailFromAttributes)

    def ses_configurationset(self, Name: str, **properties: Any) -> None:
        self._ses.create_configuration_set(ConfigurationSetName=Name, **properties)

    def ses_configurationseteventdestination(
        self, ConfigurationSetName: str, EventDestination: dict[str, Any]
    ) -> None:
        name = EventDestination.pop("Name")
        types = [_snake(word) for word in EventDestination["MatchingEventTypes"]]
        if topic := EventDestination.pop("SnsDestination", None):
            EventDestination["SnsDestination"] = {"TopicArn": topic["TopicARN"]}
        for item in EventDestination.get("CloudWatchDestination", {}).get("DimensionConfigurations", ()):
            item["DimensionValueSource"] = _snake(item["DimensionValueSource"])
        self._ses.create_configuration_set_event_destination(
            ConfigurationSetName=ConfigurationSetName,
            EventDestinationName=name,
            EventDestination=EventDestination | {"MatchingEventTypes": types},
        )

    def ses_dedicatedippool(self, **properties: Any) -> None:
        self._ses.create_dedicated_ip_pool(**properties)

    def ses_tenant(self, ResourceAssociations: Any = (), **properties: Any) -> None:
        self._ses.create_tenant(**properties)
        for item in ResourceAssociations:
            self._ses.create_tenant_resource_association(TenantName=properties["TenantName"], **item)

    def sns_topic(self, TopicName: str, SignatureVersion: str, Tags: Any) -> None:
        self._sns.create_topic(Name=TopicName, Attributes={"SignatureVersion": SignatureVersion}, Tags=Tags)

    def sns_topicpolicy(self, Topics: Any, PolicyDocument: Any) -> None:
        # To make a topic again returns the one that there is.
        arn = self._sns.create_topic(Name=self._named(Topics[0], "TopicName"))["TopicArn"]
        self._sns.set_topic_attributes(
            TopicArn=arn, AttributeName="Policy", AttributeValue=json.dumps(PolicyDocument)
        )

    def sns_subscription(self, TopicArn: str, Protocol: str, Endpoint: str, **attributes: Any) -> None:
        texts = {name: json.dumps(value) for name, value in attributes.items()}
        self._sns.subscribe(TopicArn=TopicArn, Protocol=Protocol, Endpoint=Endpoint, Attributes=texts)

    def sqs_queue(self, QueueName: str, MessageRetentionPeriod: int, Tags: Any) -> None:
        self._sqs.create_queue(
            QueueName=QueueName,
            Attributes={"MessageRetentionPeriod": str(MessageRetentionPeriod)},
            tags={item["Key"]: item["Value"] for item in Tags},
        )

    def sqs_queuepolicy(self, Queues: Any, PolicyDocument: Any) -> None:
        url = self._sqs.get_queue_url(QueueName=self._named(Queues[0], "QueueName"))["QueueUrl"]
        self._sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(PolicyDocument)})

    def s3_bucket(self, BucketName: str, Tags: Any, **properties: Any) -> None:
        name = {"Bucket": BucketName}
        self._s3.create_bucket(
            **name,
            CreateBucketConfiguration={"LocationConstraint": self._region},
            ObjectLockEnabledForBucket=bool(properties.get("ObjectLockEnabled")),
        )
        self._s3.put_bucket_tagging(**name, Tagging={"TagSet": Tags})
        self._s3.put_public_access_block(
            **name, PublicAccessBlockConfiguration=properties["PublicAccessBlockConfiguration"]
        )
        self._s3.put_bucket_ownership_controls(**name, OwnershipControls=properties["OwnershipControls"])
        rules = [
            {
                "ApplyServerSideEncryptionByDefault": item["ServerSideEncryptionByDefault"],
                "BucketKeyEnabled": item["BucketKeyEnabled"],
            }
            for item in properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        ]
        self._s3.put_bucket_encryption(**name, ServerSideEncryptionConfiguration={"Rules": rules})
        self._s3.put_bucket_versioning(**name, VersioningConfiguration=properties["VersioningConfiguration"])
        tidying = [
            {"ID": rule.pop("Id"), "Filter": {"Prefix": ""}, **rule}
            for rule in properties["LifecycleConfiguration"]["Rules"]
        ]
        self._s3.put_bucket_lifecycle_configuration(**name, LifecycleConfiguration={"Rules": tidying})

    def s3_bucketpolicy(self, Bucket: Any, PolicyDocument: Any) -> None:
        self._s3.put_bucket_policy(
            Bucket=self._named(Bucket, "BucketName"), Policy=json.dumps(PolicyDocument)
        )

    def cloudwatch_alarm(self, **properties: Any) -> None:
        self._watch.put_metric_alarm(**properties)

    def cloudwatch_dashboard(self, **properties: Any) -> None:
        self._watch.put_dashboard(**properties)

    def events_rule(self, Targets: Any, **properties: Any) -> None:
        self._events.put_rule(**properties)
        self._events.put_targets(Rule=properties["Name"], Targets=Targets)
