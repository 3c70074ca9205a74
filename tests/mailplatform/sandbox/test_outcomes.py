"""The simulator's addresses, and what SES does by itself."""

import pytest
from botocore.exceptions import ClientError

from mailplatform.sandbox.outcomes import simulated
from mailplatform.sandbox.testing import ApiFailedError
from tests.mailplatform.sandbox.support import Wired


@pytest.mark.parametrize(
    ("local", "kinds", "state"),
    [
        ("success", ["Send", "Delivery"], "delivered"),
        ("success+label", ["Send", "Delivery"], "delivered"),
        ("ooto", ["Send", "Delivery"], "delivered"),
        ("bounce", ["Send", "Bounce"], "bounced"),
        ("BOUNCE+42", ["Send", "Bounce"], "bounced"),
        ("complaint+1", ["Send", "Delivery", "Complaint"], "complained"),
        ("suppressionlist", ["Send", "Bounce"], "bounced"),
        ("typo", ["Send", "Bounce"], "bounced"),
    ],
)
def test_simulator_addresses(wired: Wired, local: str, kinds: list[str], state: str) -> None:
    message_id = wired.send(f"{local}@simulator.amazonses.com")
    assert sorted(event["eventType"] for event in wired.events()) == sorted(kinds)
    assert wired.sandbox.api.get(f"messages/{message_id}")["state"] == state
    assert wired.ses.list_suppressed_destinations()["SuppressedDestinationSummaries"] == []


def test_bounces_are_told_apart(wired: Wired) -> None:
    wired.send("bounce@simulator.amazonses.com")
    wired.send("suppressionlist@simulator.amazonses.com")
    bounces = {event["bounce"]["bounceSubType"]: event["bounce"] for event in wired.events("Bounce")}
    assert set(bounces) == {"General", "Suppressed"}
    detail = bounces["General"]["bouncedRecipients"][0]
    assert (detail["action"], detail["status"]) == ("failed", "5.1.1")
    assert detail["diagnosticCode"].startswith("smtp; 550 5.1.1")


def test_a_mail_to_several_people_has_an_event_for_each(wired: Wired) -> None:
    wired.send("a@example.org", "bounce@simulator.amazonses.com")
    assert wired.events("Delivery")[0]["delivery"]["recipients"] == ["a@example.org"]
    bounced = wired.events("Bounce")[0]["bounce"]["bouncedRecipients"]
    assert [item["emailAddress"] for item in bounced] == ["bounce@simulator.amazonses.com"]
    assert len(wired.events("Send")) == 1


@pytest.mark.parametrize(("event", "reason"), [("BOUNCE", "BOUNCE"), ("COMPLAINT", "COMPLAINT")])
def test_real_people_land_on_the_suppression_list(wired: Wired, event: str, reason: str) -> None:
    message_id = wired.send("ada@example.org")
    wired.sandbox.api.post(f"messages/{message_id}/event", event=event)
    found = wired.ses.get_suppressed_destination(EmailAddress="ada@example.org")["SuppressedDestination"]
    assert (found["Reason"], found["Attributes"]["MessageId"]) == (reason, message_id)


def test_a_soft_bounce_suppresses_nobody(wired: Wired) -> None:
    message_id = wired.send("ada@example.org")
    wired.sandbox.api.post(
        f"messages/{message_id}/event", event="bounce", type="Transient", subtype="MailboxFull"
    )
    with pytest.raises(ClientError, match="NotFoundException"):
        wired.ses.get_suppressed_destination(EmailAddress="ada@example.org")
    bounce = wired.events("Bounce")[0]["bounce"]
    assert (bounce["bounceType"], bounce["bounceSubType"]) == ("Transient", "MailboxFull")


def test_an_unknown_event_cannot_be_injected(wired: Wired) -> None:
    message_id = wired.send()
    with pytest.raises(ApiFailedError, match="cannot be injected"):
        wired.sandbox.api.post(f"messages/{message_id}/event", event="OPEN")


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("a@b.example", ""),
        ("Success+x@Simulator.amazonses.com", "success"),
        ("x@simulator.amazonses.com", "unknown"),
    ],
)
def test_which_addresses_are_simulated(address: str, kind: str) -> None:
    assert simulated(address) == kind
