"""Account, quota and suppression list, through boto3."""

from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from mailplatform.sandbox.testing import RunningSandbox
from tests.mailplatform.sandbox.support import Wired


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


def test_the_account_shows_quota_and_rate(sbx: RunningSandbox) -> None:
    account = sbx.client("sesv2").get_account()
    assert account["SendQuota"] == {"Max24HourSend": 200000.0, "MaxSendRate": 500.0, "SentLast24Hours": 0.0}
    assert account["ProductionAccessEnabled"] is True
    assert account["EnforcementStatus"] == "HEALTHY"
    assert account["SuppressionAttributes"] == {"SuppressedReasons": ["BOUNCE", "COMPLAINT"]}


def test_sent_mail_counts_but_not_the_simulators(wired: Wired) -> None:
    wired.send("ada@example.org", "bob@example.org")
    wired.send("success@simulator.amazonses.com")
    assert wired.ses.get_account()["SendQuota"]["SentLast24Hours"] == 2.0


def test_a_paused_account_refuses(wired: Wired) -> None:
    wired.ses.put_account_sending_attributes(SendingEnabled=False)
    with pytest.raises(ClientError) as error:
        wired.send()
    assert code(error) == "SendingPausedException"


def test_a_suspended_account_refuses(wired: Wired) -> None:
    wired.sandbox.api.put("account", enforcement_status="SHUTDOWN")
    with pytest.raises(ClientError) as error:
        wired.send()
    assert code(error) == "AccountSuspendedException"


def test_a_suppressed_address_is_kept_with_its_case(sbx: RunningSandbox) -> None:
    ses = sbx.client("sesv2")
    ses.put_suppressed_destination(EmailAddress="Ada@example.org", Reason="BOUNCE")
    found = ses.get_suppressed_destination(EmailAddress="Ada@example.org")["SuppressedDestination"]
    assert (found["EmailAddress"], found["Reason"]) == ("Ada@example.org", "BOUNCE")
    for call in (ses.get_suppressed_destination, ses.delete_suppressed_destination):
        with pytest.raises(ClientError) as error:
            call(EmailAddress="ada@example.org")
        assert code(error) == "NotFoundException"
    ses.delete_suppressed_destination(EmailAddress="Ada@example.org")
    assert ses.list_suppressed_destinations()["SuppressedDestinationSummaries"] == []


def test_the_list_filters_and_pages(sbx: RunningSandbox) -> None:
    ses = sbx.client("sesv2")
    for number in range(5):
        reason = "COMPLAINT" if number == 4 else "BOUNCE"
        ses.put_suppressed_destination(EmailAddress=f"a{number}@example.org", Reason=reason)
    found = ses.list_suppressed_destinations(Reasons=["COMPLAINT"])["SuppressedDestinationSummaries"]
    assert [item["EmailAddress"] for item in found] == ["a4@example.org"]
    first = ses.list_suppressed_destinations(PageSize=3)
    rest = ses.list_suppressed_destinations(PageSize=3, NextToken=first["NextToken"])
    assert len(first["SuppressedDestinationSummaries"]) == 3
    assert len(rest["SuppressedDestinationSummaries"]) == 2
    assert "NextToken" not in rest
    later = datetime.now(UTC) + timedelta(hours=1)
    assert ses.list_suppressed_destinations(StartDate=later)["SuppressedDestinationSummaries"] == []


def test_a_false_page_token_is_refused(sbx: RunningSandbox) -> None:
    with pytest.raises(ClientError) as error:
        sbx.client("sesv2").list_suppressed_destinations(NextToken="x")
    assert code(error) == "InvalidNextTokenException"


@pytest.mark.parametrize("address", ["bounce@simulator.amazonses.com", "no address"])
def test_some_addresses_cannot_be_suppressed(sbx: RunningSandbox, address: str) -> None:
    with pytest.raises(ClientError) as error:
        sbx.client("sesv2").put_suppressed_destination(EmailAddress=address, Reason="BOUNCE")
    assert code(error) == "BadRequestException"


def test_an_unknown_reason_is_refused(sbx: RunningSandbox) -> None:
    with pytest.raises(ClientError, match="enum value set"):
        sbx.client("sesv2").put_suppressed_destination(EmailAddress="a@example.org", Reason="UNSUBSCRIBE")


def test_mail_to_a_suppressed_address_is_accepted_and_bounces(wired: Wired) -> None:
    wired.ses.put_suppressed_destination(EmailAddress="ada@example.org", Reason="COMPLAINT")
    message_id = wired.send("ADA@example.org")
    assert [event["eventType"] for event in wired.events()] == ["Send", "Bounce"]
    bounce = wired.events("Bounce")[0]["bounce"]
    assert (bounce["bounceType"], bounce["bounceSubType"]) == ("Permanent", "OnAccountSuppressionList")
    assert wired.sandbox.api.get(f"messages/{message_id}")["state"] == "bounced"


@pytest.mark.parametrize("level", ["account", "set"])
def test_a_reason_that_is_switched_off_does_not_stop_mail(wired: Wired, level: str) -> None:
    wired.ses.put_suppressed_destination(EmailAddress="ada@example.org", Reason="COMPLAINT")
    if level == "account":
        wired.ses.put_account_suppression_attributes(SuppressedReasons=["BOUNCE"])
    else:
        wired.ses.put_configuration_set_suppression_options(
            ConfigurationSetName="all", SuppressedReasons=["BOUNCE"]
        )
    wired.send("ada@example.org")
    assert {event["eventType"] for event in wired.events()} == {"Send", "Delivery"}


def test_an_operation_that_the_sandbox_lacks_says_so(sbx: RunningSandbox) -> None:
    with pytest.raises(ClientError, match="does not do CreateContactList"):
        sbx.client("sesv2").create_contact_list(ContactListName="x")
