"""Looks whether the AWS account still is as provisioning left it; changes nothing."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from . import configuration_sets, ses, sns, sqs
from .errors import AccountUnreadableError
from .session import AwsConfigurationError, Connection, account_id, check_region, client
from .steps import AwsCallError, plain_errors

# Of the day's quota.
NEARLY_USED: Final = 0.9
PROVISION: Final = "run `manage.py provision`"
TRACKING_EVENTS: Final = frozenset({"OPEN", "CLICK"})
DENIED: Final = frozenset({"AccessDenied", "AccessDeniedException"})


class Level(StrEnum):
    """How bad it is. An ERROR stops mail or breaks a promise; a WARNING wants attention."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    level: Level
    subject: str
    detail: str = ""


Problem = tuple[Level, str]


@dataclass(frozen=True, slots=True)
class Expected:
    """What provisioning wrote down. The first topic is that of events; `rules` are expressions by the rule's name."""

    account_id: str
    prefix: str
    topic_arns: tuple[str, ...]
    endpoint: str
    queue_url: str
    tls_policy: str
    rules: Mapping[str, str] = field(default_factory=dict)


def examine(connection: Connection, expected: Expected) -> Iterator[Finding]:
    """Yield a finding for Region, keys, account, configuration sets, queue, and each topic, subscription and rule."""
    try:
        check_region(connection.region)
        with plain_errors():
            account = account_id(connection)
    except AwsConfigurationError as error:
        yield Finding(Level.ERROR, "Amazon keys and Region", str(error))
        return
    except AwsCallError as error:
        yield Finding(Level.ERROR, "Amazon keys and Region", f"{error}: enter other keys under Settings")
        return
    yield Finding(Level.OK, "Amazon keys and Region", f"account {account}, {connection.region}")
    if not expected.account_id:
        yield Finding(Level.ERROR, "Provisioning", "has not been done: run `manage.py provision`")
        return
    if account != expected.account_id:
        yield Finding(
            Level.ERROR,
            "Amazon account",
            f"is {account}, but {expected.account_id} was provisioned: enter that one's keys, or provision anew",
        )
    for subject, look in _LOOKS.items():
        try:
            with plain_errors():
                yield from look(connection, expected)
        except AwsCallError as error:
            yield Finding(Level.ERROR, subject, str(error))


def _sending(connection: Connection, _: Expected) -> Iterator[Finding]:
    subject = "SES account"
    try:
        state = ses.get_account(connection)
    except AccountUnreadableError as error:
        cure = "are the keys right, and do they have the policy of `manage.py provision --policies`?"
        yield Finding(Level.ERROR, subject, f"{error}: {cure}")
        return
    used = state.sent_last_24_hours / state.max_24_hour_send if state.max_24_hour_send > 0 else 0.0
    if not state.sending_enabled or state.enforcement_status == "SHUTDOWN":
        why = f"may not send (enforcement: {state.enforcement_status or 'none'})"
        yield Finding(
            Level.ERROR, subject, f"{why}: look at Account dashboard in Amazon SES, and write to Amazon"
        )
    elif not state.production_access:
        cure = "run `manage.py provision --production-access`"
        yield Finding(
            Level.WARNING, subject, f"is in Amazon's sandbox and reaches verified addresses only: {cure}"
        )
    elif state.enforcement_status == "PROBATION":
        cure = "stop what goes to old lists, and answer Amazon"
        yield Finding(Level.WARNING, subject, f"is on probation for bounces or complaints: {cure}")
    elif used >= NEARLY_USED:
        cure = "campaigns wait for the rest by themselves; ask Amazon for a higher quota"
        yield Finding(
            Level.WARNING,
            subject,
            f"{used:.0%} of the day's {state.max_24_hour_send:,.0f} mails are used: {cure}",
        )
    else:
        day = "any number" if state.max_24_hour_send < 0 else f"{state.max_24_hour_send:.0f}"
        yield Finding(Level.OK, subject, f"{state.max_send_rate:g} a second, {day} a day")


def _sets(connection: Connection, expected: Expected) -> Iterator[Finding]:
    api = client(connection, "sesv2")
    vdm = api.get_account().get("VdmAttributes") or {}
    for tracking in configuration_sets.TRACKED:
        name = configuration_sets.name_of(expected.prefix, tracking)
        subject = f"Configuration set {name}"
        try:
            found = api.get_configuration_set(ConfigurationSetName=name)
            answer = api.get_configuration_set_event_destinations(ConfigurationSetName=name)
        except api.exceptions.NotFoundException:
            yield Finding(Level.ERROR, subject, f"is gone: {PROVISION}")
        except api.exceptions.ClientError as error:
            if error.response["Error"]["Code"] not in DENIED:
                raise
            cure = "give these keys the policy `runtime` of `manage.py provision --policies`"
            yield Finding(Level.ERROR, subject, f"may not be looked at ({error.operation_name}): {cure}")
        else:
            problems = (
                *_sending_problems(found),
                *_tracking_problems(tracking, answer["EventDestinations"]),
                *_metrics_problems(found, vdm),
                *_option_problems(tracking, found, expected.tls_policy),
            )
            # The worst comes first.
            level, detail = problems[0] if problems else (Level.OK, "")
            yield Finding(level, subject, detail)


def _sending_problems(found: dict[str, Any]) -> Iterator[Problem]:
    if not (found.get("SendingOptions") or {}).get("SendingEnabled", True):
        yield Level.ERROR, "is paused at Amazon: see why, then enable its sending there"


def _tracking_problems(tracking: str, destinations: list[dict[str, Any]]) -> Iterator[Problem]:
    """SES tracks what any destination of the set asks for."""
    forbidden = TRACKING_EVENTS - configuration_sets.TRACKED[tracking]
    for destination in destinations:
        asked = forbidden & set(destination.get("MatchingEventTypes") or ())
        if destination.get("Enabled") and asked:
            what, name = " and ".join(sorted(asked)), destination["Name"]
            is_ours = name in {configuration_sets.DESTINATION, configuration_sets.METRICS_DESTINATION}
            cure = PROVISION if is_ours else "take these events from it, or remove it, at Amazon"
            yield Level.ERROR, f"measures {what} without consent, for its event destination {name}: {cure}"


def _metrics_problems(found: dict[str, Any], vdm: dict[str, Any]) -> Iterator[Problem]:
    """Engagement metrics of Virtual Deliverability Manager add a pixel and rewrite links, whoever consented.

    A set that does not say has those of the account. https://docs.aws.amazon.com/ses/latest/dg/vdm-settings.html
    """
    chosen = ((found.get("VdmOptions") or {}).get("DashboardOptions") or {}).get("EngagementMetrics")
    of_account = (vdm.get("DashboardAttributes") or {}).get("EngagementMetrics", "ENABLED")
    is_inherited = vdm.get("VdmEnabled") == "ENABLED" and of_account != "DISABLED"
    if chosen == "ENABLED" or (chosen is None and is_inherited):
        whose = "" if chosen else " of the account"
        yield Level.ERROR, f"measures everybody by engagement metrics{whose}: {PROVISION}"
    elif chosen is None:
        yield Level.WARNING, f"leaves engagement metrics to the account's settings: {PROVISION}"


def _option_problems(tracking: str, found: dict[str, Any], tls_policy: str) -> Iterator[Problem]:
    actual = (found.get("DeliveryOptions") or {}).get("TlsPolicy", "OPTIONAL")
    if actual != tls_policy:
        yield Level.WARNING, f"has TLS policy {actual}, not {tls_policy}: {PROVISION}"
    domain = (found.get("TrackingOptions") or {}).get("CustomRedirectDomain")
    if domain and not configuration_sets.TRACKED[tracking]:
        yield Level.WARNING, f"has the tracking domain {domain}, though it measures nothing: {PROVISION}"


def _topics(connection: Connection, expected: Expected) -> Iterator[Finding]:
    """Look at the topic of events, then at that of schedules if there is one; one's fault does not hide the other's."""
    for number, arn in enumerate(expected.topic_arns):
        whose, sid, who = (
            (" of schedules", sns.RULES_SID, "EventBridge") if number else ("", sns.POLICY_SID, "SES")
        )
        try:
            with plain_errors():
                yield _judged_topic(connection, arn, f"SNS topic{whose}", sid, who)
                yield _judged_subscription(connection, arn, f"SNS subscription{whose}", expected.endpoint)
        except AwsCallError as error:
            cure = "run `manage.py provision`"
            yield Finding(Level.ERROR, f"SNS topic{whose}", f"{arn} cannot be looked at ({error}): {cure}")


def _judged_topic(connection: Connection, arn: str, subject: str, sid: str, who: str) -> Finding:
    attributes = client(connection, "sns").get_topic_attributes(TopicArn=arn)["Attributes"]
    if attributes.get("SignatureVersion") != sns.SIGNATURE_VERSION:
        return Finding(Level.ERROR, subject, "signs with SHA-1: run `manage.py provision`")
    if sid not in attributes.get("Policy", ""):
        return Finding(Level.ERROR, subject, f"does not let {who} publish: run `manage.py provision`")
    return Finding(Level.OK, subject, arn)


def _judged_subscription(connection: Connection, arn: str, subject: str, endpoint: str) -> Finding:
    found = [item for item in sns.subscriptions(connection, arn) if item.endpoint == endpoint]
    if any(item.arn for item in found):
        return Finding(Level.OK, subject, endpoint)
    cure = "run `manage.py provision`, while Amazon can reach this site"
    state = f"{'waits for its confirmation' if found else 'does not exist'}: {cure}"
    return Finding(Level.ERROR, subject, f"of {endpoint} {state}")


def _rules(connection: Connection, expected: Expected) -> Iterator[Finding]:
    if connection.endpoint_urls and "events" not in connection.endpoint_urls:
        return  # beside a stand-in nothing else may reach Amazon
    api = client(connection, "events")
    for name, expression in expected.rules.items():
        subject = f"EventBridge rule {name}"
        try:
            with plain_errors():
                try:
                    rule = api.describe_rule(Name=name)
                    targets = api.list_targets_by_rule(Rule=name)["Targets"]
                except api.exceptions.ResourceNotFoundException:
                    yield Finding(Level.ERROR, subject, "is gone: run `manage.py provision`")
                    continue
        except AwsCallError as error:
            cure = "give the site's keys the policy `runtime` of `manage.py provision --policies`"
            yield Finding(Level.WARNING, subject, f"cannot be looked at ({error}): {cure}")
            continue
        told = {target["Arn"] for target in targets}
        yield _judged_rule(subject, rule, expression, tells_us=not told.isdisjoint(expected.topic_arns[1:]))


def _judged_rule(subject: str, rule: dict[str, Any], expression: str, *, tells_us: bool) -> Finding:
    cure = "run `manage.py provision`"
    if rule.get("State") == "DISABLED":
        return Finding(Level.ERROR, subject, f"is switched off at Amazon: see why, then {cure}")
    if not tells_us:
        return Finding(Level.ERROR, subject, f"does not publish to our topic, so nothing starts: {cure}")
    if rule.get("ScheduleExpression") != expression:
        found = rule.get("ScheduleExpression") or "no time at all"
        return Finding(Level.ERROR, subject, f"acts at {found}, not {expression}: {cure}")
    return Finding(Level.OK, subject, expression)


def _queue(connection: Connection, expected: Expected) -> Iterator[Finding]:
    count = sqs.waiting(connection, expected.queue_url)
    if count:
        yield Finding(
            Level.WARNING, "Dead-letter queue", f"holds about {count} events: run `manage.py redrive`"
        )
    else:
        yield Finding(Level.OK, "Dead-letter queue", "is empty")


_LOOKS: dict[str, Callable[[Connection, Expected], Iterator[Finding]]] = {
    "SES account": _sending,
    "Configuration sets": _sets,
    "SNS topic": _topics,
    "EventBridge rules": _rules,
    "Dead-letter queue": _queue,
}
