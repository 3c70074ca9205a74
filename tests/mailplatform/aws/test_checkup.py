import dataclasses
import uuid

import pytest

from mailplatform.aws import checkup
from mailplatform.aws.checkup import Level
from mailplatform.aws.provision.message_kinds import QueueKind
from mailplatform.aws.provision.wanted import Wanted, dead_letters, events_topic
from mailplatform.aws.session import Connection
from mailplatform.sandbox import constants
from mailplatform.sandbox.testing import RunningSandbox
from tests.factories.aws import account


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
        amazon.arn("sns", events_topic(prefix)),
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


def test_a_topic_that_signs_with_sha1_is_an_error(
    sandbox: RunningSandbox, connection: Connection, expected: checkup.Expected
) -> None:
    sandbox.client("sns").set_topic_attributes(
        TopicArn=expected.topic_arn, AttributeName="SignatureVersion", AttributeValue="1"
    )
    assert levels(connection, expected)["SNS topic"] is Level.ERROR


def test_what_cannot_be_asked_is_an_error_and_the_rest_goes_on(
    connection: Connection, expected: checkup.Expected
) -> None:
    found = levels(connection, dataclasses.replace(expected, topic_arn=f"{expected.topic_arn}-gone"))
    assert found["SNS topic"] is Level.ERROR
    assert found["Dead-letter queue"] is Level.OK


def test_an_amazon_that_does_not_answer_ends_the_examination(expected: checkup.Expected) -> None:
    urls = dict.fromkeys(("sesv2", "sns", "sqs", "sts"), "http://127.0.0.1:9")
    away = Connection("eu-central-1", "id", "secret", urls, connect_timeout=0.2)
    assert levels(away, expected) == {"Amazon keys and Region": Level.ERROR}


def test_a_region_outside_the_eea_ends_the_examination(expected: checkup.Expected) -> None:
    assert levels(Connection("us-east-1"), expected) == {"Amazon keys and Region": Level.ERROR}
