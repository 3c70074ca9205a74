"""SQS: the dead-letter queue of our subscription, and reading it back.

https://docs.aws.amazon.com/sns/latest/dg/sns-dead-letter-queues.html
"""

import json
from dataclasses import dataclass
from typing import Any, Final

from .session import Connection, client
from .steps import Outcome, Report, plain_errors

# As long as SQS keeps anything: two weeks to mend the endpoint.
RETENTION_SECONDS: Final = 14 * 24 * 3600
# Time to take in ten messages; those that fail come back afterwards.
HIDDEN_SECONDS: Final = 120
BATCH: Final = 10


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue's two names."""

    url: str
    arn: str


@dataclass(frozen=True, slots=True)
class Message:
    """One message; `receipt` deletes it, `body` is what SNS would have posted."""

    receipt: str
    body: bytes


def ensure_queue(connection: Connection, *, name: str, topic_arn: str, report: Report) -> Queue:
    """Make the queue, let SNS put this topic's messages there."""
    sqs = client(connection, "sqs")
    url = find_queue(connection, name)
    report(Outcome.EXISTED if url else Outcome.CREATED, f"SQS queue {name}")
    if not url:
        url = str(sqs.create_queue(QueueName=name)["QueueUrl"])
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    arn = str(attributes["QueueArn"])
    wanted = {"MessageRetentionPeriod": str(RETENTION_SECONDS), "Policy": _policy(arn, topic_arn)}
    different = {key: value for key, value in wanted.items() if not _same(attributes.get(key, ""), value)}
    if different:
        sqs.set_queue_attributes(QueueUrl=url, Attributes=different)
        report(Outcome.CHANGED, f"SQS queue {name}: {', '.join(different)}")
    return Queue(url, arn)


def find_queue(connection: Connection, name: str) -> str:
    """Return the queue's URL, or an empty string where there is none."""
    sqs = client(connection, "sqs")
    try:
        return str(sqs.get_queue_url(QueueName=name)["QueueUrl"])
    except sqs.exceptions.QueueDoesNotExist:
        return ""


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


def _policy(queue_arn: str, topic_arn: str) -> str:
    statement = {
        "Sid": "MailplatformDeadLetters",
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue_arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic_arn}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _same(left: str, right: str) -> bool:
    try:
        return bool(json.loads(left) == json.loads(right))
    except ValueError:
        return left == right
