"""Configuration sets and event destinations, through boto3."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from mailplatform.sandbox.testing import RunningSandbox
from tests.mailplatform.sandbox.support import Wired, ses_policy


def destination(topic: str, **changes: Any) -> dict[str, Any]:
    return {
        "Enabled": True,
        "MatchingEventTypes": ["BOUNCE"],
        "SnsDestination": {"TopicArn": topic},
        **changes,
    }


def test_options_given_and_put_are_shown(sbx: RunningSandbox) -> None:
    ses = sbx.client("sesv2")
    ses.create_configuration_set(
        ConfigurationSetName="none",
        DeliveryOptions={"TlsPolicy": "REQUIRE"},
        SuppressionOptions={"SuppressedReasons": ["BOUNCE"]},
    )
    ses.put_configuration_set_reputation_options(ConfigurationSetName="none", ReputationMetricsEnabled=True)
    ses.put_configuration_set_sending_options(ConfigurationSetName="none", SendingEnabled=False)
    ses.put_configuration_set_vdm_options(
        ConfigurationSetName="none", VdmOptions={"DashboardOptions": {"EngagementMetrics": "DISABLED"}}
    )
    found = ses.get_configuration_set(ConfigurationSetName="none")
    assert found["DeliveryOptions"] == {"TlsPolicy": "REQUIRE"}
    assert found["SuppressionOptions"] == {"SuppressedReasons": ["BOUNCE"]}
    assert found["ReputationOptions"]["ReputationMetricsEnabled"] is True
    assert found["SendingOptions"] == {"SendingEnabled": False}
    assert found["VdmOptions"]["DashboardOptions"] == {"EngagementMetrics": "DISABLED"}


def test_names_are_listed_as_strings(sbx: RunningSandbox) -> None:
    ses = sbx.client("sesv2")
    for name in ("b", "a"):
        ses.create_configuration_set(ConfigurationSetName=name)
    assert ses.list_configuration_sets()["ConfigurationSets"] == ["a", "b"]
    ses.delete_configuration_set(ConfigurationSetName="a")
    assert ses.list_configuration_sets()["ConfigurationSets"] == ["b"]


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"ConfigurationSetName": "a b"}, "BadRequestException"),
        ({"ConfigurationSetName": "all"}, "AlreadyExistsException"),
        ({"ConfigurationSetName": "x", "DeliveryOptions": {"TlsPolicy": "Require"}}, "BadRequestException"),
        (
            {"ConfigurationSetName": "x", "TrackingOptions": {"CustomRedirectDomain": "t.other.example"}},
            "BadRequestException",
        ),
    ],
)
def test_a_set_that_is_refused(wired: Wired, options: dict[str, Any], code: str) -> None:
    with pytest.raises(ClientError) as error:
        wired.ses.create_configuration_set(**options)
    assert error.value.response["Error"]["Code"] == code


def test_a_paused_set_refuses_mail(wired: Wired) -> None:
    wired.ses.put_configuration_set_sending_options(ConfigurationSetName="all", SendingEnabled=False)
    with pytest.raises(ClientError, match="SendingPausedException"):
        wired.send()


def test_an_unknown_set_refuses_mail(wired: Wired) -> None:
    with pytest.raises(ClientError, match="Configuration set <nope> does not exist"):
        wired.send(ConfigurationSetName="nope")


def test_a_new_destination_is_announced_on_its_topic(wired: Wired) -> None:
    wired.sandbox.wait_quiet()
    texts = [item["Message"] for item in wired.receiver.envelopes()]
    assert texts == ["Successfully validated SNS topic for Amazon SES event publishing."]


def test_destinations_are_shown_changed_and_removed(wired: Wired) -> None:
    wired.ses.update_configuration_set_event_destination(
        ConfigurationSetName="all", EventDestinationName="sns", EventDestination=destination(wired.topic)
    )
    found = wired.ses.get_configuration_set_event_destinations(ConfigurationSetName="all")[
        "EventDestinations"
    ]
    assert [(item["Name"], item["MatchingEventTypes"]) for item in found] == [("sns", ["BOUNCE"])]
    wired.ses.delete_configuration_set_event_destination(
        ConfigurationSetName="all", EventDestinationName="sns"
    )
    found = wired.ses.get_configuration_set_event_destinations(ConfigurationSetName="all")[
        "EventDestinations"
    ]
    assert found == []


CLOUDWATCH = {
    "DimensionConfigurations": [
        {"DimensionName": "run", "DimensionValueSource": "MESSAGE_TAG", "DefaultDimensionValue": "none"}
    ]
}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"CloudWatchDestination": CLOUDWATCH}, "one, and only one"),
        ({"SnsDestination": None}, "one, and only one"),
        ({"MatchingEventTypes": []}, "at least one event type"),
        ({"MatchingEventTypes": ["bounce"]}, "enum value set"),
        ({"SnsDestination": {"TopicArn": "arn:aws:sns:eu-central-1:123456789012:nope"}}, "Could not publish"),
    ],
)
def test_a_destination_that_is_refused(wired: Wired, changes: dict[str, Any], words: str) -> None:
    definition = {
        key: value for key, value in destination(wired.topic, **changes).items() if value is not None
    }
    with pytest.raises(ClientError, match=words) as error:
        wired.ses.create_configuration_set_event_destination(
            ConfigurationSetName="all", EventDestinationName="other", EventDestination=definition
        )
    assert error.value.response["Error"]["Code"] == "BadRequestException"


def test_a_name_is_used_once(wired: Wired) -> None:
    with pytest.raises(ClientError, match="AlreadyExistsException"):
        wired.ses.create_configuration_set_event_destination(
            ConfigurationSetName="all", EventDestinationName="sns", EventDestination=destination(wired.topic)
        )


def test_a_topic_with_the_default_policy_is_refused(wired: Wired) -> None:
    topic = wired.sns.create_topic(Name="other")["TopicArn"]
    call = {
        "ConfigurationSetName": "all",
        "EventDestinationName": "other",
        "EventDestination": destination(topic),
    }
    with pytest.raises(ClientError, match=r"ses\.amazonaws\.com"):
        wired.ses.create_configuration_set_event_destination(**call)
    wired.sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=ses_policy(topic))
    wired.ses.create_configuration_set_event_destination(**call)


def test_only_the_listed_types_are_published(wired: Wired) -> None:
    wired.ses.update_configuration_set_event_destination(
        ConfigurationSetName="all", EventDestinationName="sns", EventDestination=destination(wired.topic)
    )
    wired.send("ada@example.org")
    wired.send("bounce@simulator.amazonses.com")
    assert [event["eventType"] for event in wired.events()] == ["Bounce"]


def test_a_disabled_destination_is_silent(wired: Wired) -> None:
    wired.ses.update_configuration_set_event_destination(
        ConfigurationSetName="all",
        EventDestinationName="sns",
        EventDestination=destination(wired.topic, Enabled=False),
    )
    wired.send("bounce@simulator.amazonses.com")
    assert wired.events() == []


def test_a_policy_taken_back_later_stops_events(wired: Wired) -> None:
    wired.sns.set_topic_attributes(TopicArn=wired.topic, AttributeName="Policy", AttributeValue="{}")
    wired.send()
    assert wired.events() == []
    assert wired.sandbox.api.get("events")["refused_by_policy"] == 2


@pytest.mark.parametrize(
    ("account", "of_set", "is_tracked"),
    [
        ({"VdmEnabled": "ENABLED"}, None, True),
        ({"VdmEnabled": "ENABLED"}, "DISABLED", False),
        (
            {"VdmEnabled": "ENABLED", "DashboardAttributes": {"EngagementMetrics": "DISABLED"}},
            None,
            False,
        ),
        (
            {"VdmEnabled": "ENABLED", "DashboardAttributes": {"EngagementMetrics": "DISABLED"}},
            "ENABLED",
            True,
        ),
        ({"VdmEnabled": "DISABLED"}, None, False),
    ],
)
def test_engagement_metrics_track_without_any_destination(
    wired: Wired, account: dict[str, Any], of_set: str | None, is_tracked: bool
) -> None:
    """A set that does not say has those of the account."""
    options = {"VdmOptions": {"DashboardOptions": {"EngagementMetrics": of_set}}} if of_set else {}
    wired.ses.create_configuration_set(ConfigurationSetName="silent", **options)
    wired.ses.put_account_vdm_attributes(VdmAttributes=account)
    link = '<a href="https://example.com/">x</a>'
    wired.send(body={"Html": {"Data": link}}, ConfigurationSetName="silent")
    (message,) = wired.sandbox.messages()
    assert (link not in message["html"]) is is_tracked
    assert ("_sandbox/o/" in message["html"]) is is_tracked
    shown = wired.ses.get_account()["VdmAttributes"]
    assert shown["VdmEnabled"] == account["VdmEnabled"]
