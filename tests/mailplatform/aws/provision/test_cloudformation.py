"""The template: what cfn-lint and moto say of it, and that it holds what the plan holds, property by property."""

import json
from collections.abc import Mapping
from dataclasses import replace
from operator import attrgetter
from typing import Any

import boto3
import pytest
from cfnlint import lint
from cfnlint.config import ManualArgs
from moto import mock_aws

from mailplatform.aws import session
from mailplatform.aws.provision.amazon import Amazon
from mailplatform.aws.provision.catalogue import describe
from mailplatform.aws.provision.cloudformation import template
from mailplatform.aws.provision.engine import Provisioner
from mailplatform.aws.provision.model import Action, Resource
from mailplatform.aws.session import Connection
from tests.factories.aws import everything

ACCOUNT = "123456789012"


def arn(service: str, name: str) -> str:
    return f"arn:aws:{service}:eu-central-1:{ACCOUNT}:{name}"


@pytest.fixture(scope="module")
def resources() -> list[Resource]:
    want = everything("shop", endpoint="https://news.example.eu/sns/events/")
    return describe(want, arn, ACCOUNT, "eu-central-1")


@pytest.fixture(scope="module")
def made(resources: list[Resource]) -> dict[str, Any]:
    return template(resources)


@pytest.mark.drill
def test_cfn_lint_finds_nothing(made: dict[str, Any]) -> None:
    found = lint(json.dumps(made), config=ManualArgs(regions=["eu-central-1"]))
    assert [f"{item.rule.id} {item.message} {item.path}" for item in found] == []


def test_every_description_is_in_it(resources: list[Resource], made: dict[str, Any]) -> None:
    parts = [item for item in made["Resources"].values() if not item["Type"].endswith("Policy")]
    wanted = [item for item in resources if item.kind not in {"SES account", "tenant member"}]
    assert len(parts) == len(wanted)
    assert made["Metadata"]["LeftOut"] == ["SES account suppression"]


def flat(value: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """Every property by its path; lists stay whole."""
    found: dict[str, Any] = {}
    for name, item in value.items():
        found |= flat(item, f"{path}{name}.") if isinstance(item, dict) else {f"{path}{name}": item}
    return found


def camel(word: str) -> str:
    """A word of SES version 2 as version 1, which the types speak, writes it: RENDERING_FAILURE, renderingFailure."""
    first, *rest = word.lower().split("_")
    return first + "".join(part.title() for part in rest)


def statements(plan: Resource) -> list[Any]:
    return list(plan.properties["Statements"].values())


def dimensions(plan: Resource) -> list[Any]:
    found = plan.properties["CloudWatchDestination"]["DimensionConfigurations"]
    return [{**item, "DimensionValueSource": camel(item["DimensionValueSource"])} for item in found]


def tidying(plan: Resource) -> list[Any]:
    """An empty prefix is what the type takes where no filter is named."""
    rules = plan.properties["Lifecycle"].values()
    return [
        {"Id": rule["ID"], **{name: rule[name] for name in rule if name not in {"ID", "Filter"}}}
        for rule in rules
    ]


NAME = attrgetter("name")
OURS, MADE_BY = (
    {"Key": "mailplatform", "Value": "shop"},
    {"Key": "mailplatform-made-by", "Value": "CloudFormation"},
)
TAGS = {"Tags": lambda _: [OURS, MADE_BY]}
POLICY = {"PolicyDocument.Version": lambda _: "2012-10-17", "PolicyDocument.Statement": statements}
RETRIES = ("backoffFunction", "maxDelayTarget", "minDelayTarget")
RETRY_NUMBERS = ("numRetries", "numNoDelayRetries", "numMinDelayRetries", "numMaxDelayRetries")
BLOCKS = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
ALARM = (
    *(
        "AlarmActions",
        "AlarmDescription",
        "ComparisonOperator",
        "Dimensions",
        "EvaluationPeriods",
        "MetricName",
    ),
    *("Namespace", "OKActions", "Period", "Statistic", "Threshold", "TreatMissingData"),
)
Table = dict[str, Any]


def same(*paths: str, under: str = "") -> Table:
    """Properties that are called alike on both sides, under another name at most."""
    return {f"{under}{path}": path for path in paths}


# What each property of a type says, by its path: a path in the plan, or what follows from the plan. Properties that
# only some resources of a kind have stand in the table all the same.
TABLE: dict[str, Table] = {
    "AWS::SES::EmailIdentity": TAGS
    | {"EmailIdentity": NAME, "DkimSigningAttributes.NextSigningKeyLength": "DkimKeyLength"}
    | same("MailFromDomain", "BehaviorOnMxFailure", under="MailFromAttributes."),
    "AWS::SES::ConfigurationSet": TAGS
    | {"Name": NAME, "SendingOptions.SendingEnabled": lambda _: True}
    | same("TlsPolicy", "SendingPoolName", under="DeliveryOptions.")
    | same("ReputationMetricsEnabled", under="ReputationOptions.")
    | same("SuppressedReasons", under="SuppressionOptions.")
    | same("CustomRedirectDomain", "HttpsPolicy", under="TrackingOptions.")
    | same("EngagementMetrics", under="VdmOptions.DashboardOptions."),
    "AWS::SES::ConfigurationSetEventDestination": {
        "ConfigurationSetName": lambda plan: plan.name.split("/")[0],
        "EventDestination.Name": lambda plan: plan.name.split("/")[1],
        "EventDestination.Enabled": "Enabled",
        "EventDestination.MatchingEventTypes": lambda plan: list(
            map(camel, plan.properties["MatchingEventTypes"])
        ),
        "EventDestination.SnsDestination.TopicARN": "SnsDestination.TopicArn",
        "EventDestination.CloudWatchDestination.DimensionConfigurations": dimensions,
    },
    "AWS::SES::DedicatedIpPool": TAGS | {"PoolName": NAME} | same("ScalingMode"),
    "AWS::SES::Tenant": TAGS | {"TenantName": NAME, "ResourceAssociations": "members"},
    "AWS::SNS::Topic": TAGS | {"TopicName": NAME} | same("SignatureVersion"),
    "AWS::SNS::TopicPolicy": {**POLICY, "Topics": "logical names"},
    "AWS::SNS::Subscription": {
        "TopicArn": lambda plan: plan.name.split(" ")[0],
        "Endpoint": lambda plan: plan.name.split(" ")[1],
    }
    | same("Protocol", "RedrivePolicy.deadLetterTargetArn")
    | same(*(f"DeliveryPolicy.healthyRetryPolicy.{name}" for name in (*RETRIES, *RETRY_NUMBERS))),
    "AWS::SQS::Queue": TAGS
    | {
        "QueueName": NAME,
        "MessageRetentionPeriod": lambda plan: int(plan.properties["MessageRetentionPeriod"]),
    },
    "AWS::SQS::QueuePolicy": {**POLICY, "Queues": "logical names"},
    "AWS::S3::Bucket": TAGS
    | {
        "BucketName": NAME,
        "OwnershipControls.Rules": lambda plan: [{"ObjectOwnership": plan.properties["Ownership"]}],
        "BucketEncryption.ServerSideEncryptionConfiguration": lambda plan: [
            {
                "ServerSideEncryptionByDefault": {"SSEAlgorithm": plan.properties["Encryption"]},
                "BucketKeyEnabled": True,
            }
        ],
        "VersioningConfiguration.Status": "Versioning",
        "LifecycleConfiguration.Rules": tidying,
        "ObjectLockEnabled": "ObjectLock",
    }
    | {f"PublicAccessBlockConfiguration.{name}": f"PublicAccessBlock.{name}" for name in BLOCKS},
    "AWS::S3::BucketPolicy": {**POLICY, "Bucket": "logical names"},
    "AWS::CloudWatch::Alarm": TAGS | {"AlarmName": NAME} | same(*ALARM),
    "AWS::CloudWatch::Dashboard": {
        "DashboardName": NAME,
        "DashboardBody": lambda plan: json.dumps(plan.properties["Body"]),
    },
    "AWS::Events::Rule": TAGS
    | {"Name": NAME, "Targets": lambda plan: list(plan.properties["Targets"].values())}
    | same("ScheduleExpression", "State", "Description"),
}
# Of the plan, what a function above reads; and where a resource is made, which is up to the stack.
READ_WHOLE = {
    "Statements",
    "MatchingEventTypes",
    "CloudWatchDestination",
    "Lifecycle",
    "Ownership",
    "Encryption",
}
READ_WHOLE |= {"MessageRetentionPeriod", "Body", "Targets", "Tags", "Region"}


def parts_of(plan: Resource, resources: list[Resource]) -> dict[str, dict[str, Any]]:
    """What one description becomes, by type; made alone, so that nothing else is mistaken for it."""
    members = [item for item in resources if item.kind == "tenant member"] if plan.kind == "tenant" else []
    return {item["Type"]: item["Properties"] for item in template([plan, *members])["Resources"].values()}


def wanted_by(plan: Resource, source: Any, resources: list[Resource], type_: str) -> Any:
    """What the table says that a property has to be; None where this resource has no such property."""
    if source == "members":
        arns = [item.name.split(" ")[1] for item in resources if item.kind == "tenant member"]
        return [{"ResourceArn": arn} for arn in arns]
    if source == "logical names":
        (logical,) = [key for key, item in template([plan])["Resources"].items() if item["Type"] != type_]
        return logical
    if isinstance(source, str):
        return flat(plan.properties).get(source)
    return source(plan)


def test_every_property_is_the_plans_and_the_other_way_round(resources: list[Resource]) -> None:
    """One table for both directions: what stands on one side alone is a fault."""
    seen: set[str] = set()
    for plan in resources:
        if plan.kind in {"SES account", "tenant member"}:
            continue
        told: set[str] = set()
        for type_, properties in parts_of(plan, resources).items():
            seen.add(type_)
            found = {path: _without_reference(value) for path, value in flat(_referred(properties)).items()}
            assert found.keys() <= TABLE[type_].keys(), (plan.key, found.keys() - TABLE[type_].keys())
            for path, source in TABLE[type_].items():
                told.add(source if isinstance(source, str) else "")
                if path in found:
                    assert found[path] == wanted_by(plan, source, resources, type_), (plan.key, path)
                elif isinstance(source, str):
                    assert flat(plan.properties).get(source) is None, (plan.key, path)
        of_plan = {path for path in flat(plan.properties) if path.split(".")[0] not in READ_WHOLE}
        assert of_plan <= told, (plan.key, of_plan - told)
    assert seen == TABLE.keys()


def _referred(properties: dict[str, Any]) -> dict[str, Any]:
    """A reference to another part of the template as that part's name."""
    return {name: value["Ref"] if _is_reference(value) else value for name, value in properties.items()}


def _is_reference(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"Ref"}


def _without_reference(value: Any) -> Any:
    return (
        value[0]["Ref"] if isinstance(value, list) and len(value) == 1 and _is_reference(value[0]) else value
    )


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("SQS queue", {"MessageRetentionPeriod": "60"}),
        ("S3 bucket", {"Versioning": "Suspended"}),
        ("CloudWatch alarm", {"Threshold": 0.5}),
        ("EventBridge rule", {"State": "DISABLED"}),
    ],
)
def test_the_table_sees_a_difference(resources: list[Resource], kind: str, change: dict[str, Any]) -> None:
    plan = next(item for item in resources if item.kind == kind)
    other = replace(plan, properties={**plan.properties, **change})
    (type_, made), *_ = parts_of(plan, resources).items()
    differing = [
        path
        for path, source in TABLE[type_].items()
        if path in flat(made) and flat(made)[path] != wanted_by(other, source, resources, type_)
    ]
    assert len(differing) == 1


# Types that moto makes, and what it does not make of them: the rest of each is as the plan says.
MOTO_LEAVES_OUT: dict[str, set[str]] = {
    "SNS topic": {"SignatureVersion", "Statements"},
    "SQS queue": {"Statements"},
    "S3 bucket": {
        *("Lifecycle", "ObjectLock", "Ownership", "PublicAccessBlock", "Statements", "Versioning"),
    },
    "CloudWatch dashboard": set(),
    "EventBridge rule": set(),
}


@pytest.mark.drill
def test_what_moto_makes_of_the_template_is_what_the_plan_wants(
    resources: list[Resource], made: dict[str, Any]
) -> None:
    """Another program than ours applies the template, and our plan then finds nothing to do."""
    session._client.cache_clear()
    with mock_aws():
        stack = boto3.client(
            "cloudformation", "eu-central-1", aws_access_key_id="x", aws_secret_access_key="x"
        )
        with pytest.warns(UserWarning, match="not supported by moto"):
            stack.create_stack(StackName="mailplatform", TemplateBody=json.dumps(made))
        provisioner = Provisioner(Amazon(Connection("eu-central-1", "x", "x")))
        steps = list(provisioner.plan([item for item in resources if item.kind in MOTO_LEAVES_OUT]))
    session._client.cache_clear()
    assert {step.resource.kind for step in steps} == MOTO_LEAVES_OUT.keys()
    for step in steps:
        assert step.action is not Action.CREATE, step.resource.key
        assert set(step.changes) <= MOTO_LEAVES_OUT[step.resource.kind], (step.resource.key, step.changes)
        # A dashboard has no tags.
        assert step.is_ours is (step.resource.kind == "CloudWatch dashboard"), step.resource.key


def test_sets_that_must_not_track_ask_for_nothing(made: dict[str, Any]) -> None:
    for item in made["Resources"].values():
        if item["Type"] == "AWS::SES::ConfigurationSetEventDestination":
            types = set(item["Properties"]["EventDestination"]["MatchingEventTypes"])
            tracking = item["Properties"]["ConfigurationSetName"].removeprefix("shop-")
            assert (
                types & {"open", "click"}
                == {
                    "none": set(),
                    "opens": {"open"},
                    "clicks": {"click"},
                    "both": {"open", "click"},
                }[tracking]
            )


def test_buckets_outlive_the_stack(made: dict[str, Any]) -> None:
    buckets = [item for item in made["Resources"].values() if item["Type"] == "AWS::S3::Bucket"]
    assert len(buckets) == 2
    assert {item["DeletionPolicy"] for item in buckets} == {"Retain"}
