"""Our endpoint's subscription: it confirms, and what cannot be delivered ends in the queue."""

import dataclasses
import json
import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from mailplatform.aws import sns, sqs
from mailplatform.aws.provision.message_kinds import QueueKind
from mailplatform.aws.provision.wanted import Wanted, dead_letters, events_topic
from mailplatform.aws.session import Connection
from mailplatform.aws.steps import Outcome
from mailplatform.sandbox.testing import RunningSandbox
from tests.factories.aws import Account, account


@pytest.fixture(scope="module")
def sandbox(shared_sandbox: RunningSandbox) -> RunningSandbox:
    shared_sandbox.reset()
    return shared_sandbox


@pytest.fixture
def made(sandbox: RunningSandbox) -> Account:
    left_out = frozenset({"buckets", "monitoring"})
    return account(sandbox, Wanted(f"t{uuid.uuid4().hex[:8]}", (), without=left_out))


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
def site(made: Account) -> Iterator[Site]:
    running = Site(made.connection)
    made.want = dataclasses.replace(made.want, endpoint=running.url)
    yield running
    running.server.shutdown()
    running.server.server_close()


def subscription(made: Account) -> str:
    topic = made.amazon.arn("sns", events_topic(made.want.prefix))
    (found,) = sns.subscriptions(made.connection, topic)
    return found.arn


def test_it_is_confirmed_with_its_policies(sandbox: RunningSandbox, made: Account, site: Site) -> None:
    reported = made.apply()
    assert reported[-1] == (Outcome.CREATED, made.resources[-1].key)
    attributes = sandbox.client("sns").get_subscription_attributes(SubscriptionArn=subscription(made))[
        "Attributes"
    ]
    assert attributes["PendingConfirmation"] == "false"
    assert attributes["ConfirmationWasAuthenticated"] == "true"
    queue = made.amazon.arn("sqs", dead_letters(made.want.prefix))
    assert json.loads(attributes["RedrivePolicy"]) == {"deadLetterTargetArn": queue}
    assert json.loads(attributes["DeliveryPolicy"])["healthyRetryPolicy"]["numRetries"] == 60
    made.calls.made.clear()
    made.apply()
    assert made.calls.changes == []


def test_a_site_that_does_not_confirm_is_named(made: Account, site: Site) -> None:
    site.confirms = False
    with pytest.raises(sns.NotConfirmedError, match=f"{site.url} did not confirm"):
        made.apply(patience=0.2)
    site.confirms = True
    made.apply()
    assert subscription(made).startswith("arn:aws:sns:")


def test_what_cannot_be_delivered_ends_in_the_queue(
    sandbox: RunningSandbox, made: Account, site: Site
) -> None:
    made.apply()
    none_left = {"healthyRetryPolicy": {**sns.DELIVERY_POLICY["healthyRetryPolicy"], "numRetries": 0}}
    none_left["healthyRetryPolicy"] |= dict.fromkeys(
        ("numNoDelayRetries", "numMinDelayRetries", "numMaxDelayRetries"), 0
    )
    api = sandbox.client("sns")
    api.set_subscription_attributes(
        SubscriptionArn=subscription(made),
        AttributeName="DeliveryPolicy",
        AttributeValue=json.dumps(none_left),
    )
    site.server.shutdown()
    site.server.server_close()
    api.publish(TopicArn=made.amazon.arn("sns", events_topic(made.want.prefix)), Message="lost?")
    sandbox.wait_quiet()
    url = QueueKind.url(made.amazon, dead_letters(made.want.prefix))
    (message,) = sqs.receive(made.connection, url)
    assert json.loads(message.body)["Message"] == "lost?"
    sqs.delete(made.connection, url, message.receipt)
    assert sqs.waiting(made.connection, url) == 0
