"""The same resources as a CloudFormation template, for those who set accounts up that way. Pure.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-template-resource-type-ref.html
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from .model import STACK_TAG, Resource, tags_of

Part = tuple[str, str, dict[str, Any]]
_NO_TYPE: Final = frozenset({"SES account", "tenant member"})


def template(resources: Sequence[Resource], region: str = "") -> dict[str, Any]:
    """Return the template. What CloudFormation has no type for, or the stack's Region no place, is under `Metadata`.

    Names and ARNs are those of one account and Region, because the site asks for them by name.
    """
    made: dict[str, Any] = {}
    elsewhere = [item for item in resources if region and item.properties.get("Region", region) != region]
    for resource in resources:
        if resource.kind in _NO_TYPE or resource in elsewhere:
            continue
        for suffix, type_, properties in _PARTS[resource.kind](resource):
            made[_logical(resource) + suffix] = {"Type": type_, "Properties": properties}
    _tenant_members(made, resources)
    _order(made)
    left_out = [item.key for item in resources if item.kind == "SES account" or item in elsewhere]
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": (
            "What mailplatform needs in this account. Run `manage.py provision --apply` afterwards, while the site "
            "runs: only then it knows its topics, confirms the subscriptions and takes events."
        ),
        "Metadata": {"LeftOut": left_out},
        "Resources": made,
    }


def _logical(resource: Resource) -> str:
    # Of an ARN only what follows the account; an endpoint stays whole.
    name = re.sub(r"arn:[^ ]*:", "", resource.name)
    words = re.findall(r"[A-Za-z0-9]+", f"{resource.kind} {name}")
    return "".join(word[0].upper() + word[1:] for word in words)


def _tags(resource: Resource) -> list[dict[str, str]]:
    """Return ours, and one by which `destroy` leaves it to the stack."""
    return [*tags_of(resource), {"Key": STACK_TAG, "Value": "CloudFormation"}]


def _identity(resource: Resource) -> Iterator[Part]:
    wanted = resource.properties
    properties: dict[str, Any] = {"EmailIdentity": resource.name, "Tags": _tags(resource)}
    if wanted:
        properties["DkimSigningAttributes"] = {"NextSigningKeyLength": wanted["DkimKeyLength"]}
        properties["MailFromAttributes"] = _picked(wanted, "MailFromDomain", "BehaviorOnMxFailure")
    yield "", "AWS::SES::EmailIdentity", properties


def _set(resource: Resource) -> Iterator[Part]:
    wanted = resource.properties
    properties = {
        "Name": resource.name,
        "DeliveryOptions": _picked(wanted, "TlsPolicy", "SendingPoolName"),
        "ReputationOptions": _picked(wanted, "ReputationMetricsEnabled"),
        "SendingOptions": {"SendingEnabled": True},
        "SuppressionOptions": _picked(wanted, "SuppressedReasons"),
        "VdmOptions": {"DashboardOptions": _picked(wanted, "EngagementMetrics")},
        "Tags": _tags(resource),
    }
    if wanted.get("CustomRedirectDomain"):
        properties["TrackingOptions"] = _picked(wanted, "CustomRedirectDomain", "HttpsPolicy")
    yield "", "AWS::SES::ConfigurationSet", properties


def _destination(resource: Resource) -> Iterator[Part]:
    name, destination = resource.name.split("/")
    wanted = resource.properties
    described: dict[str, Any] = {
        "Name": destination,
        "Enabled": wanted["Enabled"],
        # The type still speaks the words of SES version 1.
        "MatchingEventTypes": [_camel(item) for item in wanted["MatchingEventTypes"]],
    }
    if "SnsDestination" in wanted:
        described["SnsDestination"] = {"TopicARN": wanted["SnsDestination"]["TopicArn"]}
    else:
        dimensions = [
            {**item, "DimensionValueSource": _camel(item["DimensionValueSource"])}
            for item in wanted["CloudWatchDestination"]["DimensionConfigurations"]
        ]
        described["CloudWatchDestination"] = {"DimensionConfigurations": dimensions}
    properties = {"ConfigurationSetName": name, "EventDestination": described}
    yield "", "AWS::SES::ConfigurationSetEventDestination", properties


def _topic(resource: Resource) -> Iterator[Part]:
    wanted = resource.properties
    properties = {
        "TopicName": resource.name,
        "SignatureVersion": wanted["SignatureVersion"],
        "Tags": _tags(resource),
    }
    yield "", "AWS::SNS::Topic", properties
    policy = {"Topics": [{"Ref": _logical(resource)}], "PolicyDocument": _policy(wanted)}
    yield "Policy", "AWS::SNS::TopicPolicy", policy


def _queue(resource: Resource) -> Iterator[Part]:
    wanted = resource.properties
    properties = {
        "QueueName": resource.name,
        "MessageRetentionPeriod": int(wanted["MessageRetentionPeriod"]),
        "Tags": _tags(resource),
    }
    yield "", "AWS::SQS::Queue", properties
    policy = {"Queues": [{"Ref": _logical(resource)}], "PolicyDocument": _policy(wanted)}
    yield "Policy", "AWS::SQS::QueuePolicy", policy


def _subscription(resource: Resource) -> Iterator[Part]:
    topic, endpoint = resource.name.split(" ")
    yield "", "AWS::SNS::Subscription", {"TopicArn": topic, "Endpoint": endpoint, **resource.properties}


def _bucket(resource: Resource) -> Iterator[Part]:
    wanted = resource.properties
    default = {
        "ServerSideEncryptionByDefault": {"SSEAlgorithm": wanted["Encryption"]},
        "BucketKeyEnabled": True,
    }
    properties = {
        "BucketName": resource.name,
        "PublicAccessBlockConfiguration": wanted["PublicAccessBlock"],
        "OwnershipControls": {"Rules": [{"ObjectOwnership": wanted["Ownership"]}]},
        "BucketEncryption": {"ServerSideEncryptionConfiguration": [default]},
        "VersioningConfiguration": {"Status": wanted["Versioning"]},
        "LifecycleConfiguration": {"Rules": [_lifecycle(rule) for rule in wanted["Lifecycle"].values()]},
        "Tags": _tags(resource),
    }
    if wanted.get("ObjectLock"):
        properties["ObjectLockEnabled"] = True
    yield "", "AWS::S3::Bucket", properties
    policy = {"Bucket": {"Ref": _logical(resource)}, "PolicyDocument": _policy(wanted)}
    yield "Policy", "AWS::S3::BucketPolicy", policy


def _lifecycle(rule: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "Id": rule["ID"],
        "Status": rule["Status"],
        "AbortIncompleteMultipartUpload": rule["AbortIncompleteMultipartUpload"],
    }
    if old := rule.get("NoncurrentVersionExpiration"):
        found["NoncurrentVersionExpiration"] = old
    return found


def _alarm(resource: Resource) -> Iterator[Part]:
    properties = {"AlarmName": resource.name, **resource.properties, "Tags": _tags(resource)}
    yield "", "AWS::CloudWatch::Alarm", properties


def _dashboard(resource: Resource) -> Iterator[Part]:
    body = json.dumps(resource.properties["Body"])
    yield "", "AWS::CloudWatch::Dashboard", {"DashboardName": resource.name, "DashboardBody": body}


def _rule(resource: Resource) -> Iterator[Part]:
    wanted = dict(resource.properties)
    targets = list(wanted.pop("Targets").values())
    properties = {"Name": resource.name, **wanted, "Targets": targets, "Tags": _tags(resource)}
    yield "", "AWS::Events::Rule", properties


def _pool(resource: Resource) -> Iterator[Part]:
    properties = {"PoolName": resource.name, **resource.properties, "Tags": _tags(resource)}
    yield "", "AWS::SES::DedicatedIpPool", properties


def _tenant(resource: Resource) -> Iterator[Part]:
    yield "", "AWS::SES::Tenant", {"TenantName": resource.name, "Tags": _tags(resource)}


def _tenant_members(made: dict[str, Any], resources: Sequence[Resource]) -> None:
    members = [item.name.split(" ")[1] for item in resources if item.kind == "tenant member"]
    for item in made.values():
        if item["Type"] == "AWS::SES::Tenant":
            item["Properties"]["ResourceAssociations"] = [{"ResourceArn": arn} for arn in members]


def _order(made: dict[str, Any]) -> None:
    """Say what has to be there first: names in properties tell CloudFormation nothing."""
    by_type: dict[str, list[str]] = {}
    for name, item in made.items():
        by_type.setdefault(item["Type"], []).append(name)
    for item in made.values():
        first = [name for type_ in _FIRST.get(item["Type"], ()) for name in by_type.get(type_, ())]
        if first:
            item["DependsOn"] = first
        if item["Type"] == "AWS::S3::Bucket":
            item |= {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}


_PARTS: Final[Mapping[str, Callable[[Resource], Iterator[Part]]]] = {
    "sending identity": _identity,
    "configuration set": _set,
    "event destination": _destination,
    "IP pool": _pool,
    "tenant": _tenant,
    "SNS topic": _topic,
    "SQS queue": _queue,
    "SNS subscription": _subscription,
    "S3 bucket": _bucket,
    "CloudWatch alarm": _alarm,
    "CloudWatch dashboard": _dashboard,
    "EventBridge rule": _rule,
}
_FIRST: Final = {
    "AWS::SES::ConfigurationSet": ("AWS::SES::EmailIdentity", "AWS::SES::DedicatedIpPool"),
    "AWS::SES::ConfigurationSetEventDestination": ("AWS::SES::ConfigurationSet", "AWS::SNS::TopicPolicy"),
    "AWS::SES::Tenant": ("AWS::SES::EmailIdentity", "AWS::SES::ConfigurationSet"),
    "AWS::SNS::Subscription": ("AWS::SNS::TopicPolicy", "AWS::SQS::QueuePolicy"),
    "AWS::CloudWatch::Alarm": ("AWS::SNS::TopicPolicy",),
    "AWS::Events::Rule": ("AWS::SNS::TopicPolicy",),
}


def _policy(wanted: Mapping[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(wanted["Statements"].values())}


def _picked(source: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: source[name] for name in names if source.get(name) is not None}


def _camel(word: str) -> str:
    first, *rest = word.lower().split("_")
    return first + "".join(part.capitalize() for part in rest)
