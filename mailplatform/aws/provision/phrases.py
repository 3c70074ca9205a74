"""What a step would change, in words: each property by a name that a reader knows, from what to what. Pure."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from .model import MISSING, Action, Step, covers

NOTHING: Final = "nothing"
_DAY: Final = 24 * 3600
# What Amazon calls it, and what it is.
LABELS: Final[Mapping[str, str]] = {
    "AlarmActions": "Who is told of the alarm",
    "AlarmDescription": "What the alarm says",
    "BehaviorOnMxFailure": "Where the MAIL FROM domain has no MX record",
    "Body": "What the dashboard shows",
    "CloudWatchDestination": "Counted in CloudWatch by",
    "ComparisonOperator": "Alarm when the figure is",
    "CustomRedirectDomain": "Domain of tracked links",
    "DeliveryPolicy": "How often a post is tried again",
    "Dimensions": "What is measured",
    "DkimKeyLength": "Length of the DKIM keys",
    "Enabled": "Switched on",
    "Encryption": "Encryption of files at rest",
    "EngagementMetrics": "Amazon measures opens and clicks of everybody",
    "EvaluationPeriods": "Periods before the alarm",
    "HttpsPolicy": "Tracked links over HTTPS",
    "Lifecycle": "Rules that tidy up old files",
    "MailFromDomain": "MAIL FROM domain",
    "MatchingEventTypes": "Events that are told",
    "MessageRetentionPeriod": "How long events are kept",
    "MetricName": "Figure that is watched",
    "Namespace": "Service that is watched",
    "OKActions": "Who is told that the alarm is over",
    "ObjectLock": "Files cannot be deleted before their time (Object Lock)",
    "Ownership": "Who owns the files",
    "Period": "Seconds that are taken together",
    "Protocol": "Posted or mailed by",
    "PublicAccessBlock": "Shut to the public",
    "RedrivePolicy": "Where events go that could not be delivered",
    "Region": "Region",
    "ReputationMetricsEnabled": "Bounces and complaints are counted",
    "ScalingMode": "Who adds and removes addresses",
    "ScheduleExpression": "When it acts, in UTC",
    "SendingPoolName": "Sends through the pool",
    "SignatureVersion": "Version of the signature on events",
    "SnsDestination": "Told to the topic",
    "State": "State",
    "Statements": "Access policy",
    "Statistic": "How the figures are taken together",
    "SuppressedReasons": "Addresses are kept back after",
    "Tags": "Tags",
    "Targets": "What the rule does",
    "Threshold": "Alarm from",
    "TlsPolicy": "Encryption on the way to the receiver",
    "TreatMissingData": "Without data the alarm will",
    "Versioning": "Earlier versions of files",
}
VALUES: Final[Mapping[tuple[str, str], str]] = {
    ("BehaviorOnMxFailure", "REJECT_MESSAGE"): "refuse the mail",
    ("BehaviorOnMxFailure", "USE_DEFAULT_VALUE"): "send with Amazon's own domain",
    ("DkimKeyLength", "RSA_1024_BIT"): "1024 bits",
    ("DkimKeyLength", "RSA_2048_BIT"): "2048 bits",
    ("EngagementMetrics", "DISABLED"): "no",
    ("EngagementMetrics", "ENABLED"): "yes",
    ("HttpsPolicy", "OPTIONAL"): "where the mail's own link has it",
    ("HttpsPolicy", "REQUIRE"): "always",
    ("HttpsPolicy", "REQUIRE_OPEN_ONLY"): "for opens only",
    ("Ownership", "BucketOwnerEnforced"): "this account, all of them",
    ("ScalingMode", "MANAGED"): "Amazon",
    ("ScalingMode", "STANDARD"): "you, by hand",
    ("TlsPolicy", "OPTIONAL"): "where the receiver can",
    ("TlsPolicy", "REQUIRE"): "always; no delivery without it",
    ("TreatMissingData", "ignore"): "stay as it is",
    ("Versioning", "Enabled"): "kept",
    ("Versioning", "Suspended"): "no longer kept",
}


@dataclass(frozen=True, slots=True)
class Change:
    """One property: `what` in words, `name` as Amazon writes it with the way to the part that differs."""

    what: str
    name: str
    before: str
    after: str


def changes(step: Step) -> list[Change]:
    """Return what a step would change; of what is nested, only the parts that differ."""
    found = []
    for name, (before, after) in step.changes.items():
        label = LABELS.get(name, name)
        if step.action is Action.CREATE:
            found.append(Change(label, name, "", value(name, after)))
        elif name == "Body":
            found.append(Change(label, name, "somebody's own version", "what this version describes"))
        else:
            for path, old, new in _differing((name,), before, after):
                found.append(Change(label, ".".join(path), value(name, old), value(name, new)))
    return found


def value(name: str, given: Any) -> str:
    """Return a value of the property `name` as a reader takes it in."""
    if given is None or given in (MISSING, "", [], {}):
        return NOTHING
    if isinstance(given, bool):
        return "yes" if given else "no"
    if isinstance(given, list) and all(isinstance(item, str) for item in given):
        return ", ".join(_spoken(name, item) for item in given)
    if isinstance(given, list | Mapping):
        return json.dumps(given, default=str, ensure_ascii=False)
    return _spoken(name, str(given))


def _spoken(name: str, text: str) -> str:
    if name == "MessageRetentionPeriod" and text.isdecimal() and int(text) >= _DAY:
        return f"{int(text) / _DAY:g} days"
    if name in {"SuppressedReasons", "MatchingEventTypes"}:
        return text.lower().replace("_", " ")
    return VALUES.get((name, text), text)


def _differing(path: tuple[str, ...], before: Any, after: Any) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    """Yield the parts of `after` that `before` does not cover, each with the way to it."""
    if not (isinstance(before, Mapping) and isinstance(after, Mapping)):
        yield path, before, after
        return
    for name, wanted in after.items():
        if not covers(before.get(name), wanted):
            yield from _differing((*path, name), before.get(name), wanted)
