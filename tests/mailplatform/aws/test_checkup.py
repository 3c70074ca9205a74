import dataclasses
import uuid
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from mailplatform.aws import checkup, session
from mailplatform.aws.checkup import Finding, Level
from mailplatform.aws.configuration_sets import TRACKED
from mailplatform.aws.provision.message_kinds import QueueKind
from mailplatform.aws.provision.wanted import (
    Schedule,
    Wanted,
    dead_letters,
    events_topic,
    rule_name,
    triggers_topic,
)
from mailplatform.aws.session import Connection
from mailplatform.sandbox import constants
from mailplatform.sandbox.testing import RunningSandbox
from tests.factories.aws import SERVICES, account


@pytest.fixture(scope="module")
def sandbox(shared_sandbox: RunningSandbox) -> RunningSandbox:
    shared_sandbox.reset()
    return shared_sandbox


@pytest.fixture
def connection(sandbox: RunningSandbox) -> Connection:
    urls = dict.fromkeys(("sesv2", "sns", "sqs", "sts"), sandbox.url)
    return Connection(sandbox.region, constants.ACCESS_KEY, constants.SECRET_KEY, urls)


@pytest.fixture
def expected(sandbox: RunningSandbox) -> checkup.Expected:
    made = account(
        sandbox, Wanted(f"t{uuid.uuid4().hex[:8]}", (), without=frozenset({"buckets", "monitoring"}))
    )
    made.apply()
    amazon, prefix = made.amazon, made.want.prefix
    return checkup.Expected(
        amazon.account_id,
        prefix,
        (amazon.arn("sns", events_topic(prefix)),),
        "http://127.0.0.1:9/sns/events/",
        QueueKind.url(amazon, dead_letters(prefix)),
        "REQUIRE",
    )


def levels(connection: Connection, expected: checkup.Expected) -> dict[str, Level]:
    return {finding.subject: finding.level for finding in checkup.examine(connection, expected)}


def test_only_the_subscription_is_missing(connection: Connection, expected: checkup.Expected) -> None:
    found = levels(connection, expected)
    assert [subject for subject, level in found.items() if level is not Level.OK] == ["SNS subscription"]


def test_a_queue_that_holds_events_is_a_warning(
    sandbox: RunningSandbox, connection: Connection, expected: checkup.Expected
) -> None:
    sandbox.client("sqs").send_message(QueueUrl=expected.queue_url, MessageBody="late")
    assert levels(connection, expected)["Dead-letter queue"] is Level.WARNING


def test_a_set_that_is_gone_or_paused_is_an_error(
    sandbox: RunningSandbox, connection: Connection, expected: checkup.Expected
) -> None:
    ses = sandbox.client("sesv2")
    ses.delete_configuration_set(ConfigurationSetName=f"{expected.prefix}-opens")
    ses.put_configuration_set_sending_options(
        ConfigurationSetName=f"{expected.prefix}-both", SendingEnabled=False
    )
    found = levels(connection, expected)
    assert found[f"Configuration set {expected.prefix}-opens"] is Level.ERROR
    assert found[f"Configuration set {expected.prefix}-both"] is Level.ERROR
    assert found[f"Configuration set {expected.prefix}-none"] is Level.OK


def judged(connection: Connection, expected: checkup.Expected, tracking: str) -> checkup.Finding:
    subject = f"Configuration set {expected.prefix}-{tracking}"
    (found,) = [item for item in checkup.examine(connection, expected) if item.subject == subject]
    return found


@pytest.mark.parametrize("tracking", TRACKED)
def test_engagement_metrics_of_any_set_are_an_error(
    sandbox: RunningSandbox, connection: Connection, expected: checkup.Expected, tracking: str
) -> None:
    sandbox.client("sesv2").put_configuration_set_vdm_options(
        ConfigurationSetName=f"{expected.prefix}-{tracking}",
        VdmOptions={"DashboardOptions": {"EngagementMetrics": "ENABLED"}},
    )
    found = judged(connection, expected, tracking)
    assert found.level is Level.ERROR
    assert found.detail == "measures everybody by engagement metrics: run `manage.py provision`"


@pytest.mark.parametrize(
    ("account", "is_measured"),
    [
        ({"vdm_enabled": True}, True),
        ({"vdm_enabled": True, "engagement_metrics": "DISABLED"}, False),
        ({}, False),
    ],
)
def test_a_set_that_does_not_say_is_judged_by_the_account(
    sandbox: RunningSandbox,
    connection: Connection,
    expected: checkup.Expected,
    account: dict[str, Any],
    is_measured: bool,
) -> None:
    sandbox.client("sesv2").put_configuration_set_vdm_options(
        ConfigurationSetName=f"{expected.prefix}-none", VdmOptions={}
    )
    sandbox.api.put("account", **account)
    found = judged(connection, expected, "none")
    sandbox.api.put("account", vdm_enabled=False, engagement_metrics="ENABLED")
    words = "measures everybody by engagement metrics of the account"
    if not is_measured:
        words = "leaves engagement metrics to the account's settings"
    assert found.level is (Level.ERROR if is_measured else Level.WARNING)
    assert found.detail == f"{words}: run `manage.py provision`"


@pytest.mark.parametrize(("tracking", "name"), [("none", "theirs"), ("opens", "mailplatform-events")])
def test_a_destination_that_asks_for_clicks_is_an_error_where_nobody_consented_to_them(
    sandbox: RunningSandbox,
    connection: Connection,
    expected: checkup.Expected,
    tracking: str,
    name: str,
) -> None:
    ses, set_name = sandbox.client("sesv2"), f"{expected.prefix}-{tracking}"
    destination = {
        "Enabled": True,
        "MatchingEventTypes": ["SEND", "CLICK"],
        "SnsDestination": {"TopicArn": expected.topic_arns[0]},
    }
    is_ours = name == "mailplatform-events"
    save = (
        ses.update_configuration_set_event_destination
        if is_ours
        else ses.create_configuration_set_event_destination
    )
    for enabled, level in ((False, Level.OK), (True, Level.ERROR)):
        save(
            ConfigurationSetName=set_name,
            EventDestinationName=name,
            EventDestination={**destination, "Enabled": enabled},
        )
        save = ses.update_configuration_set_event_destination
        found = judged(connection, expected, tracking)
        assert found.level is level
    cure = "run `manage.py provision`" if is_ours else "take these events from it, or remove it, at Amazon"
    assert found.detail == f"measures CLICK without consent, for its event destination {name}: {cure}"


def test_a_tracking_domain_of_the_set_that_measures_nothing_is_a_warning(
    sandbox: RunningSandbox, connection: Connection, expected: checkup.Expected
) -> None:
    ses = sandbox.client("sesv2")
    ses.create_email_identity(EmailIdentity=f"{expected.prefix}.example.eu")
    for tracking, level in (("both", Level.OK), ("none", Level.WARNING)):
        ses.put_configuration_set_tracking_options(
            ConfigurationSetName=f"{expected.prefix}-{tracking}",
            CustomRedirectDomain=f"t.{expected.prefix}.example.eu",
        )
        assert judged(connection, expected, tracking).level is level


def test_keys_of_an_older_policy_are_told_which_one_they_need(
    connection: Connection, expected: checkup.Expected
) -> None:
    def refused(**_: Any) -> Any:
        error = {"Code": "AccessDeniedException", "Message": "not authorized"}
        return SimpleNamespace(status_code=403, headers={}), {"Error": error, "ResponseMetadata": {}}

    events = session.client(connection, "sesv2").meta.events
    event = "before-call.sesv2.GetConfigurationSetEventDestinations"
    events.register(event, refused)
    found = levels(connection, expected), judged(connection, expected, "none")
    events.unregister(event, refused)
    assert found[0]["SNS topic"] is Level.OK
    assert found[1].level is Level.ERROR
    assert found[1].detail.endswith(
        "give these keys the policy `runtime` of `manage.py provision --policies`"
    )


def test_a_topic_that_signs_with_sha1_is_an_error(
    sandbox: RunningSandbox, connection: Connection, expected: checkup.Expected
) -> None:
    sandbox.client("sns").set_topic_attributes(
        TopicArn=expected.topic_arns[0], AttributeName="SignatureVersion", AttributeValue="1"
    )
    assert levels(connection, expected)["SNS topic"] is Level.ERROR


def test_what_cannot_be_asked_is_an_error_and_the_rest_goes_on(
    connection: Connection, expected: checkup.Expected
) -> None:
    found = levels(connection, dataclasses.replace(expected, topic_arns=(f"{expected.topic_arns[0]}-gone",)))
    assert found["SNS topic"] is Level.ERROR
    assert found["Dead-letter queue"] is Level.OK


def test_an_amazon_that_does_not_answer_ends_the_examination(expected: checkup.Expected) -> None:
    urls = dict.fromkeys(("sesv2", "sns", "sqs", "sts"), "http://127.0.0.1:9")
    away = Connection("eu-central-1", "id", "secret", urls, connect_timeout=0.2)
    assert levels(away, expected) == {"Amazon keys and Region": Level.ERROR}


def test_a_region_outside_the_eea_ends_the_examination(expected: checkup.Expected) -> None:
    assert levels(Connection("us-east-1"), expected) == {"Amazon keys and Region": Level.ERROR}


DAILY = Schedule("daily", "cron(0 7 * * ? *)", event="price-list")
TOPIC, SUBSCRIPTION = "SNS topic of schedules", "SNS subscription of schedules"


@dataclasses.dataclass
class Scheduled:
    """An account with a schedule, in which all is well."""

    sandbox: RunningSandbox
    connection: Connection
    expected: checkup.Expected

    @property
    def rule(self) -> str:
        return rule_name(self.expected.prefix, DAILY.name)

    @property
    def topic(self) -> str:
        return self.expected.topic_arns[1]

    def wrong(self) -> dict[str, Finding]:
        found = checkup.examine(self.connection, self.expected)
        return {finding.subject: finding for finding in found if finding.level is not Level.OK}


@pytest.fixture
def scheduled(sandbox: RunningSandbox) -> Scheduled:
    without = frozenset({"buckets", "monitoring"})
    made = account(sandbox, Wanted(f"t{uuid.uuid4().hex[:8]}", (), schedules=(DAILY,), without=without))
    made.apply()
    amazon, prefix, endpoint = made.amazon, made.want.prefix, "http://127.0.0.1:9/sns/events/"
    topics = tuple(amazon.arn("sns", name(prefix)) for name in (events_topic, triggers_topic))
    expected = checkup.Expected(
        amazon.account_id,
        prefix,
        topics,
        endpoint,
        QueueKind.url(amazon, dead_letters(prefix)),
        "REQUIRE",
        {rule_name(prefix, DAILY.name): DAILY.expression},
    )
    urls = dict.fromkeys(SERVICES, sandbox.url)
    return Scheduled(
        sandbox, Connection(sandbox.region, constants.ACCESS_KEY, constants.SECRET_KEY, urls), expected
    )


def gone(it: Scheduled) -> None:
    it.sandbox.client("events").remove_targets(Rule=it.rule, Ids=["mailplatform"])
    it.sandbox.client("events").delete_rule(Name=it.rule)


def aimed_at(target: str) -> Callable[[Scheduled], None]:
    def aim(it: Scheduled) -> None:
        events = it.sandbox.client("events")
        events.remove_targets(Rule=it.rule, Ids=["mailplatform"])
        if target:
            events.put_targets(Rule=it.rule, Targets=[{"Id": "x", "Arn": target}])

    return aim


def at_another_time(it: Scheduled) -> None:
    it.sandbox.client("events").put_rule(Name=it.rule, ScheduleExpression="rate(1 day)")


def topic_set(name: str, value: str) -> Callable[[Scheduled], None]:
    def change(it: Scheduled) -> None:
        it.sandbox.client("sns").set_topic_attributes(
            TopicArn=it.topic, AttributeName=name, AttributeValue=value
        )

    return change


OPEN_POLICY = '{"Version": "2012-10-17", "Statement": []}'


@pytest.mark.parametrize(
    ("inject", "subject", "words"),
    [
        (lambda it: it.sandbox.client("events").disable_rule(Name=it.rule), "rule", "switched off at Amazon"),
        (gone, "rule", "is gone: run `manage.py provision`"),
        (aimed_at(""), "rule", "does not publish to our topic"),
        (aimed_at("arn:aws:sns:eu-central-1:123456789012:other"), "rule", "does not publish to our topic"),
        (at_another_time, "rule", "acts at rate(1 day), not cron(0 7 * * ? *)"),
        (
            lambda it: it.sandbox.client("sns").delete_topic(TopicArn=it.topic),
            TOPIC,
            "run `manage.py provision`",
        ),
        (topic_set("SignatureVersion", "1"), TOPIC, "signs with SHA-1"),
        (topic_set("Policy", OPEN_POLICY), TOPIC, "does not let EventBridge publish"),
    ],
)
def test_each_fault_of_a_schedule_is_found(
    scheduled: Scheduled, inject: Callable[[Scheduled], Any], subject: str, words: str
) -> None:
    # Nobody has subscribed to either topic.
    assert scheduled.wrong().keys() == {"SNS subscription", SUBSCRIPTION}
    inject(scheduled)
    found = scheduled.wrong()
    assert "SNS topic" not in found
    judged = found[f"EventBridge rule {scheduled.rule}" if subject == "rule" else subject]
    assert judged.level is Level.ERROR
    assert words in judged.detail


def test_keys_that_may_not_look_at_rules_are_said(scheduled: Scheduled) -> None:
    class Answer:
        status_code, headers = 400, dict[str, str]()

    def refuse(**_: Any) -> Any:
        return Answer(), {"Error": {"Code": "AccessDeniedException", "Message": ""}, "ResponseMetadata": {}}

    events = session.client(scheduled.connection, "events").meta.events
    events.register("before-call.events.DescribeRule", refuse)
    try:
        judged = scheduled.wrong()[f"EventBridge rule {scheduled.rule}"]
    finally:
        events.unregister("before-call.events.DescribeRule", refuse)
    assert judged.level is Level.WARNING
    assert "the policy `runtime`" in judged.detail


def test_beside_a_stand_in_for_others_rules_are_not_asked_of_amazon(
    scheduled: Scheduled, connection: Connection
) -> None:
    found = checkup.examine(connection, scheduled.expected)
    assert not any(finding.subject.startswith("EventBridge") for finding in found)
