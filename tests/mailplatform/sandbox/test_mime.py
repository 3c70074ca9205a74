"""Mail as the recipient's server got it, read back by Python's own parser."""

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest

from mailplatform.sandbox import mime
from mailplatform.sandbox.message import Attachment, Message

SENT_AT = 1_780_000_000.25


def message(**changes: Any) -> Message:
    values: dict[str, Any] = {
        "id": "010701a200857a80-e2be88f0-1a68-4741-bf69-4848e4542209-000000",
        "sent_at": SENT_AT,
        "source": "a@example.com",
        "source_arn": "",
        "destination": ["b@example.org"],
        "headers": [("From", "a@example.com"), ("To", "b@example.org"), ("Subject", "Hi")],
        "tags": {},
        "text": "plain",
        "html": "<p>rich</p>",
        **changes,
    }
    return Message(**values)


def parse(mail: Message) -> EmailMessage:
    parsed = message_from_bytes(mime.build(mail), policy=default)
    assert isinstance(parsed, EmailMessage)
    return parsed


def body(mail: Message, kind: str) -> str:
    part = parse(mail).get_body((kind,))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def test_both_parts_make_an_alternative() -> None:
    parsed = parse(message())
    assert parsed.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in parsed.iter_parts()] == ["text/plain", "text/html"]
    assert parsed.defects == []


def test_one_part_stands_alone() -> None:
    assert parse(message(html=None)).get_content_type() == "text/plain"
    assert parse(message(text=None)).get_content_type() == "text/html"


@pytest.mark.parametrize(
    "text", ["Grüße, 世界 🎉\nzweite = Zeile \n", "x" * 5000, "a=b\n.\n..\nFrom x", "trailing \n"]
)
def test_text_survives(text: str) -> None:
    assert body(message(text=text), "plain").rstrip("\n") == text.rstrip("\n")


def test_lines_end_in_crlf_and_stay_short() -> None:
    raw = mime.build(message(text="é" * 3000, html="<p>" + "x" * 4000))
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert max(len(line) for line in raw.split(b"\r\n")) < 998


def test_ses_sets_message_id_and_date() -> None:
    parsed = parse(message())
    assert parsed["Message-ID"] == f"<{message().id}@eu-central-1.amazonses.com>"
    assert parsed["Date"] == "Thu, 28 May 2026 20:26:40 +0000"


def test_headers_keep_their_order_and_bytes() -> None:
    link = f"<https://example.com/u/{'x' * 900}>"
    headers = [
        *message().headers,
        ("List-Unsubscribe", link),
        ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
    ]
    raw = mime.build(message(headers=headers)).decode()
    assert f"\r\nList-Unsubscribe: {link}\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in raw


def test_the_subject_is_encoded_and_cannot_inject_a_header() -> None:
    headers = [("Subject", "Grüße\r\nBcc: evil@example.net")]
    parsed = parse(message(headers=headers))
    assert parsed["Subject"] == "Grüße Bcc: evil@example.net"
    assert parsed["Bcc"] is None


def test_feedback_id_takes_its_tags() -> None:
    tags = {"ses:feedback-id-a": ["run7"], "ses:feedback-id-b": ["shop"]}
    assert parse(message(tags=tags))["Feedback-ID"].startswith("run7:shop:1.eu-central-1.")


def test_attachments_come_along() -> None:
    item = Attachment("a.txt", "text/plain", "ATTACHMENT", "aGVsbG8=", content_id="c1", description="d")
    parsed = parse(message(attachments=[item]))
    assert parsed.get_content_type() == "multipart/mixed"
    attached = next(parsed.iter_attachments())
    assert (attached.get_filename(), attached.get_payload(decode=True)) == ("a.txt", b"hello")
    assert body(message(attachments=[item]), "html").strip() == "<p>rich</p>"


def test_the_same_mail_has_the_same_bytes() -> None:
    assert mime.build(message()) == mime.build(message())


def test_a_raw_mail_keeps_its_own_headers_but_message_id_date_and_ses_ones() -> None:
    raw = (
        "From: a@example.com\r\nBcc: x@example.org\r\nMessage-ID: <own>\r\nX-SES-CONFIGURATION-SET: all\r\n"
        "Date: yesterday\r\nX-Own: 1\r\n folded\r\n\r\nbody\r\n"
    )
    built = mime.build(message(raw=raw)).decode()
    assert "X-Own: 1\r\n folded\r\n" in built
    assert built.endswith("\r\n\r\nbody\r\n")
    for gone in ("<own>", "yesterday", "Bcc", "X-SES"):
        assert gone not in built
    assert built.count("Message-ID:") == 1
