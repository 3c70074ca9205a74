"""SQS: the dead-letter queue of our subscription, and reading it back.

https://docs.aws.amazon.com/sns/latest/dg/sns-dead-letter-queues.html
"""

from dataclasses import dataclass
from typing import Any, Final

from .session import Connection, client
from .steps import plain_errors

# As long as SQS keeps anything: two weeks to mend the endpoint.
RETENTION_SECONDS: Final = 14 * 24 * 3600
# Time to take in ten messages; those that fail come back afterwards.
HIDDEN_SECONDS: Final = 120
BATCH: Final = 10


@dataclass(frozen=True, slots=True)
class Message:
    """One message; `receipt` deletes it, `body` is what SNS would have posted."""

    receipt: str
    body: bytes


@plain_errors()
def waiting(connection: Connection, url: str) -> int:
    """Return about how many messages the queue holds."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = client(connection, "sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(found.get(name, 0)) for name in names)


@plain_errors()
def receive(connection: Connection, url: str) -> list[Message]:
    """Take up to ten messages; they stay hidden for two minutes and come back unless deleted."""
    answer: dict[str, Any] = client(connection, "sqs").receive_message(
        QueueUrl=url, MaxNumberOfMessages=BATCH, VisibilityTimeout=HIDDEN_SECONDS, WaitTimeSeconds=1
    )
    return [Message(item["ReceiptHandle"], item["Body"].encode()) for item in answer.get("Messages", [])]


@plain_errors()
def delete(connection: Connection, url: str, receipt: str) -> None:
    """Delete a message that was taken in."""
    client(connection, "sqs").delete_message(QueueUrl=url, ReceiptHandle=receipt)
