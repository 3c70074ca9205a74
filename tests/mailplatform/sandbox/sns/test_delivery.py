"""Posts, retries and the dead-letter queue."""

import itertools
import json
import threading
from typing import Any

import pytest

from mailplatform.sandbox.testing import RunningSandbox, running_sandbox
from tests.mailplatform.sandbox.support import Post, Wired, check_signature


def publish(wired: Wired, count: int = 1) -> dict[str, Any]:
    wired.sandbox.wait_quiet()
    before = wired.sandbox.api.get("events")
    wired.receiver.posts.clear()
    for number in range(count):
        wired.sns.publish(TopicArn=wired.topic, Message=f"m{number}")
    after = wired.sandbox.wait_quiet()
    return {key: after[key] - before[key] for key in ("delivered", "failed", "redriven", "attempts")}


def test_headers_and_body_are_those_of_sns(wired: Wired) -> None:
    publish(wired)
    post = wired.receiver.posts[0]
    assert post.headers["x-amz-sns-message-type"] == "Notification"
    assert post.headers["x-amz-sns-message-id"] == post.envelope["MessageId"]
    assert post.headers["x-amz-sns-topic-arn"] == wired.topic
    assert post.headers["x-amz-sns-subscription-arn"] == wired.subscription
    assert post.headers["content-type"] == "text/plain; charset=UTF-8"
    assert post.headers["user-agent"] == "Amazon Simple Notification Service Agent"
    assert post.body.startswith(b'{\n  "Type" : "Notification",\n  "MessageId" : "')
    assert list(post.envelope) == [
        "Type",
        "MessageId",
        "TopicArn",
        "Message",
        "Timestamp",
        "SignatureVersion",
        "Signature",
        "SigningCertURL",
        "UnsubscribeURL",
    ]


def test_a_5xx_is_tried_again_with_the_same_message(wired: Wired) -> None:
    answers = itertools.chain([500, 503], itertools.repeat(200))
    wired.receiver.answer = lambda _post: next(answers)
    assert publish(wired) == {"delivered": 1, "failed": 0, "redriven": 0, "attempts": 3}
    envelopes = wired.receiver.envelopes()
    assert len({item["MessageId"] for item in envelopes}) == 1
    assert len({item["Timestamp"] for item in envelopes}) == 1


def test_after_three_retries_it_is_over(wired: Wired) -> None:
    wired.receiver.answer = lambda _post: 500
    assert publish(wired) == {"delivered": 0, "failed": 1, "redriven": 0, "attempts": 4}


@pytest.mark.parametrize("status", [400, 403, 404, 429])
def test_a_4xx_is_final(wired: Wired, status: int) -> None:
    wired.receiver.answer = lambda _post: status
    assert publish(wired) == {"delivered": 0, "failed": 1, "redriven": 0, "attempts": 1}


def test_a_delivery_policy_rules_the_retries(wired: Wired) -> None:
    policy = json.dumps({"healthyRetryPolicy": {"numRetries": 6, "minDelayTarget": 1, "maxDelayTarget": 1}})
    wired.sns.set_subscription_attributes(
        SubscriptionArn=wired.subscription, AttributeName="DeliveryPolicy", AttributeValue=policy
    )
    wired.receiver.answer = lambda _post: 500
    assert publish(wired)["attempts"] == 7


def test_a_topic_may_forbid_own_policies(wired: Wired) -> None:
    wired.sns.set_subscription_attributes(
        SubscriptionArn=wired.subscription,
        AttributeName="DeliveryPolicy",
        AttributeValue=json.dumps({"healthyRetryPolicy": {"numRetries": 6}}),
    )
    general = {"defaultHealthyRetryPolicy": {"numRetries": 1}, "disableSubscriptionOverrides": True}
    wired.sns.set_topic_attributes(
        TopicArn=wired.topic, AttributeName="DeliveryPolicy", AttributeValue=json.dumps({"http": general})
    )
    wired.receiver.answer = lambda _post: 500
    assert publish(wired)["attempts"] == 2


def test_many_are_posted_side_by_side(wired: Wired) -> None:
    barrier = threading.Barrier(8, timeout=10)

    def answer(post: Post) -> int:
        barrier.wait()
        return 200

    wired.sandbox.wait_quiet()
    wired.receiver.answer = answer
    assert publish(wired, 16)["delivered"] == 16


def test_raw_delivery_is_the_bare_message(wired: Wired) -> None:
    wired.sns.set_subscription_attributes(
        SubscriptionArn=wired.subscription, AttributeName="RawMessageDelivery", AttributeValue="true"
    )
    publish(wired)
    post = wired.receiver.posts[0]
    assert post.body == b"m0"
    assert post.headers["x-amz-sns-rawdelivery"] == "true"


def test_the_content_type_can_be_set(wired: Wired) -> None:
    policy = json.dumps({"requestPolicy": {"headerContentType": "application/json"}})
    wired.sns.set_subscription_attributes(
        SubscriptionArn=wired.subscription, AttributeName="DeliveryPolicy", AttributeValue=policy
    )
    publish(wired)
    assert wired.receiver.posts[0].headers["content-type"] == "application/json"


def test_user_and_password_are_sent_on_demand(sbx: RunningSandbox, wired: Wired) -> None:
    def answer(post: Post) -> int:
        return 200 if post.headers.get("authorization") == "Basic dXNlcjpwYXNz" else 401

    wired.receiver.answer = answer
    secret = wired.receiver.url.replace("http://", "http://user:pass@")
    wired.sns.subscribe(TopicArn=wired.topic, Protocol="http", Endpoint=secret)
    sbx.wait_quiet()
    assert wired.receiver.posts[-1].headers["authorization"] == "Basic dXNlcjpwYXNz"


def queue(wired: Wired, *, policy: bool) -> tuple[Any, str, str]:
    sqs = wired.sandbox.client("sqs")
    url = sqs.create_queue(QueueName="dead")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    if policy:
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": wired.topic}},
        }
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": document})
    wired.sns.set_subscription_attributes(
        SubscriptionArn=wired.subscription,
        AttributeName="RedrivePolicy",
        AttributeValue=json.dumps({"deadLetterTargetArn": arn}),
    )
    return sqs, url, arn


@pytest.mark.parametrize("status", [500, 404])
def test_what_cannot_be_delivered_goes_to_the_queue(wired: Wired, status: int) -> None:
    sqs, url, _ = queue(wired, policy=True)
    wired.receiver.answer = lambda _post: status
    assert publish(wired)["redriven"] == 1
    dead = sqs.receive_message(QueueUrl=url)["Messages"]
    envelope = json.loads(dead[0]["Body"])
    assert envelope["Message"] == "m0"
    check_signature(wired.sandbox, envelope)


def test_a_queue_that_does_not_let_sns_in_loses_the_message(wired: Wired) -> None:
    sqs, url, _ = queue(wired, policy=False)
    wired.receiver.answer = lambda _post: 404
    assert publish(wired) == {"delivered": 0, "failed": 1, "redriven": 0, "attempts": 1}
    assert "Messages" not in sqs.receive_message(QueueUrl=url)


def test_a_refused_connection_is_tried_again_and_again() -> None:
    with running_sandbox() as sbx:
        sns = sbx.client("sns")
        topic = sns.create_topic(Name="t")["TopicArn"]
        sns.subscribe(TopicArn=topic, Protocol="http", Endpoint="http://127.0.0.1:9/")
        activity = sbx.wait_quiet()
        assert (activity["attempts"], activity["failed"]) == (4, 1)
        assert activity["statuses"] == {"no answer": 4}
