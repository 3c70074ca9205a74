"""IAM policies: what the running site may do, and what setting up may do besides. Pure.

Whoever holds the site's keys can send, read events and keep files; he cannot make, change or remove a resource.
Actions and their resources: https://docs.aws.amazon.com/service-authorization/latest/reference/
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from ..configuration_sets import TRACKED, name_of
from .dashboard import NAMESPACE
from .wanted import (
    Wanted,
    bucket_name,
    dead_letters,
    events_topic,
    operations_topic,
    triggers_topic,
)

Arn = Callable[[str, str], str]
# Templates that publishing stores begin with this.
TEMPLATES: Final = "mp-*"
# Actions that know no resources, by the reference above.
ANY: Final = ("*",)


def documents(
    wanted: Wanted, arn: Arn, account_id: str, region: str, past: Sequence[Wanted] = ()
) -> dict[str, dict[str, Any]]:
    """Return both policies: `runtime` for the site's keys, `setup` for whoever provisions.

    What was wanted in the `past` has to be read and removed by setting up as well.
    """
    names = _Names(wanted, arn, account_id)
    policies = {"runtime": runtime(names), "setup": setup(_Names(wanted, arn, account_id, past))}
    regions = sorted({item.buckets_region or region for item in (wanted, *past)})
    return {
        name: {"Version": "2012-10-17", "Statement": [*statements, *_guards(region, regions)]}
        for name, statements in policies.items()
    }


def _guards(region: str, of_buckets: Sequence[str]) -> list[dict[str, Any]]:
    """Deny every other Region; buckets may be in one of their own."""
    services, found = ["ses:*", "sns:*", "sqs:*", "cloudwatch:*", "events:*"], []
    if list(of_buckets) == [region]:
        services.append("s3:*")
    else:
        found.append(_only("OnlyRegionOfBuckets", ["s3:*"], of_buckets))
    return [*found, _only("OnlyThisRegion", services, region)]


def _only(sid: str, actions: Sequence[str], region: str | Sequence[str]) -> dict[str, Any]:
    return {
        "Sid": sid,
        "Effect": "Deny",
        "Action": actions,
        "Resource": "*",
        "Condition": {"StringNotEquals": {"aws:RequestedRegion": region}},
    }


class _Names:
    """The ARNs of what provisioning makes, and made for the choices of the past."""

    def __init__(self, wanted: Wanted, arn: Arn, account_id: str, past: Sequence[Wanted] = ()) -> None:
        prefix, choices = wanted.prefix, (wanted, *past)
        self.wanted, self.choices = wanted, choices
        self.without = frozenset.intersection(*(item.without for item in choices))
        identities = dict.fromkeys(name for item in choices for name in item.identities)
        self.identities = [arn("ses", f"identity/{name}") for name in identities]
        self.sets = [arn("ses", f"configuration-set/{name_of(prefix, tracking)}") for tracking in TRACKED]
        self.templates = [arn("ses", f"template/{TEMPLATES}")]
        self.tenants = [arn("ses", "tenant/*")]
        pools = dict.fromkeys(item.ip_pool for item in choices if item.ip_pool)
        self.pools = [arn("ses", f"dedicated-ip-pool/{name}") for name in pools]
        self.inbound = [arn("sns", events_topic(prefix)), arn("sns", triggers_topic(prefix))]
        self.topics = [*self.inbound, arn("sns", operations_topic(prefix))]
        self.queue = [arn("sqs", dead_letters(prefix))]
        self.rules = [arn("events", f"rule/{prefix}-*")]
        self.alarms = [arn("cloudwatch", f"alarm:{prefix}-*")]
        partition = arn("s3", "").split(":")[1]
        self.dashboard = [f"arn:{partition}:cloudwatch::{account_id}:dashboard/{prefix}"]
        buckets: dict[str, None] = {}
        for item in choices:
            buckets[item.files_bucket or bucket_name(prefix, "files", account_id)] = None
            buckets[item.ledger_bucket or bucket_name(prefix, "ledger", account_id)] = None
        self.buckets = [f"arn:{partition}:s3:::{name}" for name in buckets]


def runtime(names: _Names) -> list[dict[str, Any]]:
    """Return what the site does: send, keep templates, mirror suppressions, take events in, keep files."""
    send = _allow(
        "Send",
        ("ses:SendBulkEmail", "ses:SendEmail"),
        [*names.identities, *names.sets, *names.templates, *(names.tenants if names.wanted.tenant else ())],
    )
    send["Condition"] = {"StringEquals": {"ses:ApiVersion": "2"}}
    # SES asks for this action when SendEmail carries a finished message, as mail of the site itself does.
    raw = _allow("SendRaw", ("ses:SendRawEmail",), [*names.identities, *names.sets])
    measure = _allow("OwnFigures", ("cloudwatch:PutMetricData",), ANY)
    measure["Condition"] = {"StringEquals": {"cloudwatch:namespace": NAMESPACE}}
    return [
        send,
        raw,
        _allow(
            "Templates",
            (
                "ses:CreateEmailTemplate",
                "ses:DeleteEmailTemplate",
                "ses:GetEmailTemplate",
                "ses:TestRenderEmailTemplate",
            ),
            names.templates,
        ),
        _allow(
            "Account",
            (
                "ses:DeleteSuppressedDestination",
                "ses:GetAccount",
                "ses:GetSuppressedDestination",
                "ses:ListSuppressedDestinations",
                "ses:PutSuppressedDestination",
            ),
            ANY,
        ),
        _allow(
            "Look",
            ("ses:GetConfigurationSet", "ses:GetConfigurationSetEventDestinations", "ses:GetEmailIdentity"),
            [*names.identities, *names.sets],
        ),
        _allow(
            "Events",
            ("sns:ConfirmSubscription", "sns:GetTopicAttributes", "sns:ListSubscriptionsByTopic"),
            names.inbound,
        ),
        _allow(
            "DeadLetters",
            ("sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"),
            names.queue,
        ),
        _allow("Buckets", ("s3:GetBucketObjectLockConfiguration", "s3:ListBucket"), names.buckets),
        _allow(
            "Files",
            (
                "s3:AbortMultipartUpload",
                "s3:DeleteObject",
                "s3:GetObject",
                "s3:PutObject",
                "s3:PutObjectRetention",
            ),
            [f"{name}/*" for name in names.buckets],
        ),
        measure,
        *_members(names),
        *_schedules(names),
    ]


def _schedules(names: _Names) -> list[dict[str, Any]]:
    """Whoever relies on rules looks whether they are still there."""
    actions = ("events:DescribeRule", "events:ListTargetsByRule")
    return [_allow("Rules", actions, names.rules)] if names.wanted.schedules else []


def _members(names: _Names) -> list[dict[str, Any]]:
    """Whoever stores a template gives it to the tenant, if there is one."""
    if not names.wanted.tenant:
        return []
    actions = ("ses:CreateTenantResourceAssociation", "ses:ListResourceTenants")
    return [_allow("TenantTemplates", actions, [*names.tenants, *names.templates])]


def setup(names: _Names) -> list[dict[str, Any]]:
    """Return what plan, apply and destroy do; parts that are not wanted are not in it."""
    found = [
        *_setup_ses(names),
        _allow("Topics", _SNS, names.topics),
        # SNS knows no resource for what is done to one subscription.
        _allow(
            "Subscriptions",
            ("sns:GetSubscriptionAttributes", "sns:SetSubscriptionAttributes", "sns:Unsubscribe"),
            ANY,
        ),
        _allow("Queue", _SQS, names.queue),
    ]
    if "subscription" not in names.without:
        # An apply waits until the running site, which has these keys meanwhile, confirmed.
        found.append(_allow("Confirmation", ("sns:ConfirmSubscription",), names.inbound))
    if "buckets" not in names.without:
        found.append(_allow("Buckets", _S3, names.buckets))
    if "monitoring" not in names.without:
        found.append(_allow("Alarms", _ALARMS, names.alarms))
        dashboards = ("cloudwatch:DeleteDashboards", "cloudwatch:GetDashboard", "cloudwatch:PutDashboard")
        found.append(_allow("Dashboard", dashboards, names.dashboard))
    if any(item.schedules for item in names.choices):
        found.append(_allow("Rules", _EVENTS, names.rules))
    return found


def _setup_ses(names: _Names) -> list[dict[str, Any]]:
    found = [
        _allow("Identities", _IDENTITIES, names.identities),
        _allow("ConfigurationSets", _SETS, names.sets),
        _allow(
            "Account",
            ("ses:GetAccount", "ses:ListEmailIdentities", "ses:PutAccountSuppressionAttributes"),
            ANY,
        ),
    ]
    if names.pools:
        found.append(_allow("Pool", _POOL, names.pools))
    if any(item.tenant for item in names.choices):
        found.append(_allow("Tenant", _TENANT, [*names.tenants, *names.identities, *names.sets]))
    return [item for item in found if item["Resource"]]


_IDENTITIES: Final = (
    "ses:CreateEmailIdentity",
    "ses:DeleteEmailIdentity",
    "ses:GetEmailIdentity",
    "ses:PutEmailIdentityDkimSigningAttributes",
    "ses:PutEmailIdentityMailFromAttributes",
    "ses:TagResource",
)
_SETS: Final = (
    "ses:CreateConfigurationSet",
    "ses:CreateConfigurationSetEventDestination",
    "ses:DeleteConfigurationSet",
    "ses:DeleteConfigurationSetEventDestination",
    "ses:GetConfigurationSet",
    "ses:GetConfigurationSetEventDestinations",
    "ses:PutConfigurationSetDeliveryOptions",
    "ses:PutConfigurationSetReputationOptions",
    "ses:PutConfigurationSetSuppressionOptions",
    "ses:PutConfigurationSetTrackingOptions",
    "ses:PutConfigurationSetVdmOptions",
    "ses:TagResource",
    "ses:UpdateConfigurationSetEventDestination",
)
_POOL: Final = (
    "ses:CreateDedicatedIpPool",
    "ses:DeleteDedicatedIpPool",
    "ses:GetDedicatedIpPool",
    "ses:ListTagsForResource",
    "ses:PutDedicatedIpPoolScalingAttributes",
    "ses:TagResource",
)
_TENANT: Final = (
    "ses:CreateTenant",
    "ses:CreateTenantResourceAssociation",
    "ses:DeleteTenant",
    "ses:DeleteTenantResourceAssociation",
    "ses:GetTenant",
    "ses:ListTenantResources",
    "ses:TagResource",
)
_SNS: Final = (
    "sns:CreateTopic",
    "sns:DeleteTopic",
    "sns:GetTopicAttributes",
    "sns:ListSubscriptionsByTopic",
    "sns:ListTagsForResource",
    "sns:SetTopicAttributes",
    "sns:Subscribe",
    "sns:TagResource",
)
_SQS: Final = (
    "sqs:CreateQueue",
    "sqs:DeleteQueue",
    "sqs:GetQueueAttributes",
    "sqs:GetQueueUrl",
    "sqs:ListQueueTags",
    "sqs:SetQueueAttributes",
    "sqs:TagQueue",
)
_S3: Final = (
    "s3:CreateBucket",
    "s3:DeleteBucket",
    "s3:GetBucketObjectLockConfiguration",
    "s3:GetBucketOwnershipControls",
    "s3:GetBucketPolicy",
    "s3:GetBucketPublicAccessBlock",
    "s3:GetBucketTagging",
    "s3:GetBucketVersioning",
    "s3:GetEncryptionConfiguration",
    "s3:GetLifecycleConfiguration",
    "s3:ListBucket",
    "s3:PutBucketObjectLockConfiguration",
    "s3:PutBucketOwnershipControls",
    "s3:PutBucketPolicy",
    "s3:PutBucketPublicAccessBlock",
    "s3:PutBucketTagging",
    "s3:PutBucketVersioning",
    "s3:PutEncryptionConfiguration",
    "s3:PutLifecycleConfiguration",
)
_ALARMS: Final = (
    "cloudwatch:DeleteAlarms",
    "cloudwatch:DescribeAlarms",
    "cloudwatch:ListTagsForResource",
    "cloudwatch:PutMetricAlarm",
    "cloudwatch:TagResource",
)
_EVENTS: Final = (
    "events:DeleteRule",
    "events:DescribeRule",
    "events:ListTagsForResource",
    "events:ListTargetsByRule",
    "events:PutRule",
    "events:PutTargets",
    "events:RemoveTargets",
    "events:TagResource",
)


def _allow(sid: str, actions: Sequence[str], resources: Sequence[str]) -> dict[str, Any]:
    where = "*" if tuple(resources) == ANY else list(resources)
    return {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": where}
