"""SendEmail, through boto3."""

import json
from email.message import EmailMessage
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.mailplatform.sandbox.support import Wired

EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


def refused(wired: Wired, **options: Any) -> dict[str, Any]:
    with pytest.raises(ClientError) as error:
        wired.send(**options)
    return dict(error.value.response["Error"])


def test_a_simple_mail_is_sent_and_delivered(wired: Wired) -> None:
    message_id = wired.send("Ada <ada@example.org>", EmailTags=[{"Name": "run", "Value": "7"}])
    assert [event["eventType"] for event in wired.events()] == ["Send", "Delivery"]
    for event in wired.events():
        assert event["mail"]["messageId"] == message_id
        assert event["mail"]["destination"] == ["ada@example.org"]
        assert event["mail"]["tags"]["run"] == ["7"]
        assert event["mail"]["commonHeaders"]["to"] == ["Ada <ada@example.org>"]
    mail = wired.sandbox.messages()[0]
    assert (mail["id"], mail["state"], mail["text"]) == (message_id, "delivered", "Hi")


def test_custom_headers_reply_to_and_copies_are_there(wired: Wired) -> None:
    headers = [
        {"Name": "List-Unsubscribe", "Value": "<https://example.com/u>"},
        {"Name": "List-Unsubscribe-Post", "Value": "List-Unsubscribe=One-Click"},
    ]
    message_id = wired.ses.send_email(
        FromEmailAddress="news@example.com",
        Destination={
            "ToAddresses": ["a@example.org"],
            "CcAddresses": ["c@example.org"],
            "BccAddresses": ["b@example.org"],
        },
        ReplyToAddresses=["help@example.com"],
        Content={
            "Simple": {"Subject": {"Data": "x"}, "Body": {"Text": {"Data": "x"}}, "Headers": headers},
        },
    )["MessageId"]
    names = [item["name"] for item in wired.sandbox.api.get(f"messages/{message_id}")["headers"]]
    assert names == [
        "Return-Path",
        "From",
        "Reply-To",
        "To",
        "Cc",
        "Subject",
        "List-Unsubscribe",
        "List-Unsubscribe-Post",
        "Message-ID",
        "Date",
        "Feedback-ID",
    ]
    assert b"b@example.org" not in wired.sandbox.raw(message_id)
    assert len(wired.sandbox.api.get("messages", to="b@example.org")["messages"]) == 1


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ({"Name": "Subject", "Value": "x"}, "not allowed"),
        ({"Name": "bcc", "Value": "x"}, "not allowed"),
        ({"Name": "X-Long", "Value": "x" * 995}, "longer than"),
        ({"Name": "List-Id", "Value": "x"}, "Duplicate header"),
        ({"Name": "X Y", "Value": "x"}, "regular expression"),
    ],
)
def test_bad_headers_are_refused(wired: Wired, header: dict[str, str], words: str) -> None:
    error = refused(wired, simple={"Headers": [{"Name": "List-ID", "Value": "y"}, header]})
    assert error["Code"] == "BadRequestException"
    assert words in error["Message"]


@pytest.mark.parametrize(
    "tags",
    [
        [{"Name": "a b", "Value": "x"}],
        [{"Name": "a", "Value": "x y"}],
        [{"Name": "a", "Value": ""}],
        [{"Name": "ses:own", "Value": "x"}],
        [{"Name": "a", "Value": "x" * 257}],
        [{"Name": "a", "Value": "1"}, {"Name": "a", "Value": "2"}],
    ],
)
def test_bad_tags_are_refused(wired: Wired, tags: list[dict[str, str]]) -> None:
    assert refused(wired, EmailTags=tags)["Code"] == "BadRequestException"
    assert wired.sandbox.messages() == []


@pytest.mark.parametrize(
    ("to", "words"),
    [
        ("nobody", "Missing final '@domain'"),
        ("müller@example.org", "Non-ASCII"),
        ("a b@example.org", "Local address"),
        ("a@exa_mple..org", "Domain contains"),
    ],
)
def test_bad_addresses_are_refused(wired: Wired, to: str, words: str) -> None:
    with pytest.raises(ClientError) as error:
        wired.send(to)
    assert words in error.value.response["Error"]["Message"]


def test_fifty_one_recipients_are_too_many(wired: Wired) -> None:
    with pytest.raises(ClientError, match="Recipient count exceeds 50"):
        wired.send(*[f"a{number}@example.org" for number in range(51)])


def test_content_is_of_one_kind(wired: Wired) -> None:
    with pytest.raises(ClientError, match="exactly one"):
        wired.ses.send_email(
            FromEmailAddress="a@example.com", Content={}, Destination={"ToAddresses": ["a@b.example"]}
        )


def test_without_production_access_only_verified_people_get_mail(wired: Wired) -> None:
    wired.sandbox.api.put("account", production_access=False)
    assert "EU-CENTRAL-1: ada@example.org" in refused(wired)["Message"]
    wired.send("success+label@simulator.amazonses.com")
    wired.ses.create_email_identity(EmailIdentity="ada@example.org")
    wired.send("ada@example.org")


def test_the_rate_is_enforced_in_ses_words(wired: Wired) -> None:
    wired.sandbox.api.put("account", max_send_rate=0.001, burst_seconds=1)
    wired.send()
    with pytest.raises(ClientError) as error:
        wired.send()
    assert error.value.response["Error"] == {
        "Code": "TooManyRequestsException",
        "Message": "Maximum sending rate exceeded.",
    }
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429


def test_the_day_is_enforced(wired: Wired) -> None:
    wired.sandbox.api.put("account", max_24_hour_send=1)
    wired.send()
    assert refused(wired)["Message"] == "Daily message quota exceeded."


def test_a_raw_mail_keeps_its_parts(wired: Wired) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "Shop <news@example.com>", "ada@example.org", "Grüße"
    mail["Message-ID"] = "<own@example.com>"
    mail.set_content("plain")
    mail.add_alternative("<p>rich</p>", subtype="html")
    answer = wired.ses.send_email(Content={"Raw": {"Data": mail.as_bytes()}}, ConfigurationSetName="all")
    found = wired.sandbox.api.get(f"messages/{answer['MessageId']}")
    assert (found["subject"], found["text"].strip(), found["to"]) == ("Grüße", "plain", ["ada@example.org"])
    assert b"own@example.com" not in wired.sandbox.raw(answer["MessageId"])
    assert wired.events("Send")[0]["mail"]["commonHeaders"]["subject"] == "Grüße"


def test_a_templated_mail_and_its_rendering_failure(wired: Wired) -> None:
    def send(data: dict[str, Any]) -> str:
        content = {"Template": {"TemplateName": "t", "TemplateData": json.dumps(data)}}
        to = {"ToAddresses": ["ada@example.org"]}
        answer = wired.ses.send_email(
            FromEmailAddress="news@example.com", Destination=to, Content=content, ConfigurationSetName="all"
        )
        return str(answer["MessageId"])

    good, bad = send({"name": "Ada"}), send({})
    assert wired.sandbox.api.get(f"messages/{good}")["subject"] == "Hi Ada"
    assert wired.sandbox.api.get(f"messages/{bad}")["state"] == "rendering_failed"
    wired.sandbox.wait_quiet()
    kinds = [event["eventType"] for event in wired.receiver.events() if event["mail"]["messageId"] == bad]
    assert kinds == ["Rendering Failure"]
    assert wired.events("Rendering Failure")[0]["failure"] == {
        "errorMessage": "Attribute 'name' is not present in the rendering data.",
        "templateName": "t",
    }


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"Subject": "x", "Html": "{{#if a}}b{{/if}}"}, "simple substitutions"),
        ({"Subject": "x", "Text": "{{upper a}}"}, "simple substitutions"),
        ({"Subject": "x", "Text": "{{> p}}"}, "simple substitutions"),
        ({"Subject": "{{", "Text": "x"}, "Template is invalid"),
    ],
)
def test_an_inline_template_only_substitutes(wired: Wired, content: dict[str, str], words: str) -> None:
    call = {
        "FromEmailAddress": "news@example.com",
        "Destination": {"ToAddresses": ["a@example.org"]},
        "Content": {"Template": {"TemplateContent": content, "TemplateData": '{"a": 1}'}},
    }
    with pytest.raises(ClientError, match=words):
        wired.ses.send_email(**call)
    call["Content"] = {
        "Template": {"TemplateContent": {"Subject": "{{a}}", "Text": "b"}, "TemplateData": '{"a": 1}'}
    }
    assert wired.ses.send_email(**call)["MessageId"]


def test_a_virus_is_accepted_and_rejected(wired: Wired) -> None:
    attachment = {"RawContent": EICAR, "FileName": "eicar.com"}
    message_id = wired.send(simple={"Attachments": [attachment]})
    events = wired.events()
    assert [event["eventType"] for event in events] == ["Reject"]
    assert events[0]["reject"] == {"reason": "Bad content"}
    assert wired.sandbox.api.get(f"messages/{message_id}")["state"] == "rejected"


def test_contact_lists_do_not_exist_here(wired: Wired) -> None:
    assert refused(wired, ListManagementOptions={"ContactListName": "x"})["Code"] == "NotFoundException"
