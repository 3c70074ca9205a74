"""A mail in the form of RFC 5322, as an SMTP server gets it."""

import email
import email.policy
from email.header import decode_header, make_header
from email.utils import parseaddr
from typing import Any

import pytest

from campaigns import mime
from mailplatform.aws import limits

LINK = f"<https://news.example.com/u/{'a' * 300}>"


def _write(request: dict[str, Any], **given: Any) -> bytes:
    values = {"to": "ada@example.org", "message_id": "m1", "subject": "Hello", "html": "", "text": "Hi"}
    return mime.write(request, **values | given)


def _header(raw: bytes, name: str) -> bytes:
    (found,) = [line for line in raw.split(b"\r\n") if line.startswith(f"{name}: ".encode())]
    return found.partition(b": ")[2]


def test_long_headers_are_written_as_they_stand() -> None:
    """RFC 8058 wants the address itself: inside an encoded word no mailbox provider looks for one."""
    tags = [
        {"Name": "ses:feedback-id-a", "Value": "c" * 32},
        {"Name": "ses:feedback-id-b", "Value": "i" * 32},
    ]
    raw = _write(
        {"FromEmailAddress": "shop@example.com", "DefaultEmailTags": tags},
        headers=[{"Name": "List-Unsubscribe", "Value": LINK}],
    )
    assert _header(raw, "List-Unsubscribe") == LINK.encode()
    assert _header(raw, "Feedback-ID") == f"{'c' * 32}:{'i' * 32}:campaign:mailplatform".encode()


@pytest.mark.parametrize(
    "name", ["Müller, GmbH & Co. <boss@evil.example>", 'Ada "x", Inc.', "Ä" * 120, "=?x"]
)
def test_the_senders_name_stays_a_name(name: str) -> None:
    raw = _write({"FromEmailAddress": limits.format_address(name, "shop@example.com")})
    written, address = parseaddr(email.message_from_bytes(raw)["From"].replace("\r\n", ""))
    assert (str(make_header(decode_header(written))), address) == (name, "shop@example.com")
    assert raw.count(b"@", 0, raw.index(b"\r\nTo: ")) == 1


@pytest.mark.parametrize(
    "subject", ["Grüße " * 40, "x" * 2000, "=?utf-8?q?no?=", "plain", "tab\there\r\nBcc: x@y"]
)
def test_a_subject_comes_back_as_it_was(subject: str) -> None:
    raw = _write({"FromEmailAddress": "shop@example.com"}, subject=subject)
    read = email.message_from_bytes(raw, policy=email.policy.default)
    assert read["Subject"] == " ".join(subject.split())
    assert read["Bcc"] is None
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998


@pytest.mark.parametrize(
    "header",
    [{"Name": "X-One", "Value": "a\r\nBcc: x@y.example"}, {"Name": "X\nBcc", "Value": "x@y.example"}],
)
def test_no_header_begins_another(header: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="line break"):
        _write({"FromEmailAddress": "shop@example.com"}, headers=[header])


def test_attachments_and_line_ends() -> None:
    raw = _write(
        {"FromEmailAddress": "shop@example.com"},
        text="a\rb\n.\n",
        html="<p>ü</p>",
        attachments=[{"FileName": "plän.pdf", "ContentType": "application/pdf", "RawContent": b"%PDF\n\r"}],
    )
    assert raw.count(b"\r") == raw.count(b"\n") == raw.count(b"\r\n")
    read = email.message_from_bytes(raw, policy=email.policy.default)
    (attached,) = read.iter_attachments()
    assert (attached.get_filename(), attached.get_content()) == ("plän.pdf", b"%PDF\n\r")
