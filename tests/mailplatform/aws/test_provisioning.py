"""Provisioning against the sandbox over HTTP: what is made, what a second run changes, what it mends."""

import json
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from mailplatform.aws import configuration_sets, provisioning, sns, sqs
from mailplatform.aws.session import Connection
from mailplatform.aws.steps import AwsCallError, Outcome
from mailplatform.sandbox import constants
from mailplatform.sandbox.testing import RunningSandbox

ALL_TYPES = configuration_sets.ALWAYS | {"OPEN", "CLICK"}


@pytest.fixture(scope="module")
def sandbox(shared_sandbox: RunningSandbox) -> RunningSandbox:
    shared_sandbox.reset()
    return shared_sandbox


@pytest.fixture
def connection(sandbox: RunningSandbox) -> Connection:
    services = ("sesv2", "sns", "sqs", "sts")
    return Connection(
        sandbox.region, constants.ACCESS_KEY, constants.SECRET_KEY, dict.fromkeys(services, sandbox.url)
    )


@dataclass
class Steps:
    """Collects what provisioning reports."""

    taken: list[tuple[Outcome, str]] = field(default_factory=list)

    def __call__(self, outcome: Outcome, what: str) -> None:
        self.taken.append((outcome, what))

    def of(self, outcome: Outcome) -> list[str]:
        return [what for found, what in self.taken if found is outcome]


@pytest.fixture
def plan() -> provisioning.Plan:
    prefix = f"t{uuid.uuid4().hex[:8]}"
    return provisioning.Plan(prefix, (f"{prefix}.example.eu",))


def make(connection: Connection, plan: provisioning.Plan) -> tuple[provisioning.Resources, Steps]:
    steps = Steps()
    return provisioning.make_resources(connection, plan, steps), steps


class Site:
    """An endpoint that confirms, as the site does, unless it is told not to."""

    def __init__(self, connection: Connection) -> None:
        self.confirms = True
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                if body["Type"] == "SubscriptionConfirmation" and site.confirms:
                    sns.confirm_subscription(connection, topic_arn=body["TopicArn"], token=body["Token"])
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/sns/events/"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()


@pytest.fixture
def site(connection: Connection) -> Iterator[Site]:
    running = Site(connection)
    yield running
    running.server.shutdown()
    running.server.server_close()


def subscribe(
    connection: Connection, made: provisioning.Resources, url: str, **options: Any
) -> tuple[str, Steps]:
    steps = Steps()
    wanted: dict[str, Any] = {"patience": 10.0, "alone": False, **options}
    return provisioning.subscribe_endpoint(connection, made, url, steps, **wanted), steps


def test_the_second_run_changes_nothing(connection: Connection, plan: provisioning.Plan) -> None:
    first, steps = make(connection, plan)
    # identity, four sets, four destinations, topic, queue
    assert len(steps.of(Outcome.CREATED)) == 11
    second, steps = make(connection, plan)
    assert first == second
    assert {outcome for outcome, _ in steps.taken} <= {Outcome.EXISTED, Outcome.PENDING}


def test_the_four_sets_are_as_needed(
    sandbox: RunningSandbox, connection: Connection, plan: provisioning.Plan
) -> None:
    make(connection, plan)
    for tracking in ("none", "opens", "clicks", "both"):
        found = sandbox.client("sesv2").get_configuration_set(
            ConfigurationSetName=f"{plan.prefix}-{tracking}"
        )
        assert found["DeliveryOptions"]["TlsPolicy"] == "REQUIRE"
        assert found["ReputationOptions"]["ReputationMetricsEnabled"] is True
        assert sorted(found["SuppressionOptions"]["SuppressedReasons"]) == ["BOUNCE", "COMPLAINT"]


@pytest.mark.parametrize(
    ("tracking", "absent"),
    [("none", {"OPEN", "CLICK"}), ("opens", {"CLICK"}), ("clicks", {"OPEN"}), ("both", set())],
)
def test_a_set_publishes_only_what_it_may_track(
    sandbox: RunningSandbox, connection: Connection, plan: provisioning.Plan, tracking: str, absent: set[str]
) -> None:
    made, _ = make(connection, plan)
    answer = sandbox.client("sesv2").get_configuration_set_event_destinations(
        ConfigurationSetName=f"{plan.prefix}-{tracking}"
    )
    (destination,) = answer["EventDestinations"]
    assert set(destination["MatchingEventTypes"]) == ALL_TYPES - absent
    assert destination["Enabled"] is True
    assert destination["SnsDestination"] == {"TopicArn": made.topic_arn}


def test_the_topic_signs_with_sha256_and_lets_only_our_sets_publish(
    sandbox: RunningSandbox, connection: Connection, plan: provisioning.Plan
) -> None:
    made, _ = make(connection, plan)
    attributes = sandbox.client("sns").get_topic_attributes(TopicArn=made.topic_arn)["Attributes"]
    assert attributes["SignatureVersion"] == "2"
    (statement,) = [
        item for item in json.loads(attributes["Policy"])["Statement"] if item["Sid"] == sns.POLICY_SID
    ]
    assert statement["Principal"] == {"Service": "ses.amazonaws.com"}
    condition = statement["Condition"]["StringEquals"]
    assert condition["AWS:SourceAccount"] == constants.ACCOUNT_ID
    assert condition["AWS:SourceArn"] == sorted(
        f"arn:aws:ses:{sandbox.region}:{constants.ACCOUNT_ID}:configuration-set/{plan.prefix}-{tracking}"
        for tracking in ("none", "opens", "clicks", "both")
    )


def test_what_somebody_changed_is_mended(
    sandbox: RunningSandbox, connection: Connection, plan: provisioning.Plan
) -> None:
    made, _ = make(connection, plan)
    ses, name = sandbox.client("sesv2"), f"{plan.prefix}-none"
    ses.put_configuration_set_delivery_options(ConfigurationSetName=name, TlsPolicy="OPTIONAL")
    ses.put_configuration_set_reputation_options(ConfigurationSetName=name, ReputationMetricsEnabled=False)
    ses.put_configuration_set_suppression_options(ConfigurationSetName=name, SuppressedReasons=["BOUNCE"])
    ses.update_configuration_set_event_destination(
        ConfigurationSetName=name,
        EventDestinationName=configuration_sets.DESTINATION,
        EventDestination={
            "Enabled": True,
            "MatchingEventTypes": ["OPEN"],
            "SnsDestination": {"TopicArn": made.topic_arn},
        },
    )
    sandbox.client("sns").set_topic_attributes(
        TopicArn=made.topic_arn, AttributeName="SignatureVersion", AttributeValue="1"
    )
    sandbox.client("sqs").set_queue_attributes(
        QueueUrl=made.queue.url, Attributes={"MessageRetentionPeriod": "60"}
    )
    _, steps = make(connection, plan)
    assert len(steps.of(Outcome.CHANGED)) == 6
    _, steps = make(connection, plan)
    assert steps.of(Outcome.CHANGED) == []


def test_a_set_that_somebody_paused_stays_paused(
    sandbox: RunningSandbox, connection: Connection, plan: provisioning.Plan
) -> None:
    make(connection, plan)
    ses, name = sandbox.client("sesv2"), f"{plan.prefix}-none"
    ses.put_configuration_set_sending_options(ConfigurationSetName=name, SendingEnabled=False)
    make(connection, plan)
    assert ses.get_configuration_set(ConfigurationSetName=name)["SendingOptions"]["SendingEnabled"] is False


def test_statements_of_others_stay_in_the_topics_policy(
    sandbox: RunningSandbox, connection: Connection, plan: provisioning.Plan
) -> None:
    made, _ = make(connection, plan)
    api = sandbox.client("sns")
    policy = json.loads(api.get_topic_attributes(TopicArn=made.topic_arn)["Attributes"]["Policy"])
    theirs = {"Sid": "Theirs", "Effect": "Deny", "Principal": "*", "Action": "sns:Subscribe", "Resource": "*"}
    policy["Statement"] = [theirs]
    api.set_topic_attributes(
        TopicArn=made.topic_arn, AttributeName="Policy", AttributeValue=json.dumps(policy)
    )
    make(connection, plan)
    policy = json.loads(api.get_topic_attributes(TopicArn=made.topic_arn)["Attributes"]["Policy"])
    assert [item["Sid"] for item in policy["Statement"]] == ["Theirs", sns.POLICY_SID]


class TestSubscription:
    def test_is_confirmed_with_its_policies(
        self, sandbox: RunningSandbox, connection: Connection, plan: provisioning.Plan, site: Site
    ) -> None:
        made, _ = make(connection, plan)
        arn, steps = subscribe(connection, made, site.url)
        assert len(steps.of(Outcome.CREATED)) == 1
        attributes = sandbox.client("sns").get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
        assert attributes["PendingConfirmation"] == "false"
        assert attributes["ConfirmationWasAuthenticated"] == "true"
        assert json.loads(attributes["RedrivePolicy"]) == {"deadLetterTargetArn": made.queue.arn}
        assert json.loads(attributes["DeliveryPolicy"])["healthyRetryPolicy"]["numRetries"] == 60

    def test_the_second_time_changes_nothing(
        self, connection: Connection, plan: provisioning.Plan, site: Site
    ) -> None:
        made, _ = make(connection, plan)
        first, _ = subscribe(connection, made, site.url)
        second, steps = subscribe(connection, made, site.url)
        assert first == second
        assert {outcome for outcome, _ in steps.taken} == {Outcome.EXISTED}

    def test_a_site_that_does_not_confirm_is_named(
        self, connection: Connection, plan: provisioning.Plan, site: Site
    ) -> None:
        made, _ = make(connection, plan)
        site.confirms = False
        with pytest.raises(sns.NotConfirmedError, match=f"{site.url} did not confirm"):
            subscribe(connection, made, site.url, patience=0.2)
        site.confirms = True
        assert subscribe(connection, made, site.url)[0].startswith("arn:aws:sns:")

    @pytest.mark.parametrize(("alone", "left"), [(False, 2), (True, 1)])
    def test_other_endpoints_go_only_when_told(
        self, connection: Connection, plan: provisioning.Plan, site: Site, *, alone: bool, left: int
    ) -> None:
        made, _ = make(connection, plan)
        subscribe(connection, made, site.url)
        _, steps = subscribe(connection, made, f"{site.url}moved/", alone=alone)
        assert len(sns.subscriptions(connection, made.topic_arn)) == left
        assert any("another subscription" in what for _, what in steps.taken)

    def test_what_cannot_be_delivered_ends_in_the_queue(
        self, sandbox: RunningSandbox, connection: Connection, plan: provisioning.Plan, site: Site
    ) -> None:
        made, _ = make(connection, plan)
        arn, _ = subscribe(connection, made, site.url)
        none_left = {"healthyRetryPolicy": {**sns.DELIVERY_POLICY["healthyRetryPolicy"], "numRetries": 0}}
        none_left["healthyRetryPolicy"] |= dict.fromkeys(
            ("numNoDelayRetries", "numMinDelayRetries", "numMaxDelayRetries"), 0
        )
        api = sandbox.client("sns")
        api.set_subscription_attributes(
            SubscriptionArn=arn, AttributeName="DeliveryPolicy", AttributeValue=json.dumps(none_left)
        )
        site.server.shutdown()
        site.server.server_close()
        api.publish(TopicArn=made.topic_arn, Message="lost?")
        sandbox.wait_quiet()
        (message,) = sqs.receive(connection, made.queue.url)
        assert json.loads(message.body)["Message"] == "lost?"
        sqs.delete(connection, made.queue.url, message.receipt)
        assert sqs.waiting(connection, made.queue.url) == 0


def test_a_refusal_names_call_and_reason(sandbox: RunningSandbox, plan: provisioning.Plan) -> None:
    wrong = Connection(
        sandbox.region, constants.ACCESS_KEY, "wrong", dict.fromkeys(("sesv2", "sts"), sandbox.url)
    )
    with pytest.raises(AwsCallError, match="Amazon refused "):
        provisioning.make_resources(wrong, plan, Steps())


def test_an_endpoint_that_is_away_is_told(plan: provisioning.Plan) -> None:
    away = Connection("eu-central-1", "id", "secret", {"sts": "http://127.0.0.1:9"}, connect_timeout=0.2)
    with pytest.raises(AwsCallError, match="Amazon did not answer"):
        provisioning.make_resources(away, plan, Steps())
