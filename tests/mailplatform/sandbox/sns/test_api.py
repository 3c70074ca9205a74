"""SNS's operations, through boto3."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
import urllib3
from botocore.exceptions import ClientError

from mailplatform.sandbox.testing import RunningSandbox
from tests.mailplatform.sandbox.support import Receiver, Wired, check_signature


def test_topics_are_made_once_listed_and_deleted(sbx: RunningSandbox) -> None:
    sns = sbx.client("sns")
    arn = sns.create_topic(Name="events")["TopicArn"]
    assert arn == "arn:aws:sns:eu-central-1:123456789012:events"
    assert sns.create_topic(Name="events")["TopicArn"] == arn
    assert sns.list_topics()["Topics"] == [{"TopicArn": arn}]
    sns.delete_topic(TopicArn=arn)
    assert sns.list_topics()["Topics"] == []
    sns.delete_topic(TopicArn=arn)


def test_lists_have_a_hundred_a_page(sbx: RunningSandbox) -> None:
    for number in range(101):
        arn = sbx.sandbox.sns.topic_arn(f"t{number:03}")
        sbx.sandbox.sns.topics.put(arn, {"arn": arn, "attributes": {}})
    first = sbx.client("sns").list_topics()
    assert len(first["Topics"]) == 100
    assert len(sbx.client("sns").list_topics(NextToken=first["NextToken"])["Topics"]) == 1


@pytest.mark.parametrize("name", ["a b", "x.fifo", "ä", "x" * 257])
def test_a_bad_topic_name_is_refused(sbx: RunningSandbox, name: str) -> None:
    with pytest.raises(ClientError, match="InvalidParameter"):
        sbx.client("sns").create_topic(Name=name)


def test_topic_attributes(wired: Wired) -> None:
    found = wired.sns.get_topic_attributes(TopicArn=wired.topic)["Attributes"]
    assert (found["SignatureVersion"], found["SubscriptionsConfirmed"]) == ("2", "1")
    assert (
        json.loads(found["EffectiveDeliveryPolicy"])["http"]["defaultHealthyRetryPolicy"]["numRetries"] == 3
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [("SignatureVersion", "3"), ("Policy", "{"), ("DeliveryPolicy", "[]"), ("Surprise", "x")],
)
def test_bad_topic_attributes_are_refused(wired: Wired, name: str, value: str) -> None:
    with pytest.raises(ClientError, match="InvalidParameter"):
        wired.sns.set_topic_attributes(TopicArn=wired.topic, AttributeName=name, AttributeValue=value)


def test_tags(sbx: RunningSandbox) -> None:
    sns = sbx.client("sns")
    arn = sns.create_topic(Name="t", Tags=[{"Key": "a", "Value": "1"}])["TopicArn"]
    sns.tag_resource(ResourceArn=arn, Tags=[{"Key": "b", "Value": "2"}])
    sns.untag_resource(ResourceArn=arn, TagKeys=["a"])
    assert sns.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "b", "Value": "2"}]


def test_the_handshake_is_signed_and_names_no_subscription(wired: Wired) -> None:
    post = wired.receiver.posts[0]
    envelope = post.envelope
    assert envelope["Type"] == "SubscriptionConfirmation"
    assert envelope["SubscribeURL"].startswith(
        "https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription"
    )
    assert envelope["Token"] in envelope["SubscribeURL"]
    check_signature(wired.sandbox, envelope)
    assert post.headers["x-amz-sns-message-type"] == "SubscriptionConfirmation"
    assert "x-amz-sns-subscription-arn" not in post.headers


def test_nothing_is_delivered_before_the_confirmation(sbx: RunningSandbox, receiver: Receiver) -> None:
    sns = sbx.client("sns")
    topic = sns.create_topic(Name="t")["TopicArn"]
    answer = sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=receiver.url)
    assert answer["SubscriptionArn"] == "pending confirmation"
    sns.publish(TopicArn=topic, Message="x")
    sbx.wait_quiet()
    assert receiver.envelopes() == []
    listed = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert listed[0]["SubscriptionArn"] == "PendingConfirmation"


def test_subscribing_twice_is_one_subscription_and_both_tokens_work(
    sbx: RunningSandbox, receiver: Receiver
) -> None:
    sns = sbx.client("sns")
    topic = sns.create_topic(Name="t")["TopicArn"]
    for _ in range(2):
        sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=receiver.url)
    sbx.wait_quiet()
    tokens = [item["Token"] for item in receiver.envelopes("SubscriptionConfirmation")]
    arns = {sns.confirm_subscription(TopicArn=topic, Token=token)["SubscriptionArn"] for token in tokens}
    assert len(set(tokens)) == 2
    assert len(arns) == 1
    again = sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=receiver.url)
    assert {again["SubscriptionArn"]} == arns


def test_a_token_lives_two_days(sbx: RunningSandbox, receiver: Receiver) -> None:
    sns = sbx.client("sns")
    topic = sns.create_topic(Name="t")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=receiver.url)
    sbx.wait_quiet()
    token = receiver.envelopes("SubscriptionConfirmation")[0]["Token"]
    with (
        time_machine.travel(datetime.now(UTC) + timedelta(days=2, minutes=1)),
        pytest.raises(ClientError, match="Token"),
    ):
        sns.confirm_subscription(TopicArn=topic, Token=token)
    with pytest.raises(ClientError, match="Token"):
        sns.confirm_subscription(TopicArn=topic, Token=token[:-1] + "x")
    assert sns.confirm_subscription(TopicArn=topic, Token=token)["SubscriptionArn"].startswith(topic)


@pytest.mark.parametrize(
    "options",
    [
        {"Protocol": "email", "Endpoint": "nobody"},
        {"Protocol": "https", "Endpoint": "http://a.example/"},
        {"Protocol": "http", "Endpoint": "http:///x"},
        {"Attributes": {"RawMessageDelivery": "maybe"}},
        {"Attributes": {"FilterPolicy": "{}"}},
        {"Attributes": {"RedrivePolicy": '{"deadLetterTargetArn": "arn:aws:sqs:eu-central-1:1:q"}'}},
        {"TopicArn": "arn:aws:sns:eu-central-1:123456789012:nope"},
    ],
)
def test_a_subscription_that_is_refused(sbx: RunningSandbox, options: dict[str, Any]) -> None:
    topic = sbx.client("sns").create_topic(Name="t")["TopicArn"]
    call = {"TopicArn": topic, "Protocol": "http", "Endpoint": "http://127.0.0.1:9/x", **options}
    with pytest.raises(ClientError, match=r"InvalidParameter|NotFound"):
        sbx.client("sns").subscribe(**call)
    assert sbx.client("sns").list_subscriptions()["Subscriptions"] == []


def test_subscription_attributes(wired: Wired) -> None:
    policy = json.dumps({"healthyRetryPolicy": {"numRetries": 7}})
    wired.sns.set_subscription_attributes(
        SubscriptionArn=wired.subscription, AttributeName="DeliveryPolicy", AttributeValue=policy
    )
    found = wired.sns.get_subscription_attributes(SubscriptionArn=wired.subscription)["Attributes"]
    assert json.loads(found["EffectiveDeliveryPolicy"])["healthyRetryPolicy"]["numRetries"] == 7
    assert (found["Endpoint"], found["PendingConfirmation"]) == (wired.receiver.url, "false")
    with pytest.raises(ClientError, match="NotFound"):
        wired.sns.get_subscription_attributes(SubscriptionArn=wired.topic + ":nope")


def test_unsubscribing_can_be_undone_by_its_own_token(wired: Wired) -> None:
    wired.sns.unsubscribe(SubscriptionArn=wired.subscription)
    wired.sandbox.wait_quiet()
    goodbye = wired.receiver.envelopes("UnsubscribeConfirmation")[0]
    check_signature(wired.sandbox, goodbye)
    wired.sns.publish(TopicArn=wired.topic, Message="unheard")
    assert wired.sns.list_subscriptions()["Subscriptions"] == []
    old = wired.receiver.envelopes("SubscriptionConfirmation")[0]["Token"]
    with pytest.raises(ClientError, match="Token"):
        wired.sns.confirm_subscription(TopicArn=wired.topic, Token=old)
    again = wired.sns.confirm_subscription(TopicArn=wired.topic, Token=goodbye["Token"])
    assert again["SubscriptionArn"] == wired.subscription


@pytest.mark.parametrize(("authenticated", "status"), [("true", 403), ("false", 200)])
def test_the_unsubscribe_link_works_only_where_it_may(
    sbx: RunningSandbox, receiver: Receiver, authenticated: str, status: int
) -> None:
    sns = sbx.client("sns")
    topic = sns.create_topic(Name="t")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=receiver.url)
    sbx.wait_quiet()
    token = receiver.envelopes("SubscriptionConfirmation")[0]["Token"]
    sns.confirm_subscription(TopicArn=topic, Token=token, AuthenticateOnUnsubscribe=authenticated)
    sns.publish(TopicArn=topic, Message="x")
    sbx.wait_quiet()
    link = receiver.envelopes()[0]["UnsubscribeURL"]
    local = link.replace("https://sns.eu-central-1.amazonaws.com", sbx.url)
    assert urllib3.request("GET", local).status == status
    assert len(sns.list_subscriptions()["Subscriptions"]) == (status == 403)


def test_the_subscribe_link_works_without_a_signature(sbx: RunningSandbox, receiver: Receiver) -> None:
    sns = sbx.client("sns")
    topic = sns.create_topic(Name="t")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=receiver.url)
    sbx.wait_quiet()
    link = receiver.envelopes("SubscriptionConfirmation")[0]["SubscribeURL"]
    local = link.replace("https://sns.eu-central-1.amazonaws.com", sbx.url)
    assert urllib3.request("GET", local).status == 200
    assert sns.list_subscriptions()["Subscriptions"][0]["SubscriptionArn"].startswith(topic)


def test_other_calls_need_a_signature(sbx: RunningSandbox) -> None:
    answer = urllib3.request("POST", f"{sbx.url}/", body="Action=ListTopics&Version=2010-03-31")
    assert answer.status == 403


@pytest.mark.parametrize(
    "options",
    [
        {"Message": ""},
        {"Message": "x" * 262145},
        {"Message": "x", "Subject": "y" * 101},
        {"Message": "x", "Subject": "a\nb"},
        {"Message": "x", "TopicArn": "arn:aws:sns:eu-central-1:123456789012:nope"},
    ],
)
def test_a_message_that_is_refused(wired: Wired, options: dict[str, str]) -> None:
    with pytest.raises(ClientError):
        wired.sns.publish(**{"TopicArn": wired.topic, **options})


def test_deleting_a_topic_ends_its_subscriptions(wired: Wired) -> None:
    wired.sns.delete_topic(TopicArn=wired.topic)
    assert wired.sns.list_subscriptions()["Subscriptions"] == []
