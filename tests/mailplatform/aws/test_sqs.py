import json
import uuid

import pytest

from mailplatform.aws import sqs
from mailplatform.aws.session import Connection
from mailplatform.aws.steps import AwsCallError, Outcome
from mailplatform.sandbox import constants
from mailplatform.sandbox.testing import RunningSandbox

TOPIC = f"arn:aws:sns:eu-central-1:{constants.ACCOUNT_ID}:events"


@pytest.fixture(scope="module")
def sandbox(shared_sandbox: RunningSandbox) -> RunningSandbox:
    shared_sandbox.reset()
    return shared_sandbox


@pytest.fixture
def connection(sandbox: RunningSandbox) -> Connection:
    return Connection(sandbox.region, constants.ACCESS_KEY, constants.SECRET_KEY, {"sqs": sandbox.url})


@pytest.fixture
def queue(connection: Connection) -> sqs.Queue:
    return sqs.ensure_queue(connection, name=uuid.uuid4().hex, topic_arn=TOPIC, report=lambda *_: None)


def test_only_sns_and_only_our_topic_may_write(
    sandbox: RunningSandbox, connection: Connection, queue: sqs.Queue
) -> None:
    found = sandbox.client("sqs").get_queue_attributes(QueueUrl=queue.url, AttributeNames=["All"])[
        "Attributes"
    ]
    (statement,) = json.loads(found["Policy"])["Statement"]
    assert statement["Principal"] == {"Service": "sns.amazonaws.com"}
    assert statement["Action"] == "sqs:SendMessage"
    assert statement["Resource"] == queue.arn
    assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": TOPIC}}
    assert found["MessageRetentionPeriod"] == "1209600"


def test_another_topic_changes_the_policy(connection: Connection) -> None:
    name, steps = uuid.uuid4().hex, list[Outcome]()
    sqs.ensure_queue(connection, name=name, topic_arn=TOPIC, report=lambda outcome, _: steps.append(outcome))
    sqs.ensure_queue(connection, name=name, topic_arn=TOPIC, report=lambda outcome, _: steps.append(outcome))
    sqs.ensure_queue(
        connection, name=name, topic_arn=f"{TOPIC}2", report=lambda outcome, _: steps.append(outcome)
    )
    assert steps == ["created", "changed", "existed", "existed", "changed"]


def test_a_message_stays_hidden_until_it_is_deleted(
    sandbox: RunningSandbox, connection: Connection, queue: sqs.Queue
) -> None:
    sandbox.client("sqs").send_message(QueueUrl=queue.url, MessageBody="grüezi")
    (message,) = sqs.receive(connection, queue.url)
    assert message.body.decode() == "grüezi"
    assert sqs.receive(connection, queue.url) == []
    assert sqs.waiting(connection, queue.url) == 1
    sqs.delete(connection, queue.url, message.receipt)
    assert sqs.waiting(connection, queue.url) == 0


def test_a_queue_that_is_gone_is_said_plainly(connection: Connection, queue: sqs.Queue) -> None:
    with pytest.raises(AwsCallError, match="Amazon refused ReceiveMessage"):
        sqs.receive(connection, f"{queue.url}-gone")


def test_an_unknown_queue_has_no_address(connection: Connection) -> None:
    assert sqs.find_queue(connection, "nobody-made-this") == ""
