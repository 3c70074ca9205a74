import json
from io import StringIO
from typing import Protocol

import pytest
from django.core.management import CommandError, call_command

from events.models import InboundMessage
from mailplatform.accounts.services import installation
from mailplatform.sandbox.testing import RunningSandbox

pytestmark = pytest.mark.django_db(transaction=True)


class Stoppable(Protocol):
    """The running site of the fixture."""

    def stop(self) -> None: ...


def redrive() -> str:
    output = StringIO()
    call_command("redrive", stdout=output)
    return output.getvalue()


@pytest.fixture
def queue(sandbox: RunningSandbox, site: Stoppable) -> str:
    """A provisioned site whose subscription gives up at once."""
    call_command("provision", "--identity", "example.eu", stdout=StringIO())
    api = sandbox.client("sns")
    topic = installation.get().topic_arns[0]
    (subscription,) = api.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    once = {"numRetries": 0, "numNoDelayRetries": 0, "numMinDelayRetries": 0, "numMaxDelayRetries": 0}
    once |= {"minDelayTarget": 1, "maxDelayTarget": 1}
    api.set_subscription_attributes(
        SubscriptionArn=subscription["SubscriptionArn"],
        AttributeName="DeliveryPolicy",
        AttributeValue=json.dumps({"healthyRetryPolicy": once}),
    )
    return installation.get().dead_letter_queue_url


def waiting(sandbox: RunningSandbox, url: str) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = sandbox.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(value) for value in found.values())


def test_without_a_queue_it_says_what_to_do() -> None:
    with pytest.raises(CommandError, match="provision"):
        redrive()


def test_an_empty_queue_is_no_error(queue: str) -> None:
    assert redrive() == "0 events taken in\n"


def test_what_the_endpoint_missed_is_taken_in(sandbox: RunningSandbox, queue: str, site: Stoppable) -> None:
    sandbox.wait_quiet()
    site.stop()
    for _ in range(6):
        sandbox.client("sesv2").send_email(
            FromEmailAddress="news@example.eu",
            Destination={"ToAddresses": ["success@simulator.amazonses.com"]},
            ConfigurationSetName="mailplatform-none",
            Content={"Simple": {"Subject": {"Data": "Hello"}, "Body": {"Text": {"Data": "Hello"}}}},
        )
    sandbox.wait_quiet()
    # Each mail has a Send and a Delivery: more than one batch.
    assert waiting(sandbox, queue) == 12
    before = InboundMessage.objects.count()
    assert redrive() == "12 events taken in\n"
    assert InboundMessage.objects.count() == before + 12
    assert waiting(sandbox, queue) == 0


def test_what_is_refused_stays(sandbox: RunningSandbox, queue: str) -> None:
    sandbox.client("sqs").send_message(QueueUrl=queue, MessageBody='{"Type": "Notification"}')
    with pytest.raises(CommandError, match="1 messages were refused"):
        redrive()
    assert waiting(sandbox, queue) == 1
