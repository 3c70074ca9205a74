"""The list of everything that sending needs in an account, in the order in which it can be made.

Costs are Amazon's list prices of 2026 for EEA Regions, rounded, in US dollars; what a mail costs is not among them.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any, Final

from .. import sns, sqs
from ..configuration_sets import (
    ALWAYS,
    DESTINATION,
    METRICS_DESTINATION,
    SUPPRESSED_REASONS,
    TRACKED,
    name_of,
)
from . import dashboard
from .model import TAG, Resource
from .wanted import (
    Wanted,
    bucket_name,
    dead_letters,
    events_topic,
    mail_from_domain,
    operations_topic,
    rule_name,
    triggers_topic,
)

KEEP_OLD_VERSIONS_DAYS: Final = 30
# Bounces and complaints by which Amazon itself begins to look at an account.
BOUNCE_RATE: Final = 0.05
COMPLAINT_RATE: Final = 0.001

Arn = Callable[[str, str], str]


def describe(wanted: Wanted, arn: Arn, account_id: str, region: str) -> list[Resource]:
    """Return every resource that is wanted; `arn(service, name)` makes an ARN of this account.

    Raises `BadChoice`.
    """
    wanted.check()
    made = _Catalogue(wanted, arn, account_id, region)
    return list(made.resources())


class _Catalogue:
    def __init__(self, wanted: Wanted, arn: Arn, account_id: str, region: str) -> None:
        self.wanted, self.arn, self.account_id, self.region = wanted, arn, account_id, region
        self.prefix = wanted.prefix
        self.sets = {tracking: name_of(wanted.prefix, tracking) for tracking in TRACKED}

    def resources(self) -> Iterator[Resource]:
        yield self._make("SES account", "suppression", {"SuppressedReasons": sorted(SUPPRESSED_REASONS)})
        yield from self._identities()
        yield from self._topics_and_queue()
        yield from self._sets()
        if self.wanted.tenant:
            yield from self._tenant()
        if "buckets" not in self.wanted.without:
            yield self._bucket("files", self.wanted.files_bucket, is_locked=False)
            yield self._bucket("ledger", self.wanted.ledger_bucket, is_locked=True)
        if "monitoring" not in self.wanted.without:
            yield from self._monitoring()
        yield from self._rules()
        yield from self._subscriptions()

    def _make(self, kind: str, name: str, properties: dict[str, Any], cost: str = "free") -> Resource:
        return Resource(kind, name, properties, self.prefix, cost)

    def _identities(self) -> Iterator[Resource]:
        for name in self.wanted.identities:
            properties: dict[str, Any] = {}
            if "@" not in name:
                properties = {
                    "DkimKeyLength": "RSA_2048_BIT",
                    "MailFromDomain": mail_from_domain(name),
                    "BehaviorOnMxFailure": "USE_DEFAULT_VALUE",
                }
            yield self._make("sending identity", name, properties)

    def _topics_and_queue(self) -> Iterator[Resource]:
        events, dead = events_topic(self.prefix), dead_letters(self.prefix)
        sources = [self.arn("ses", f"configuration-set/{name}") for name in self.sets.values()]
        yield self._topic(events, sns.POLICY_SID, "ses", {"AWS:SourceArn": sorted(sources)})
        allowed = [self.arn("sns", events)]
        if self.wanted.schedules:
            rules = [
                self.arn("events", f"rule/{rule_name(self.prefix, item.name)}")
                for item in self.wanted.schedules
            ]
            name = triggers_topic(self.prefix)
            allowed.append(self.arn("sns", name))
            yield self._topic(name, sns.RULES_SID, "events", {"AWS:SourceArn": sorted(rules)})
        statement = {
            "Sid": "MailplatformDeadLetters",
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": self.arn("sqs", dead),
            "Condition": {"ArnEquals": {"aws:SourceArn": allowed if len(allowed) > 1 else allowed[0]}},
        }
        properties = {
            "MessageRetentionPeriod": str(sqs.RETENTION_SECONDS),
            "Statements": {statement["Sid"]: statement},
        }
        yield self._make("SQS queue", dead, properties, "$0.40 per million messages")

    def _topic(self, name: str, sid: str, service: str, condition: dict[str, Any]) -> Resource:
        whose = {"AWS:SourceAccount": self.account_id}
        statement = {
            "Sid": sid,
            "Effect": "Allow",
            "Principal": {"Service": f"{service}.amazonaws.com"},
            "Action": "sns:Publish",
            "Resource": self.arn("sns", name),
            "Condition": {"StringEquals": whose | condition},
        }
        properties = {"SignatureVersion": sns.SIGNATURE_VERSION, "Statements": {sid: statement}}
        return self._make(
            "SNS topic", name, properties, "$0.50 per million messages and $0.60 per million posts"
        )

    def _sets(self) -> Iterator[Resource]:
        pool = self.wanted.ip_pool
        if pool:
            yield self._make("IP pool", pool, {"ScalingMode": "MANAGED"}, "$15 a month and a price per mail")
        topic = self.arn("sns", events_topic(self.prefix))
        for tracking, name in self.sets.items():
            yield self._make("configuration set", name, self._set_options(tracking))
            types = sorted(ALWAYS | TRACKED[tracking])
            yield self._destination(name, DESTINATION, types, {"SnsDestination": {"TopicArn": topic}})
            if "monitoring" in self.wanted.without:
                continue
            dimension = {
                "DimensionName": "ses:configuration-set",
                "DimensionValueSource": "MESSAGE_TAG",
                "DefaultDimensionValue": name,
            }
            metrics = {"CloudWatchDestination": {"DimensionConfigurations": [dimension]}}
            cost = f"about ${0.3 * len(types):.2f} a month: {len(types)} metrics"
            yield self._destination(name, METRICS_DESTINATION, types, metrics, cost)

    def _set_options(self, tracking: str) -> dict[str, Any]:
        options: dict[str, Any] = {
            "TlsPolicy": self.wanted.tls_policy,
            "ReputationMetricsEnabled": True,
            "SuppressedReasons": sorted(SUPPRESSED_REASONS),
            # Switched on, it would measure opens and clicks of everybody; left out, the account's settings hold.
            "EngagementMetrics": "DISABLED",
        }
        if self.wanted.ip_pool:
            options["SendingPoolName"] = self.wanted.ip_pool
        elif "ip_pool" in self.wanted.dropped:
            options["SendingPoolName"] = None
        if not TRACKED[tracking] or "tracking_domain" in self.wanted.dropped:
            options["CustomRedirectDomain"] = None
        elif self.wanted.tracking_domain:
            options |= {"CustomRedirectDomain": self.wanted.tracking_domain, "HttpsPolicy": "REQUIRE"}
        return options

    def _destination(
        self, set_: str, name: str, types: list[str], target: dict[str, Any], cost: str = "free"
    ) -> Resource:
        properties = {"Enabled": True, "MatchingEventTypes": types, **target}
        return self._make("event destination", f"{set_}/{name}", properties, cost)

    def _tenant(self) -> Iterator[Resource]:
        tenant = self.wanted.tenant
        yield self._make("tenant", tenant, {}, "priced by Amazon per tenant")
        members = [self.arn("ses", f"identity/{name}") for name in self.wanted.identities]
        members += [self.arn("ses", f"configuration-set/{name}") for name in self.sets.values()]
        for member in members:
            yield self._make("tenant member", f"{tenant} {member}", {})

    def _bucket(self, purpose: str, chosen: str, *, is_locked: bool) -> Resource:
        name = chosen or bucket_name(self.prefix, purpose, self.account_id)
        arn = f"{self.arn('s3', '').split(':s3:', maxsplit=1)[0]}:s3:::{name}"
        only_tls = {
            "Sid": "MailplatformOnlyTls",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [arn, f"{arn}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
        tidy: dict[str, Any] = {
            "ID": "mailplatform-tidy",
            "Status": "Enabled",
            "Filter": {"Prefix": ""},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
        }
        if not is_locked:
            tidy["NoncurrentVersionExpiration"] = {"NoncurrentDays": KEEP_OLD_VERSIONS_DAYS}
        blocks = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
        properties: dict[str, Any] = {
            "Region": self.wanted.buckets_region or self.region,
            "PublicAccessBlock": dict.fromkeys(blocks, True),
            "Ownership": "BucketOwnerEnforced",
            "Encryption": "AES256",
            "Versioning": "Enabled",
            "Lifecycle": {tidy["ID"]: tidy},
            "Statements": {only_tls["Sid"]: only_tls},
        }
        if not chosen:
            # A name that only we would choose: ours also when it was not tagged in time.
            properties = {"Tags": {TAG: self.prefix}, **properties}
        if is_locked:
            properties["ObjectLock"] = True
        return self._make("S3 bucket", name, properties, "$0.025 per GB and month")

    def _monitoring(self) -> Iterator[Resource]:
        name = operations_topic(self.prefix)
        alarms = self.arn("cloudwatch", f"alarm:{self.prefix}-*")
        topic = self._topic(name, "MailplatformAlarms", "cloudwatch", {})
        statement = topic.properties["Statements"]["MailplatformAlarms"]
        statement["Condition"]["ArnLike"] = {"aws:SourceArn": alarms}
        yield topic
        for alarm, properties in self._alarms().items():
            actions = [self.arn("sns", name)]
            options: dict[str, Any] = {
                "AlarmActions": actions,
                "OKActions": actions,
                "TreatMissingData": "ignore",
            }
            options |= {"EvaluationPeriods": 1, "ComparisonOperator": "GreaterThanOrEqualToThreshold"}
            yield self._make(
                "CloudWatch alarm", f"{self.prefix}-{alarm}", properties | options, "$0.10 a month"
            )
        body = dashboard.body(self.prefix, self.region, dead_letters(self.prefix), list(self.sets.values()))
        yield self._make("CloudWatch dashboard", self.prefix, {"Body": body}, "$3 a month (three are free)")

    def _alarms(self) -> dict[str, dict[str, Any]]:
        """A metric of SES without a dimension is that of the account."""
        reputation = {"Namespace": "AWS/SES", "Statistic": "Average", "Period": 3600}
        queue = [{"Name": "QueueName", "Value": dead_letters(self.prefix)}]
        return {
            "bounce-rate": {
                **reputation,
                "AlarmDescription": "Five of a hundred mails bounced: Amazon may review the account.",
                "MetricName": "Reputation.BounceRate",
                "Threshold": BOUNCE_RATE,
            },
            "complaint-rate": {
                **reputation,
                "AlarmDescription": "One of a thousand called a mail spam: Amazon may review the account.",
                "MetricName": "Reputation.ComplaintRate",
                "Threshold": COMPLAINT_RATE,
            },
            "dead-letters": {
                "Namespace": "AWS/SQS",
                "Statistic": "Maximum",
                "Period": 300,
                "AlarmDescription": "Events could not be delivered to the site: look why, then run redrive.",
                "MetricName": "ApproximateNumberOfMessagesVisible",
                "Dimensions": queue,
                "Threshold": 1.0,
            },
        }

    def _rules(self) -> Iterator[Resource]:
        for item in self.wanted.schedules:
            name = rule_name(self.prefix, item.name)
            what = {"event": item.event} if item.event else {"campaign": item.campaign}
            said = {**what, "rule": item.name}
            # The time comes from EventBridge, which puts the quotation marks around it.
            template = json.dumps(said)[:-1] + ', "scheduled_at": <time>}'
            target = {
                "Id": "mailplatform",
                "Arn": self.arn("sns", triggers_topic(self.prefix)),
                "InputTransformer": {"InputPathsMap": {"time": "$.time"}, "InputTemplate": template},
            }
            properties = {
                "ScheduleExpression": item.expression,
                "State": "ENABLED",
                "Description": f"Tells {self.wanted.endpoint or 'the site'} that it is time",
                "Targets": {target["Id"]: target},
            }
            yield self._make("EventBridge rule", name, properties)

    def _subscriptions(self) -> Iterator[Resource]:
        if self.wanted.endpoint and "subscription" not in self.wanted.without:
            yield self._endpoint(events_topic(self.prefix))
            if self.wanted.schedules:
                yield self._endpoint(triggers_topic(self.prefix))
        if self.wanted.operations_address and "monitoring" not in self.wanted.without:
            topic = self.arn("sns", operations_topic(self.prefix))
            name = f"{topic} {self.wanted.operations_address}"
            yield self._make("SNS subscription", name, {"Protocol": "email"}, "$2 per 100,000 mails")

    def _endpoint(self, topic: str) -> Resource:
        endpoint = self.wanted.endpoint
        properties = {
            "Protocol": endpoint.partition(":")[0],
            "RedrivePolicy": {"deadLetterTargetArn": self.arn("sqs", dead_letters(self.prefix))},
            "DeliveryPolicy": sns.DELIVERY_POLICY,
        }
        return self._make("SNS subscription", f"{self.arn('sns', topic)} {endpoint}", properties)
