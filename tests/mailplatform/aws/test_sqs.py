import uuid

import pytest

from mailplatform.aws import sqs
from mailplatform.aws.session import Connection
from mailplatform.aws.steps import AwsCallError
from mailplatform.sandbox import constants
from mailplatform.sandbox.testing import RunningSandbox


@pytest.fixture(scope="module")
def sandbox(shared_sandbox: RunningSandbox) -> RunningSandbox:
    shared_sandbox.reset()
    return shared_sandbox


@pytest.fixture
def connection(sandbox: RunningSandbox) -> Connection:
    return Connection(sandbox.region, constants.ACCESS_KEY, constants.SECRET_KEY, {"sqs": sandbox.url})


@pytest.fixture
def queue(sandbox: RunningSandbox) -> str:
    return str(sandbox.client("sqs").create_queue(QueueName=uuid.uuid4().hex)["QueueUrl"])


def test_a_message_stays_hidden_until_it_is_deleted(
    sandbox: RunningSandbox, connection: Connection, queue: str
) -> None:
    sandbox.client("sqs").send_message(QueueUrl=queue, MessageBody="grüezi")
    (message,) = sqs.receive(connection, queue)
    assert message.body.decode() == "grüezi"
    assert sqs.receive(connection, queue) == []
    assert sqs.waiting(connection, queue) == 1
    sqs.delete(connection, queue, message.receipt)
    assert sqs.waiting(connection, queue) == 0


def test_a_queue_that_is_gone_is_said_plainly(connection: Connection, queue: str) -> None:
    with pytest.raises(AwsCallError, match="Amazon refused ReceiveMessage"):
        sqs.receive(connection, f"{queue}-gone")
